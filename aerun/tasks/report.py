"""task=report: the page about a run, from its files and its weights."""

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from aerun.trained import Trained, spec_of, trained_objective

log = logging.getLogger("aerun")

REPORT = "report.html"
_POINTS = 5000  # codes that settle the plane and its limits, as in latent.png
_BLOCK = 64  # examples at a time
_PICTURES = {
    "samples.png": "Samples",
    "latent.png": "Codes of the test set",
    "filters.png": "Weights of the first level",
    "kl_per_dimension.png": "What each code dimension carries",
    "activity.png": "How active the units of the code are",
}


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
        data = run_data(
            config, spec_of(config, directory), next(objective.parameters())
        )
        model = Trained(directory, dict(config), objective.model)
        codes = map_of_codes(model, data.test)
    except (DataError, RunDirectoryError) as error:
        why = f"There is no map of the codes: {error}."
        log.warning("%s", why)
    return write_report(RunDirectory(directory), config, units, codes, why)


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
    from aerun.reporting.page.parts import FigureRow
    from aerun.reporting.report import RunReport, run_report
    from aerun.reporting.verdict import verdict

    summary, rows = _summary(run), _rows(run)
    metrics = dict((summary or {}).get("metrics", {}))
    chosen, completed = choices(run), (summary or {}).get("status") == "completed"
    repeated = repeating(run, config)
    asked = []
    if repeated is not None:
        asked.append((f"The same run again, from {repeated[1]}", repeated[0]))
    path = run.path.absolute()
    decodes = codes is None or "decoded" in codes
    asked += further(path, config, completed=completed, decodes=decodes)
    figures = []
    for name, value in metrics.items():
        known = definition(name, units)
        shown = "none" if value is None else f"{value:.6g}"
        figures.append(
            FigureRow(name=name, value=shown, unit=known.unit, definition=known.text)
        )
    phases = list(dict.fromkeys(row["phase"] for row in rows if "phase" in row))
    planned = config["trainer"]["epochs"] if not phases else None
    content = RunReport(
        title=_title(chosen, run.path),
        where=str(path),
        verdict=verdict(summary, rows, planned=planned),
        figures=figures,
        metrics=metrics,
        health=(summary or {}).get("health", []),
        judged=completed,
        rows=rows,
        best=(summary or {}).get("best_epoch"),
        slides=list(_slides(run, phases)),
        pictures=list(_pictures(run, mapped=_says_all(codes, run))),
        codes=codes,
        no_codes=no_codes,
        commands=asked,
        facts=list(_facts(config, summary, rows)),
        config=_text(run, "config.yaml"),
    )
    return run.write(REPORT, run_report(content))


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
        examples=_examples(model, split, places),
        decode=model.decode if decodes else None,
    )
    return made


def _examples(model: Trained, split: Split, places: np.ndarray) -> Iterator[np.ndarray]:
    """Those at some places, in the units of the data, [n, *shape] at a time."""
    for start in range(0, len(places), _BLOCK):
        some = torch.from_numpy(places[start : start + _BLOCK])
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


# -- the files -------------------------------------------------------------------------


def _summary(run: RunDirectory) -> dict[str, Any] | None:
    try:
        return dict(run.read_json("summary.json"))
    except FileNotFoundError:
        return None


def _rows(run: RunDirectory) -> list[dict[str, Any]]:
    """Of ``metrics.csv``; a cell that is empty was not measured."""
    path = run.path / "metrics.csv"
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return [
            {
                key: value if key == "phase" else _number(value)
                for key, value in row.items()
            }
            for row in csv.DictReader(file)
        ]


def _number(text: str) -> float | int | None:
    if text == "":
        return None
    value = float(text)
    return int(value) if value.is_integer() else value


def _text(run: RunDirectory, name: str) -> str:
    path = run.path / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _slides(run: RunDirectory, phases: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Pictures of reconstructions in order, the final ones last."""

    def order(path: Path) -> tuple[int, str]:
        of = [i for i, name in enumerate(phases) if path.stem.startswith(f"{name}_")]
        return (of[-1] if of else 0), path.stem

    for path in sorted((run.path / "reconstructions").glob("*.png"), key=order):
        words = path.stem.replace("_", " ").split()
        shown = " ".join(word.lstrip("0") or word for word in words)
        yield shown, path.read_bytes()
    final = run.path / "reconstructions.png"
    if final.is_file():
        yield "the final weights", final.read_bytes()


def _pictures(run: RunDirectory, *, mapped: bool) -> Iterator[tuple[str, bytes]]:
    """The other pictures; that of the codes only where the page's map shows less."""
    for name, title in _PICTURES.items():
        path = run.path / name
        if path.is_file() and not (mapped and name == "latent.png"):
            yield title, path.read_bytes()


def _title(chosen: Mapping[str, str], path: Path) -> str:
    if "model" not in chosen or "dataset" not in chosen:
        return path.name
    if "experiment" in chosen:
        return f"{chosen['experiment']}: {chosen['model']} on {chosen['dataset']}"
    return f"{chosen['model']} on {chosen['dataset']}"


def _facts(
    config: Mapping[str, Any],
    summary: Mapping[str, Any] | None,
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, str]]:
    """What else there is to know of the run."""
    known = summary or {}
    yield "Examples", "x".join(str(n) for n in config["data"]["shape"])
    if "num_parameters" in known:
        yield "Parameters", f"{known['num_parameters']:,}"
    yield "Epochs", str(len(rows))
    if known.get("best_epoch") is not None:
        yield "Best epoch", str(known["best_epoch"])
    if "steps" in known:
        yield "Steps", f"{known['steps']:,}"
    if known.get("samples_per_second"):
        yield "Training took", f"{known['seconds']:.3g} s"
        yield "Speed", f"{known['samples_per_second']:,.0f} examples per second"
    yield "Device", str(config["device"])
    yield "Seed", str(config["seed"])
    if known.get("versions"):
        yield "Versions", ", ".join(f"{k} {v}" for k, v in known["versions"].items())
    for key, name in (
        ("git_commit", "Git commit"),
        ("config_hash", "Hash of the config"),
        ("data_hash", "Hash of the data"),
    ):
        if known.get(key):
            yield name, str(known[key])
