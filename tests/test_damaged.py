"""Run directories that are damaged, changed or read-only: one message, no traceback."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from comparing import run_of, write_run

import aerun
from aerun.claims import claim
from aerun.cli import main
from aerun.config.several import recorded_run
from aerun.errors import RunDirectoryError, StorageError
from aerun.rundir import RunDirectory

RELEASED = Path(__file__).with_name("released") / "0.1.0"

TABLES = {
    "epoch,val/mse\n1,0.5\n2\n": "line 3: it has not 2 columns",
    "epoch,val/mse\n1,0.5,3\n": "line 2: it has not 2 columns",
    "epoch,val/mse\n1,0.5\n2,0.4": "line 3: it ends in the middle",
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
    '{"status": "failed", "versions": 3}': "versions is 3, no object",
    '{"status": "failed", "weights_sha256": []}': "weights_sha256 is [], no object",
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
    run: Path, caplog, content: str, reason: str
) -> None:
    """It is named with the reason."""
    from aerun.tasks.record import evaluation_of

    (run / "evaluate").mkdir()
    (run / "evaluate/evaluation.json").write_text(content)
    assert evaluation_of(RunDirectory(run)) == {}
    said = caplog.text
    assert f"{run / 'evaluate/evaluation.json'} is damaged (" in said
    assert reason in said


@pytest.mark.parametrize(
    ("file", "content", "reason"), [DAMAGES[0], DAMAGES[6], DAMAGES[9]]
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


# -- what does not fit together --------------------------------------------------------


def _change(run: Path, group: str, key: str, value: Any) -> None:
    """Put a value into a group of its config."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    config[group][key] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config))


def test_weights_of_another_model_are_told(run: Path, capsys) -> None:
    """A config that was changed is one message, and no part of a page."""
    _change(run, "model", "code", 3)
    said = f"config.yaml and the checkpoints of {run} do not fit together: "
    for task in ("evaluate", "export"):
        assert main([f"task={task}", "run=run"]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert "Traceback" not in error
    assert main(["task=report", "run=run"]) == 0
    assert f"There is no map of the codes: {said}" in capsys.readouterr().err
    with pytest.raises(RunDirectoryError, match="do not fit together"):
        aerun.load(run)


def test_an_unknown_key_stops_a_comparison(alone: Path, capsys) -> None:
    """It is named with its file; a tracker or device that is not here is nothing."""
    path = write_run(alone / "runs/a", run_of())
    gone = {"_target_": "gone.Tracker", "host": "there"}
    config = yaml.safe_load((path / "config.yaml").read_text())
    config |= {"tracker": gone, "device": "cuda:77"}
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    assert recorded_run(path).config["device"] == "cuda:77"
    (path / "config.yaml").write_text(yaml.safe_dump(config | {"zzz": 3}))
    assert main(["task=compare", "runs=runs", "hydra.run.dir=made"]) == 2
    said = capsys.readouterr().err
    file = path / "config.yaml"
    assert f"{file}: zzz=3: no such key. Was it written by another version" in said
    assert not (alone / "made").exists()


def test_only_what_was_not_typed_is_blamed_on_a_file(run: Path, capsys) -> None:
    """A mistake on the command line is told as one."""
    _change(run, "trainer", "warp", 3)
    assert main(["task=resume", "run=run", "trainer.epochs=-1"]) == 2
    said = capsys.readouterr().err
    assert f"{run / 'config.yaml'}: trainer.warp=3: no such key." in said
    assert "  trainer.epochs=-1: " in said


# -- places ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_run_is_told(run: Path, capsys, monkeypatch, number: int) -> None:
    """By the file that cannot be written, or the directory where a folder cannot."""

    def refuse(path: Path, *arguments: Any, **named: Any) -> None:
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", refuse)
        assert main(["task=report", "run=run"]) == 2
    said = capsys.readouterr().err
    assert f"{run / 'report.html'} cannot be written ({os.strerror(number)})" in said
    assert "Traceback" not in said
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunDirectoryError) as caught:
        claim(run / "encode", exact=False)
    assert str(caught.value) == (
        f"the run directory {run} cannot be written to ({os.strerror(number)})"
    )


def test_a_full_disk_is_no_read_only_run(tmp_path: Path, monkeypatch) -> None:
    """What can pass is told to be mended, not to be another place."""

    def fill(*arguments: Any, **named: Any) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(Path, "touch", fill)
    with pytest.raises(StorageError, match=r"no space\); make room"):
        RunDirectory(tmp_path).write("a", b"a")


def test_only_a_run_is_said_to_be_continued(run: Path, alone: Path) -> None:
    """A comparison that is in the way is none."""
    (alone / "cmp1").mkdir()
    (alone / "cmp1/comparison.md").write_text("text")
    with pytest.raises(RunDirectoryError, match=r"cmp1 is not empty; [a-z ]*$"):
        claim(alone / "cmp1", exact=True)
    with pytest.raises(RunDirectoryError, match="continue its run with: aerun task="):
        claim(run, exact=True)


def test_a_page_shows_what_was_found_on_the_run_s_own_data(tmp_path: Path) -> None:
    """The newest of these; an evaluation on other data is none of them."""
    from aerun.tasks.record import evaluation_of

    run = RunDirectory(tmp_path)
    for number, own in ((1, True), (2, True), (3, False)):
        figures = {"mse": {"value": number}}
        content = {"data": {"of_the_run": own}, "figures": figures}
        run.write_json(f"evaluate_{number}/evaluation.json", content)
    assert evaluation_of(run) == {"mse": {"value": 2}}


def test_the_newest_folder_is_that_of_the_highest_number(tmp_path: Path) -> None:
    """The tenth comes after the ninth; what a user renamed is none of them."""
    run = RunDirectory(tmp_path)
    for name in ("evaluate_old", "evaluate_9_old", "evaluated_20", "evaluate_"):
        run.write(f"{name}/a.json", b"")
    assert run.by_age("evaluate", "a.json") == []
    names = ("evaluate", "evaluate_9", "evaluate_10")
    written = [run.write(f"{name}/a.json", b"") for name in names[::-1]]
    (tmp_path / "evaluate_11").mkdir()
    assert run.by_age("evaluate", "a.json") == written[::-1]
