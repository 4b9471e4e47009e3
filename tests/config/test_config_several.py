"""Which runs ``runs=`` names, and the messages where it names none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from comparing import run_of, write_run

from aerun.cli import main
from aerun.config import several
from aerun.config.mistakes import BadRequest
from aerun.config.several import find_runs, recorded_run
from aerun.config.stored import resume_request

FOLDERS = ["day1/9_vae", "day1/10_vae", "day2/8_conv", "sweeps/day/s/0",
           "sweeps/day/s/1", "sweeps/day/s/deep/er/2"]  # fmt: skip


@pytest.fixture
def outputs(alone: Path) -> Path:
    """Runs and what is none, in the way in which they are left."""
    folder = alone / "outputs"
    for seed, name in enumerate(FOLDERS):
        write_run(folder / name, run_of(seed=seed))
        (folder / name / "reconstructions").mkdir()
    (folder / "sweeps/day/s/multirun.yaml").write_text("hydra: {}")
    (folder / "comparisons/day/1").mkdir(parents=True)
    (folder / "day1/notes.txt").write_text("text")
    running = write_run(folder / "day2/9_running", run_of())
    (running / "summary.json").unlink()
    (folder / "latest").symlink_to("day2/8_conv")
    return folder


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["outputs/day1/10_vae"], [1]),
        (["outputs/day1"], [0, 1]),
        (["outputs/day*/*"], [0, 1, 2]),
        (["outputs/*/*"], [0, 1, 2]),
        (["outputs/day[1]/*", "outputs/day2/8_conv"], [0, 1, 2]),
        (["outputs/sweeps/day/s"], [3, 4, 5]),
        (["outputs/sweeps/*/*"], [3, 4, 5]),
        (["outputs/sweeps/day/s/*"], [3, 4]),
        (["outputs/**"], [0, 1, 2, 3, 4, 5]),
        (["outputs/**/8_*"], [2]),
        (["last"], [2]),
        (["outputs/latest", "outputs/day2/*"], [2]),
    ],
    ids=str,
)
def test_patterns_name_runs(outputs: Path, patterns: list[str], found: list[int]):
    """Directories, folders of runs, sweeps, globs; each once, job 10 behind job 9."""
    wanted = [(outputs / FOLDERS[i]).resolve() for i in found]
    runs = find_runs(patterns)
    assert len(runs) == len(set(runs))
    assert set(runs) == set(wanted)
    if len(patterns) == 1 and "**" not in patterns[0]:
        assert runs == wanted


def test_what_matches_and_is_no_run_is_said(outputs: Path, capsys) -> None:
    """Once, by its name; not folders of runs, and nothing that a run holds."""
    main(["task=compare", "runs=[outputs/*/*,outputs/**]", "task.metric=none"])
    printed = capsys.readouterr()
    (line,) = [x for x in printed.out.splitlines() if "no runs" in x]
    assert "comparisons/day/1" in line
    assert "reconstructions" not in line
    assert "sweeps" not in line
    (line,) = [x for x in printed.err.splitlines() if "without summary.json" in x]
    assert str(outputs / "day2/9_running") in line


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "runs: is missing; write runs=[DIR,...]"),
        (["runs=[]"], "runs: is missing"),
        (["runs=null"], "runs: is missing"),
        (["runs=nowhere/*"], "runs=nowhere/*: matches no folder."),
        (["runs=a,b"], "runs=a,b: matches no folder. Several are a list: runs=[A,B]."),
        (["runs=[outputs/day1,x]"], "runs=x: matches no folder."),
        (["runs=outputs/comparisons/*"], "holds no run (no config.yaml"),
        (["runs=outputs/day2/9*"], "holds no finished run (no summary.json)"),
        (["runs=outputs/day1", "run=last"], "run=last: is for tasks on one run"),
        (["runs=outputs/day1", "model=vae"], "model=vae: is settled by the runs"),
        (["runs=outputs/day1", "trainer.lr=1"], "trainer.lr=1: is settled by the runs"),
        (["runs=outputs/day1", "dataset=plane"], "dataset=plane: is settled"),
        (["runs=outputs/day1", "hydra.sweep.dir=x"], "hydra.sweep.dir=x: is settled"),
        (["runs=outputs/day1", "device=gpu"], "device=gpu: must be auto, cpu"),
        (["runs=outputs/day1", "task.metrik=a"], "Did you mean 'task.metric'"),
        (["runs=outputs/day1", "task.descending=1"], "must be true or false"),
        (["runs=outputs/day1", "task.metric=test/elbo"], "they have test/loss"),
        (["runs=outputs/day1", "hydra.run.dir=outputs/day1"], "is not empty"),
        (["-m", "runs=outputs/day1"], "-m: is not for task=compare"),
    ],
    ids=str,
)
def test_a_mistake_is_one_message(outputs: Path, capsys, typed, said) -> None:
    """Exit code 2, what was typed, and what to do; nothing is made."""
    before = set(outputs.rglob("*"))
    assert main(["task=compare", *typed]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert set(outputs.rglob("*")) == before


@pytest.mark.parametrize("task", ["evaluate", "encode", "resume", "reconstruct"])
def test_tasks_on_one_run_refuse_several(outputs: Path, capsys, task: str) -> None:
    """They say what they take."""
    assert main([f"task={task}", "runs=[outputs/*/*]"]) == 2
    said = "runs=[outputs/*/*]: is for tasks on several runs; this one takes run=DIR."
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("task", ["train", "inspect"])
def test_tasks_on_no_run_refuse_them(alone: Path, capsys, task: str) -> None:
    """As they refuse ``run=``."""
    assert main([f"task={task}", "runs=[a,b]"]) == 2
    assert "runs=[a,b]: only tasks on several runs" in capsys.readouterr().err


def test_an_experiment_cannot_choose_a_task_on_runs(alone: Path, capsys) -> None:
    """It says what to write instead."""
    own = alone / "own/experiment"
    own.mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /task: compare\n"
    (own / "again.yaml").write_text(text)
    asked = ["--config-dir", "own", "experiment=again"]
    said = "works on runs: write it on the command line, with runs=[DIR,...]."
    assert main(asked) == 2
    assert f"task=compare: {said}" in capsys.readouterr().err
    assert main([*asked, "-m", "seed=0,1"]) == 2
    assert "makes no new run" in capsys.readouterr().err


def test_a_run_of_before_there_was_this_key_goes_on(alone: Path) -> None:
    """Its config lacks ``runs``, which no run has a value of."""
    run = run_of()
    del run.config["runs"]
    write_run(alone / "old", run)
    config, _ = resume_request(["task=resume", "run=old", "trainer.epochs=3"])
    assert config["trainer"]["epochs"] == 3


def test_runs_that_did_not_end_are_no_comparison(alone: Path, capsys) -> None:
    """Nothing can be averaged where nothing is final."""
    write_run(alone / "runs/a", run_of(status="failed"))
    assert main(["task=compare", "runs=runs"]) == 2
    error = capsys.readouterr().err
    assert "none of 1 runs is completed" in error
    assert "a (failed)" in error


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("summary.json", "{", "summary.json is damaged"),
        ("metrics.csv", "epoch,val/mse\n1,many\n", "metrics.csv is damaged"),
        (
            "config.yaml",
            "format: 99\nmodel: {}\n",
            "this version of aerun knows format",
        ),
    ],
)
def test_a_damaged_run_is_named(alone: Path, capsys, file, content, said) -> None:
    """With the file that cannot be read."""
    path = write_run(alone / "runs/a", run_of()) / file
    path.write_text(content)
    assert main(["task=compare", "runs=runs"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert str(path) in error


def test_hydras_record_tells_what_was_chosen_and_typed(alone: Path) -> None:
    """Groups by dotted names; a run without that record is read nevertheless."""
    written = run_of("model=vae", typed=("model", "trainer.lr"))
    path = write_run(alone / "a", written)
    (path / ".hydra/overrides.yaml").write_text("[+model=vae, trainer/optimizer=sgd]")
    found = recorded_run(path)
    assert found.choices == written.choices
    assert found.typed == ("model", "trainer.optimizer")
    assert found.rows == written.rows
    (path / ".hydra/hydra.yaml").unlink()
    assert recorded_run(path).choices == {}


Taken = Callable[[list[str]], tuple[list[str], list[str]]]


@pytest.mark.parametrize(
    ("typed", "patterns"),
    [
        (["runs=a/*"], ["a/*"]),
        (["runs=[a/*]"], ["a/*"]),
        (["runs=[a/*,b/*/*, c]"], ["a/*", "b/*/*", "c"]),
        (["runs='[a,b]'"], ["a", "b"]),
        (["runs=['a,1/*',\"b c\",d]"], ["a,1/*", "b c", "d"]),
        (["runs=[a[12]/*,b]"], ["a[12]/*", "b"]),
        (["runs=[ab]*"], ["[ab]*"]),
        (["runs=a[12]"], ["a[12]"]),
        (["runs=a", "runs=b"], ["a", "b"]),  # of braces: runs={a,b}
        (["runs=a", "b", "c"], ["a", "b", "c"]),  # of a glob: runs= */*
        (["runs=[", "a", "b", "]"], ["a", "b"]),
        (["runs=[a", "b", "c]"], ["a", "b", "c"]),
        (["runs=", "x=1,y=2"], ["x=1,y=2"]),  # a folder that is there
    ],
    ids=str,
)
def test_lists_are_read_as_shells_leave_them(
    alone: Path, typed: list[str], patterns: list[str]
) -> None:
    """Hydra's list with or without quotes, several words, what a shell expanded."""
    (alone / "x=1,y=2").mkdir()
    found, rest = several._taken_apart([*typed, "device=cpu"])
    assert found == patterns
    assert rest == ["device=cpu"]


def test_nothing_typed_is_no_pattern() -> None:
    """The message says what to write."""
    with pytest.raises(BadRequest, match="globs such as outputs"):
        find_runs([])
