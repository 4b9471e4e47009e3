"""What the pages on sweeps, searches and clusters say that commands leave."""

import json
import re
from pathlib import Path

from aerun.cli import main
from aerun.sweeps.manifest import COMPLETED, FAILED, PENDING, SUPERSEDED, Job, Manifest

PAGE = Path(__file__).parents[1] / "docs/sweeps.md"
SMALL = ("trainer.epochs=1", "trainer.threads=1", "trainer.preview_every=0",
         "dataset.limit=60")  # fmt: skip


def _sweeps(folder: Path) -> list[list[Job]]:
    """The jobs of every sweep, in the order they were begun."""
    found = sorted(folder.glob("outputs/sweeps/*/*"), key=lambda p: p.stat().st_ctime)
    found.sort(key=lambda path: (path / "multirun.yaml").stat().st_mtime)
    return [Manifest(path).jobs() for path in found]


def _grids(folder: Path, run: Path, printed: str) -> None:
    named = Manifest(folder / "corruptions").jobs()
    for jobs, number in zip([*_sweeps(folder), named], [8, 6, 5], strict=True):
        assert [job.state for job in jobs] == [COMPLETED] * number
    assert {job.values["corruption"] for job in named} > {"none", "masking"}


def _presets(folder: Path, run: Path, printed: str) -> None:
    code, noise, both, own = _sweeps(folder)
    sizes = [int(job.values["model.code"]) for job in code]
    assert sizes == [1, 2, 4, 8, 16, 32]
    assert [job.values["corruption.probability"] for job in noise] == ["0.1", "0.5"]
    assert {job.values["model"] for job in noise} == {"denoising"}
    pairs = {(job.values["model.code"], job.values["seed"]) for job in both}
    assert len(pairs) == len(both) == 10
    assert len(own) == 6
    assert {job.values["corruption"] for job in own} == {"masking"}


def _directory(folder: Path, run: Path, printed: str) -> None:
    main(["-m", "model=linear", "model.code=2,3", "hydra.sweep.dir=s", *SMALL])
    part = PAGE.read_text().partition("## What a sweep leaves")[2].partition("\n## ")[0]
    rows = "".join(row.split("|")[1] for row in part.splitlines() if row[:3] == "| `")
    names = set(re.findall(r"`([^`]+)`", rows))
    there = {path.name + "/" * path.is_dir() for path in (folder / "s").glob("[!.]*")}
    assert names == there


def _best(folder: Path, run: Path, printed: str) -> None:
    (sweep,) = folder.glob("outputs/sweeps/*/*")
    figures = [job.figures["test/active_units"] for job in Manifest(sweep).jobs()]
    table = (sweep / "summary.md").read_text()
    shown = re.findall(r"^\| \d+ \| [\d.]+ \| 1 \| (\d+) ", table, flags=re.MULTILINE)
    assert [float(value) for value in shown] == sorted(figures, reverse=True)


def _continued(folder: Path, run: Path, printed: str) -> None:
    (jobs,) = _sweeps(folder)
    found = [(job.values["model"], job.values["seed"]) for job in jobs]
    assert found == [*((m, s) for m in ("linear", "vae") for s in "01"),
                     ("linear", "2"), ("vae", "2"),
                     *(("conv", s) for s in "012")]  # fmt: skip
    assert {job.state for job in jobs} == {COMPLETED}


def _failed(folder: Path, run: Path, printed: str) -> None:
    asked = ["-m", "model=linear", "trainer.lr=1e30,0.01", *SMALL]
    assert main([*asked, "sweep.fail_fast=true", "hydra.sweep.dir=fast"]) == 1
    assert [job.state for job in Manifest("fast").jobs()] == [FAILED, PENDING]
    assert main([*asked, "hydra.sweep.dir=s"]) == 1
    assert [job.state for job in Manifest("s").jobs()] == [FAILED, COMPLETED]
    assert main(["task=resume", "run=s"]) == 1
    again, other = Manifest("s").jobs()
    assert (again.directory, other.state) == ("0_2", COMPLETED)
    assert (folder / "s/0").is_dir(), "what it left is kept"
    assert main(["task=resume", "run=s", "trainer.lr=0.01,0.1"]) == 0
    states = [job.state for job in Manifest("s").jobs()]
    assert states == [SUPERSEDED, COMPLETED, COMPLETED]


def _search(folder: Path, run: Path, printed: str) -> None:
    made = folder / "outputs/sweeps/rates"
    assert len(list(made.glob("*/summary.json"))) == 4
    assert "4 trials: 4 completed; the best is trial" in printed
    assert printed.count("\nmodel.hidden  ") >= 1
    for name in ("search.md", "search.png", "search.db", "manifest.json"):
        assert (made / name).is_file()


def _searches(folder: Path, run: Path, printed: str) -> None:
    blind, grid = sorted(folder.glob("outputs/sweeps/*/*/search.md"))
    assert "8 trials: 8 completed" in blind.read_text()
    assert "val/mse" in blind.read_text()
    assert "6 trials: 6 completed" in grid.read_text()
    assert "val/loss" in grid.read_text()


def _nothing(folder: Path, run: Path, printed: str) -> None:
    """The page has no command there."""
    assert not (folder / "outputs").exists()


def _clusters(folder: Path, run: Path, printed: str) -> None:
    """Every job of every sweep is completed, each said with its directory in front."""
    manifests = list(folder.glob("outputs/sweeps/*/*/manifest.json"))
    assert manifests
    for path in manifests:
        jobs = json.loads(path.read_text())["jobs"]
        assert {job["state"] for job in jobs} == {"completed"}
    assert f"[0] Job 0 (of {len(jobs)}): model=linear" in printed


def _fused(folder: Path, run: Path, printed: str) -> None:
    """Complete runs, whose pictures are those of their ends."""
    assert "4 jobs are trained as " in printed
    runs = list(folder.glob("outputs/sweeps/*/*/[0-3]"))
    assert len(runs) == 4
    for directory in runs:
        summary = json.loads((directory / "summary.json").read_text())
        assert summary["status"] == "completed"
        assert (directory / "reconstructions.png").is_file()
        assert not (directory / "reconstructions").exists()


def _slurm(folder: Path, run: Path, printed: str) -> None:
    from aerun.config.compose import Composer

    config = Composer("my_conf").compose(["hydra/launcher=ours"], multirun=True)
    assert config.hydra.launcher.partition == "gpu"
    assert config.hydra.launcher.max_num_timeout == 10


PROMISES = {
    "A grid of values": _grids,
    "Presets": _presets,
    "What a sweep leaves": _directory,
    "What is best": _best,
    "Stopping and going on": _continued,
    "Jobs that fail": _failed,
    "A search": _search,
    "Options of a search": _searches,
    "A search that was stopped": _nothing,
    "On the cores of one machine": _clusters,
    "As one model": _fused,
    "As on a cluster, on one machine": _clusters,
    "One run on several devices": _nothing,
    "On Slurm": _slurm,
    "On Ray": _clusters,
}

UNPICTURED = {
    "A grid of values",
    "Presets",
    "Stopping and going on",
    "Jobs that fail",
    "Options of a search",
}
"""Sections with many jobs, of which nothing is said but what they came to."""
