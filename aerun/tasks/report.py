"""task=report: the page about a run, from its files and its weights."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from aerun.build import build_objective
from aerun.data import Split
from aerun.errors import DataError, RunDirectoryError
from aerun.evaluation.definitions import definition
from aerun.evaluation.density import decoded_codes
from aerun.evaluation.splits import collect
from aerun.rundir import RunDirectory
from aerun.tasks.commands import choices, further, repeating
from aerun.tasks.on_run import device_of, run_data
from aerun.tasks.record import (
    evaluation_of,
    facts,
    pictures,
    rows_of,
    slides,
    summary_of,
    text_of,
    title_of,
)
from aerun.trained import Trained, spec_of, trained_objective

if TYPE_CHECKING:
    from aerun.reporting.page.parts import FigureRow

log = logging.getLogger("aerun")

REPORT = "report.html"
_NO_MAP = "There is no map of the codes"
_POINTS = 5000  # codes that settle the plane and its limits, as in latent.png


def report(config: Mapping[str, Any], directory: Path) -> Path:
    """Write ``report.html`` of a run again, or for the first time.

    Args:
        config: The run's.
        directory: The run's.

    Returns:
        The page. What cannot be read any more is left out of it, and that is said.
    """
    units = build_objective(config, tuple(config["data"]["shape"])).units()
    codes, why = None, ""
    try:
        objective = trained_objective(
            dict(config), directory, weights=_saved(config, directory)
        ).to(device_of(config))
        spec = spec_of(config, directory)
        data = run_data(config, spec, next(objective.parameters()))
        model = Trained(directory, dict(config), objective.model)
        if data.spec.fingerprint == spec.fingerprint:
            codes = map_of_codes(model, data.test)
            why = "" if codes is not None else f"{_NO_MAP}: not all codes are finite."
        else:
            why = f"{_NO_MAP}: these are not the examples that the run was trained on."
    except (DataError, RunDirectoryError) as error:
        why = f"{_NO_MAP}: {error}."
    if why:
        log.warning("%s", why)
    page = write_report(RunDirectory(directory), config, units, codes, why)
    log.info("Look at %s", page)
    return page


def write_report(
    run: RunDirectory,
    config: Mapping[str, Any],
    units: Mapping[str, str],
    codes: Mapping[str, Any] | None,
    no_codes: str = "",
) -> Path:
    """Put the page of a run together from its files.

    Args:
        run: Whose ``summary.json`` is written, if it ended.
        config: The run's.
        units: Of its objective's terms.
        codes: As ``map_of_codes`` gives them, or None.
        no_codes: Why there are none.
    """
    from aerun.reporting.report import RunReport, run_report
    from aerun.reporting.verdict import verdict

    summary, rows = summary_of(run), rows_of(run)
    metrics, completed = (
        summary.get("metrics", {}),
        summary.get("status") == "completed",
    )
    phases = list(dict.fromkeys(row["phase"] for row in rows if "phase" in row))
    planned = None if phases else config["trainer"]["epochs"]
    again = repeating(run, config)
    said = [] if again is None else [(f"The same run again, from {again[1]}", again[0])]
    said += further(
        run.path,
        config,
        status=summary.get("status", ""),
        weights=any(run.path.glob("checkpoints/*.safetensors")),
        decodes=codes is None or "decoded" in codes,
    )
    page = RunReport(
        title=title_of(choices(run), run.path),
        where=str(run.path.absolute()),
        verdict=verdict(summary, rows, planned=planned),
        figures=_figures(metrics, units),
        metrics=metrics,
        evaluation=_evaluated(evaluation_of(run)),
        health=summary.get("health", []),
        judged=completed,
        rows=rows,
        best=summary.get("best_epoch"),
        slides=list(slides(run, phases)),
        pictures=list(pictures(run, mapped=_says_all(codes, run))),
        codes=codes,
        no_codes=no_codes,
        commands=said,
        facts=list(facts(config, summary, rows)),
        config=text_of(run, "config.yaml"),
    )
    return run.write(REPORT, run_report(page))


def _figures(metrics: Mapping[str, Any], units: Mapping[str, str]) -> list["FigureRow"]:
    """Those of ``summary.json`` with their definitions."""
    from aerun.reporting.page.parts import FigureRow

    return [
        FigureRow(
            name=name,
            value="none" if value is None else f"{value:.6g}",
            unit=definition(name, units).unit,
            definition=definition(name, units).text,
        )
        for name, value in metrics.items()
    ]


def _evaluated(figures: Mapping[str, Mapping[str, Any]]) -> list["FigureRow"]:
    """Those of ``evaluation.json``, which holds their definitions."""
    from aerun.reporting.page.parts import FigureRow

    rows = []
    for name, figure in figures.items():
        error = figure.get("standard_error")
        about = "" if error is None else f" \u00b1 {error:.2g}"
        rows.append(
            FigureRow(
                name=name,
                value=f"{figure['value']:.5g}{about}",
                unit=str(figure.get("unit", "")).replace("none", ""),
                definition=str(figure.get("definition", "")),
            )
        )
    return rows


# -- the codes -------------------------------------------------------------------------


def map_of_codes(model: Trained, test: Split) -> dict[str, Any] | None:
    """A map of the test set's codes, for the page; None where one is not finite.

    Args:
        model: With the weights to be shown.
        test: Scaled as the model takes them, on its device.
    """
    from aerun.reporting.code_map import Look, code_map, shown_places

    spec, net = model.spec, model.model
    low, high = spec.drawn_range
    names = spec.feature_names
    look = Look(shape=spec.shape, low=low, high=high, names=names)
    split = test.first(_POINTS)
    decodes = hasattr(net, "decode")
    codes = collect(
        (lambda x: decoded_codes(net, x)) if decodes else net.encode, split
    ).astype(np.float64)
    if not np.isfinite(codes).all():
        return None
    places = shown_places(len(split), look)
    made: dict[str, Any] = code_map(
        codes,
        None if split.labels is None else split.labels.cpu().numpy(),
        places=places,
        classes=spec.classes,
        look=look,
        examples=_examples(model, split, places, look.block),
        decode=model.decode if decodes else None,
    )
    return made


def _examples(
    model: Trained, split: Split, places: np.ndarray, block: int
) -> Iterator[np.ndarray]:
    """Those at some places, in the units of the data, [n, *shape] at a time."""
    for start in range(0, len(places), block):
        some = torch.from_numpy(places[start : start + block])
        x = split.gather(some.to(split.device)).cpu().double().numpy()
        yield model.spec.unscaled(x)


def _says_all(codes: Mapping[str, Any] | None, run: RunDirectory) -> bool:
    """Whether a map shows all that ``latent.png`` does: neither space nor a prior."""
    prior = (run.path / "samples.png").is_file()
    return codes is not None and codes["size"] != 3 and not prior


def _saved(config: Mapping[str, Any], directory: Path) -> str:
    """The weights that the run is judged by or, if it ended early, those it has."""
    judged = str(config["trainer"]["final_weights"])
    file = directory / f"checkpoints/{judged}.safetensors"
    return judged if file.is_file() else "last"
