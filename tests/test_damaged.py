"""Run directories that are damaged, changed or read-only: one message, no traceback."""

import json
import shutil
from pathlib import Path

import pytest
from comparing import run_of, write_run

from aerun.cli import main
from aerun.config.several import recorded_run
from aerun.errors import RunDirectoryError
from aerun.rundir import RunDirectory

RELEASED = Path(__file__).with_name("released") / "0.1.0"

TABLES = {
    "epoch,val/mse\n1,0.5\n2\n": "line 3: it has not 2 columns",
    "epoch,val/mse\n1,0.5,3\n": "line 2: it has not 2 columns",
    "epoch,val/mse\n1,many\n": "line 2: could not convert",
    "epoch,val/mse\n1,\0\n": "line",
}
SUMMARIES = {
    "": "Expecting value",
    '{"status": "compl': "Unterminated",
    "[]": "it holds no JSON object",
    '{"status": "completed"}': "it has no metrics",
    '{"status": "completed", "metrics": {"test/mse": "low"}}': "test/mse is 'low'",
    '{"status": "failed", "seconds": "12"}': "seconds is '12', no number",
}
EVALUATIONS = {
    '{"figures": {"psnr"': "Expecting",
    "[]": "it holds no JSON object",
    "{}": "it has no figures",
    '{"figures": {"psnr": 3}}': "psnr is 3, no figure",
    '{"figures": {"psnr": {"value": "3"}}}': "psnr is '3', no number",
    '{"figures": {"psnr": {"value": 3, "standard_error": "x"}}}': "of psnr is 'x'",
}
DAMAGES = [
    *(("metrics.csv", *each) for each in TABLES.items()),
    *(("summary.json", *each) for each in SUMMARIES.items()),
]


@pytest.fixture
def run(alone: Path) -> Path:
    """A copy of a run that can be worked on; it was never evaluated."""
    return Path(shutil.copytree(RELEASED, alone / "run"))


@pytest.mark.parametrize(("file", "content", "reason"), DAMAGES)
def test_a_damaged_file_is_named(tmp_path, file, content, reason) -> None:
    """With the reason, whatever is wrong with it; one that is absent is not damaged."""
    run = RunDirectory(tmp_path)

    def read() -> None:
        run.read_table(file) if file == "metrics.csv" else run.read_summary()

    with pytest.raises(FileNotFoundError):
        read()
    (tmp_path / file).write_text(content)
    with pytest.raises(RunDirectoryError) as caught:
        read()
    assert str(caught.value).startswith(f"{tmp_path / file} is damaged (")
    assert reason in str(caught.value)


def test_a_page_leaves_out_what_is_damaged(run: Path, capsys) -> None:
    """Says so, file by file, and shows the rest."""
    for file, content in {
        "summary.json": '{"status": "compl',
        "metrics.csv": "epoch,val/mse\n1,0.5\n2\n",
        "evaluate/evaluation.json": '{"figures": {',
    }.items():
        (run / file).parent.mkdir(exist_ok=True)
        (run / file).write_text(content)
    assert main(["task=report", "run=run"]) == 0
    said = capsys.readouterr().err
    for file in ("summary.json", "metrics.csv", "evaluate/evaluation.json"):
        assert f"leaves this out: {run / file} is damaged (" in said
    page = (run / "report.html").read_text()
    assert "how it ended cannot be read any more" in page
    assert "<div class=codes>" in page


@pytest.mark.parametrize(("content", "reason"), EVALUATIONS.items())
def test_a_damaged_evaluation_is_no_part_of_a_page(
    run: Path, capsys, content: str, reason: str
) -> None:
    """It is named with the reason."""
    from aerun.tasks.record import evaluation_of

    (run / "evaluate").mkdir()
    (run / "evaluate/evaluation.json").write_text(content)
    assert evaluation_of(RunDirectory(run)) == {}
    said = capsys.readouterr().err
    assert f"{run / 'evaluate/evaluation.json'} is damaged (" in said
    assert reason in said


@pytest.mark.parametrize(
    ("file", "content", "reason"), [DAMAGES[0], DAMAGES[5], DAMAGES[8]]
)
def test_a_comparison_lists_a_damaged_run_as_unreadable(
    alone: Path, capsys, file: str, content: str, reason: str
) -> None:
    """In no average; the reason is said on the console and kept in a file."""
    write_run(alone / "runs/whole", run_of())
    path = write_run(alone / "runs/bad", run_of(seed=1, mse=99.0)) / file
    path.write_text(content)
    asked = ["task=compare", "runs=runs", "hydra.run.dir=made"]
    assert main(asked) == 0
    said = capsys.readouterr().err
    assert f"Left out: {path} is damaged (" in said
    assert reason in said
    found = json.loads((alone / "made/comparison.json").read_text())
    (group,), (listed,) = found["groups"], found["unfinished"]
    assert [Path(each["directory"]).name for each in group["runs"]] == ["whole"]
    assert (listed["status"], listed["seed"]) == ("unreadable", 1)
    assert reason in listed["reason"]
    assert recorded_run(path.parent).rows == ()
