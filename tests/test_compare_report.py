"""report.html of a comparison: its sentence, its links, its command."""

import html
import os
import re
import shlex
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pytest
from comparing import run_of, write_run

from aerun.cli import main
from aerun.evaluation.comparison import Comparison, compare_runs
from aerun.evaluation.recorded import RecordedRun
from aerun.reporting.verdict import Verdict
from aerun.tasks import compare as module
from aerun.tasks import side_by_side as drawing
from aerun.tasks.comparison_report import repeating, verdict

EVIL = "<b>&'a'"


def group(code: int, *errors: float, **changes) -> list[RecordedRun]:
    """Runs of one group, a seed each."""
    asked = {"model__code": code, "typed": ("model.code",), **changes}
    return [run_of(seed=i, mse=mse, **asked) for i, mse in enumerate(errors)]


def compared(*groups: list[RecordedRun], metric: str = "test/mse") -> Comparison:
    runs = [run for each in groups for run in each]
    return compare_runs(runs, metric=metric, descending=False)


def words(found: Verdict) -> str:
    """The sentence, whose figures are not broken into lines."""
    assert " \u00b1" not in found.text
    return found.text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("errors", "said", "tone"),
    [
        (([0.20, 0.21], [0.40, 0.41]),
         "code=2 is best: test/mse 0.2050 \u00b1 0.0071, 18 % below PCA at the same "
         "code size, 28 standard deviations ahead of code=3.", "good"),
        (([0.20, 0.40], [0.41, 0.43]),
         "code=2 comes first: test/mse 0.30 \u00b1 0.14, 20 % above PCA at the same "
         "code size, but these seeds do not tell it apart from code=3.", "doubtful"),
        (([0.20], [0.41, 0.43]),
         "code=2 comes first: test/mse 0.2, 20 % below PCA at the same code size, but "
         "one seed is too few to tell it apart from code=3.", "doubtful"),
        (([0.25, 0.25], [0.25, 0.25]),
         "code=2 comes first: test/mse 0.25, equal to PCA at the same code size, the "
         "same as code=3.", "doubtful"),
        (([0.25, 0.25], [0.35, 0.35]),
         "code=2 is best: test/mse 0.25, equal to PCA at the same code size, whatever "
         "the seed, ahead of code=3.", "good"),
    ],
)  # fmt: skip
def test_the_second_is_behind_or_not_told_apart(errors, said, tone) -> None:
    """By what seeds change; PCA beside the best."""
    found = verdict(compared(group(2, *errors[0]), group(3, *errors[1])))
    assert (words(found), found.tone) == (said, tone)


def test_one_group_is_told_alone() -> None:
    """With the number of its seeds."""
    found = verdict(compared(group(2, 0.2, 0.3)))
    assert words(found) == (
        "simple reaches test/mse 0.250 \u00b1 0.071 over 2 seeds, equal to PCA at the "
        "same code size."
    )


def test_another_figure_keeps_the_error_beside_it() -> None:
    """Which is what PCA has too."""
    text = words(verdict(compared(group(2, 0.2, 0.21), metric="test/loss")))
    assert text.startswith("simple reaches test/loss 13.12 \u00b1 0.45 over 2 seeds; ")
    assert text.endswith("its test/mse is 0.205, 18 % below PCA at the same code size.")


def test_what_is_not_comparable_is_no_good_news() -> None:
    """Whatever the distance."""
    other = group(3, 0.40, 0.41, dataset__scale="standard")
    found = verdict(compared(group(2, 0.20, 0.21), other))
    assert found.tone == "doubtful"
    assert found.text.endswith("; but not all of these figures are comparable.")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that compares runs in folders, and gives the page as text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "side_by_side", lambda *a: drawing.Shown())
    monkeypatch.setattr(module, "_curves", lambda *a: iter(()))

    def ask(*runs: str, where: str = "made") -> str:
        made = f"hydra.run.dir='{where}'"
        assert main(["-q", "task=compare", made, *runs]) == 0
        return (tmp_path / where / "report.html").read_text()

    return ask


def test_runs_have_links_to_their_pages(page, tmp_path: Path) -> None:
    """Relative ones, of names with any signs; none to a page that is not there."""
    for name, seed in (("a b#1%", 0), (EVIL, 1), ("bare", 2)):
        run = write_run(tmp_path / "runs" / name, run_of(seed=seed))
        if name != "bare":
            (run / "report.html").write_text("")
    text = page("runs=runs", where="some where/made")
    links = [html.unescape(link) for link in re.findall(r'<a href="(.*?)"', text)]
    place = tmp_path / "some where/made"
    reached = {os.path.normpath(place / unquote(link)) for link in links}
    runs = tmp_path / "runs"
    assert reached == {str(runs / n / "report.html") for n in ("a b#1%", EVIL)}
    assert not any(link.startswith("/") or "#" in link for link in links)
    assert str(runs / "bare") in text
    assert EVIL not in text


def test_the_command_makes_the_same_comparison(page, tmp_path: Path) -> None:
    """From anywhere, of the same runs, though others have come."""
    for seed, name in enumerate(("with, comma", "plain")):
        write_run(tmp_path / "runs" / name, group(seed + 2, 0.1 * seed)[0])
    page("runs=runs", "task.metric=test/loss", "task.descending=true")
    write_run(tmp_path / "runs/late", run_of(seed=5))
    text = (tmp_path / "made/report.html").read_text()
    (command,) = re.findall(r"<code>(aerun .*?)</code>", text)
    name, *typed = shlex.split(html.unescape(command))
    assert name == "aerun"
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    again = tmp_path / "again"
    assert main(["-q", *typed, f"hydra.run.dir={again}"]) == 0
    for file in ("comparison.json", "runs.csv"):
        assert (again / file).read_bytes() == (tmp_path / "made" / file).read_bytes()


def test_a_device_that_was_chosen_is_repeated() -> None:
    """And only then."""
    told = partial(repeating, metric="test/mse", descending=False)
    (run,) = group(2, 0.2)
    command = f"aerun task=compare {run.directory} task.metric=test/mse"
    assert told({"runs": [run], "device": "auto"}) == command
    assert told({"runs": [run], "device": "cpu"}) == f"{command} device=cpu"


def test_runs_that_are_not_averaged_are_listed(page, tmp_path: Path) -> None:
    """With what became of them."""
    failed = run_of(seed=4, status="failed")
    failed.summary["reason"] = f"train/loss became {EVIL}"
    for name, run in (("a", run_of()), ("b", run_of()), ("c", failed)):
        write_run(tmp_path / "runs" / name, run)
    text = html.unescape(page("runs=runs"))
    assert text.count("not averaged<") == 2
    assert "repeated<" in text
    assert f"failed: train/loss became {EVIL}<" in text
