"""What a run directory holds that a page can show, read back from its files."""

import functools
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aerun.errors import RunDirectoryError
from aerun.reading import evaluation
from aerun.rundir import RunDirectory

log = logging.getLogger("aerun")

_PICTURES = {
    "samples.png": "Samples",
    "latent.png": "Codes of the test set",
    "filters.png": "Weights of the first level",
    "kl_per_dimension.png": "What each code dimension carries",
    "activity.png": "How active the units of the code are",
}


def summary_of(run: RunDirectory) -> dict[str, Any]:
    """``summary.json``; empty where there is none, "unreadable" where it is damaged."""
    return _read(run.read_summary, {}, {"status": "unreadable"})


def rows_of(run: RunDirectory) -> list[dict[str, Any]]:
    """Of ``metrics.csv``; none where no epoch was recorded, or it is damaged."""
    return _read(lambda: run.read_table("metrics.csv"), [], [])


def evaluation_of(run: RunDirectory) -> dict[str, dict[str, Any]]:
    """Figures of the newest ``task=evaluate`` on the run's own data, by name.

    Empty where there are none.
    """
    nothing: tuple[bool, dict[str, Any]] = (False, {})
    for path in reversed(run.by_age("evaluate", "evaluation.json")):
        own, found = _read(functools.partial(evaluation, path), nothing, nothing)
        if own:
            return {
                name: figure
                for name, figure in found.items()
                if isinstance(figure.get("value"), int | float)
            }
    return {}


def _read(read: Callable[[], Any], absent: Any, damaged: Any) -> Any:
    """What is read, or what stands for it; says so where a file is damaged."""
    try:
        return read()
    except FileNotFoundError:
        return absent
    except RunDirectoryError as error:
        log.warning("The report leaves this out: %s.", error)
        return damaged


def text_of(run: RunDirectory, name: str) -> str:
    """A file as it is; empty where there is none."""
    path = run.path / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _picture(path: Path) -> bytes | None:
    """A picture as it is; None where it is none that was drawn here, which is said."""
    from PIL import Image

    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                image.verify()
    except (OSError, SyntaxError, ValueError, *too_large) as error:
        log.warning("The report leaves out %s, which is damaged (%s).", path, error)
        return None
    return content


def slides(run: RunDirectory, phases: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Pictures of reconstructions in order, the final ones last."""

    def order(path: Path) -> tuple[int, str]:
        of = [i for i, name in enumerate(phases) if path.stem.startswith(f"{name}_")]
        return (of[-1] if of else 0), path.stem

    for path in sorted((run.path / "reconstructions").glob("*.png"), key=order):
        words = path.stem.replace("_", " ").split()
        shown = " ".join(word.lstrip("0") or word for word in words)
        if (content := _picture(path)) is not None:
            yield shown, content
    final = run.path / "reconstructions.png"
    if final.is_file() and (content := _picture(final)) is not None:
        yield "the final weights", content


def pictures(run: RunDirectory, *, mapped: bool) -> Iterator[tuple[str, bytes]]:
    """The other pictures; that of the codes only where the page's map shows less."""
    for name, title in _PICTURES.items():
        path = run.path / name
        left_out = mapped and name == "latent.png"
        if path.is_file() and not left_out and (content := _picture(path)) is not None:
            yield title, content


def title_of(chosen: Mapping[str, str], path: Path) -> str:
    """What was trained on what; the directory's name where that is not recorded."""
    if "model" not in chosen or "dataset" not in chosen:
        return path.name
    if "experiment" in chosen:
        return f"{chosen['experiment']}: {chosen['model']} on {chosen['dataset']}"
    return f"{chosen['model']} on {chosen['dataset']}"


def facts(
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, str]]:
    """What else there is to know of the run."""
    yield "Examples", "x".join(str(n) for n in config["data"]["shape"])
    if "num_parameters" in summary:
        yield "Parameters", f"{summary['num_parameters']:,}"
    yield "Epochs", str(len(rows))
    if summary.get("best_epoch") is not None:
        yield "Best epoch", str(summary["best_epoch"])
    if "steps" in summary:
        yield "Steps", f"{summary['steps']:,}"
    if summary.get("samples_per_second"):
        yield "Training took", f"{summary['seconds']:.3g} s"
        yield "Speed", f"{summary['samples_per_second']:,.0f} examples per second"
    if "device" in summary:
        yield "Device", str(summary["device"])
    yield "Seed", str(config["seed"])
    if summary.get("versions"):
        yield "Versions", ", ".join(f"{k} {v}" for k, v in summary["versions"].items())
    for key, name in (
        ("git_commit", "Git commit"),
        ("config_hash", "Hash of the config"),
        ("data_hash", "Hash of the data"),
    ):
        if summary.get(key):
            yield name, str(summary[key])
