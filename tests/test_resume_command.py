"""task=resume as a command, in process."""

import json
import shutil

import pytest

from aerun.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.usefixtures("unpictured"),
]

SMALL = ["trainer.epochs=3", "trainer.threads=1", "trainer.preview_every=0"]
FILES = ("metrics.csv", "checkpoints/last.safetensors", "checkpoints/best.safetensors")


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A folder with one finished run, outputs/latest."""
    monkeypatch.chdir(tmp_path)
    assert main(SMALL) == 0
    return (tmp_path / "outputs/latest").resolve()


def _summary(run):
    return json.loads((run / "summary.json").read_text())


def test_a_run_killed_before_it_was_resolved_starts_from_its_beginning(
    finished, tmp_path, capsys
):
    """Hydra's own record is enough to train it as it was asked for."""
    young = tmp_path / "young"
    shutil.copytree(finished / ".hydra", young / ".hydra")
    assert main(["task=resume", f"run={young}"]) == 0
    assert "saved no state" in capsys.readouterr().out
    for name in FILES:
        assert (young / name).read_bytes() == (finished / name).read_bytes()


def test_continuing_a_finished_run_changes_nothing(finished):
    """Evaluated again it has the same figures."""
    before = {name: (finished / name).read_bytes() for name in FILES}
    figures = _summary(finished)["metrics"]
    assert main(["task=resume", "run=last"]) == 0
    assert {name: (finished / name).read_bytes() for name in FILES} == before
    assert _summary(finished)["metrics"] == figures


def test_more_epochs_continue_in_place_and_the_new_plan_is_said(finished, capsys):
    """The rows go on in the same file; config.yaml holds the new number."""
    rows = (finished / "metrics.csv").read_text()
    assert main(["task=resume", "run=last", "trainer.epochs=5"]) == 0
    assert (
        "trainer.epochs: 5, was 3; schedules are re-planned" in capsys.readouterr().out
    )
    longer = (finished / "metrics.csv").read_text()
    assert longer.startswith(rows)
    assert len(longer.splitlines()) == 1 + 5
    assert "epochs: 5" in (finished / "config.yaml").read_text()
    assert _summary(finished)["epochs"] == 5


def test_data_that_changed_since_are_refused(tmp_path, monkeypatch, capsys):
    """A run does not go on with other data than it began with."""
    import numpy as np

    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    np.save("mine.npy", generator.random((60, 7)))
    assert main([*SMALL, "dataset=array", "dataset.path=mine.npy"]) == 0
    np.save("mine.npy", generator.random((61, 7)))
    capsys.readouterr()
    assert main(["task=resume", "run=last", "trainer.epochs=9"]) == 2
    said = capsys.readouterr().err
    where = f"dataset.path={tmp_path / 'mine.npy'}"
    assert f"the data changed since this run began: the hash of {where} was" in said
    before = (tmp_path / "outputs/latest/config.yaml").read_text()
    was = before.partition("fingerprint: ")[2].split()[0]
    assert f" was {was} when the run began, now " in said


def test_a_run_goes_on_from_another_folder(tmp_path, monkeypatch):
    """Places typed relative to where it began are kept absolute."""
    import numpy as np

    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.random.default_rng(0).random((60, 7)))
    assert main([*SMALL, "dataset=array", "dataset.path=mine.npy"]) == 0
    run = (tmp_path / "outputs/latest").resolve()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["task=resume", f"run={run}", "trainer.epochs=4"]) == 0
    assert _summary(run)["epochs"] == 4


def test_weights_from_data_of_other_units_are_told_of(finished, capsys):
    """One line where the scaling is not that of the run to start from."""
    capsys.readouterr()
    start = ["init_from=outputs/latest", "trainer.epochs=0"]
    none = ["dataset.scale=none", "model.output_activation=none"]
    assert main([*SMALL, *start, "hydra.run.dir=same"]) == 0
    assert "were trained on data" not in capsys.readouterr().out
    assert main([*SMALL, *start, "hydra.run.dir=other", *none]) == 0
    said = capsys.readouterr()
    assert f"{finished.parents[1]}" in (said.out + said.err)
    assert "were trained on data of other scaling." in said.out + said.err
