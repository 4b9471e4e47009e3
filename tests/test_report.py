"""report.html: what it says, when it is written, and that it can be had again."""

import html
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making import make

from aerun.cli import main
from aerun.evaluation.definitions import definition
from aerun.rundir import RunDirectory
from aerun.tasks import train as module
from aerun.tasks.commands import repeating

pytestmark = [pytest.mark.slow, pytest.mark.shared]

EVIL = "</script><img src=x onerror=alert(1)>"
SHORT = ("trainer.threads=1", "trainer.epochs=2", "dataset.limit=100")


def told(page: Path) -> str:
    """The text of a page without its tags."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", " ", text))


def values(page: Path, kind: str) -> Any:
    """What a part of a page gives to its script."""
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(rf'<div class={kind}><script type="application/json">(.*?)<',
                          text)  # fmt: skip
    return json.loads(found)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on images in classes with hostile names."""
    folder = tmp_path_factory.mktemp("report")
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (120, 6, 5, 3), dtype=np.uint8)
    np.savez(folder / "x.npz", x=x, y=np.arange(120) % 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        asked = ["dataset=array", "dataset.path=x.npz", "model.code=5", *SHORT[:2]]
        assert main([*asked, "hydra.run.dir='a run'"]) == 0
    return folder / "a run"


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to work on."""
    monkeypatch.chdir(trained.parent)
    return Path(shutil.copytree(trained, tmp_path / "copy"))


# -- what it says ----------------------------------------------------------------------


def test_figures_are_those_of_the_summary(trained: Path) -> None:
    """Each with its name, value and definition."""
    page, text = trained / "report.html", told(trained / "report.html")
    metrics = json.loads((trained / "summary.json").read_text())["metrics"]
    rows = re.findall(r"<tr><th scope=row>.*?</tr>", page.read_text())
    assert len(rows) == len(metrics)
    for row, (name, value) in zip(rows, metrics.items(), strict=True):
        cells = [html.unescape(re.sub(r"<[^>]*>", "", cell))
                 for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]  # fmt: skip
        assert cells[0] == name
        assert float(cells[1]) == pytest.approx(value, rel=1e-5)
        assert cells[3] == definition(name, {}).text
    assert f"Test error {metrics['test/mse']:.3g}, " in text


def test_curves_are_those_of_the_table(trained: Path) -> None:
    """Every value of training and validation, to six digits."""
    data = values(trained / "report.html", "curves")
    rows = RunDirectory(trained).read_table("metrics.csv")
    loss = data["panels"][0]
    best = json.loads((trained / "summary.json").read_text())["best_epoch"]
    assert (loss["title"], data["best"]) == ("loss", best)
    for line, name in zip(loss["lines"], ("train/loss", "val/loss"), strict=True):
        assert line["x"] == [1, 2]
        np.testing.assert_allclose(line["y"], [row[name] for row in rows], rtol=1e-5)


def test_the_command_repeats_the_run(trained: Path, monkeypatch) -> None:
    """Typed again where it was typed, it gives the same figures."""
    monkeypatch.chdir(trained.parent)
    text = told(trained / "report.html")
    (command,) = re.findall(r"The same run again, from (\S+)\s+aerun (.*?)  ", text)
    assert Path(command[0]) == trained.parent
    assert main([*command[1].split(), "hydra.run.dir=again"]) == 0
    for name in ("metrics.csv", "config.yaml"):
        again = (trained.parent / "again" / name).read_bytes()
        assert again == (trained / name).read_bytes()
    assert f"aerun task=evaluate run={shlex.quote(str(trained))}" in text


def test_a_logged_column_is_defined_by_the_figure_it_is_like() -> None:
    """Of another split, in the same unit; what the test set has of its own is not."""
    found = definition("val/kl", {"kl": "nats"})
    assert found.text.startswith("as test/kl, over the validation examples")
    assert found.unit == "nats"
    assert definition("val/mse", {}).unit == definition("test/mse", {}).unit
    assert "training examples" in definition("train/mse", {}).text
    assert definition("mine/kl", {}).text == "a figure of the run's own parts"


def test_every_figure_of_every_model_has_a_definition(alone) -> None:
    """One of its own, not the last resort; terms of the objective have units."""
    found = set()
    for asked in (("model=vae",), ("model=sparse",), ("model=linear",), ("model=gsn",),
                  ("model=k_sparse",), ("model=contractive",),
                  ("model=simple", "corruption=gaussian")):  # fmt: skip
        name = asked[0].replace("=", "_") + str(len(asked))
        small = ["experiment=smoke", "trainer.threads=1", f"hydra.run.dir={name}"]
        assert main([*asked, *small]) == 0
        page = Path(name, "report.html")
        found |= json.loads(Path(name, "summary.json").read_text())["metrics"].keys()
        assert page.stat().st_size < 8_000_000
    assert len(found) > 15
    for name in found:
        known = definition(name, {"kl": "nats"})
        assert "own parts" not in known.text
        assert known.unit == "nats" or name != "test/kl"


def test_texts_of_users_are_no_markup(tmp_path, monkeypatch) -> None:
    """Names of columns, classes, folders and experiments, in tags and in scripts."""
    place = tmp_path / "<b>&"
    place.mkdir()
    monkeypatch.chdir(place)
    rows = [f"{i % 7},{i % 5},{i % 3},{EVIL if i % 2 else 'b'}" for i in range(60)]
    Path("t.csv").write_text("\n".join([f"{EVIL},b,c,kind", *rows]))
    asked = ["dataset=csv", "dataset.path=t.csv", "dataset.label=kind", *SHORT]
    assert main([*asked, "model.code=2", "hydra.run.dir=run"]) == 0
    text = Path("run/report.html").read_text()
    assert "<img src=x" not in text
    assert "<b>&" not in text
    codes = values(Path("run/report.html"), "codes")
    assert EVIL in [group["name"] for group in codes["groups"]]
    assert codes["examples"]["names"][0] == EVIL
    assert EVIL in text.encode().decode("unicode_escape", errors="ignore")


def test_what_evaluation_found_is_added(run: Path) -> None:
    """The newest one's figures that are numbers, with their errors."""
    for number, value in (("", 1.5), ("_2", 2.5), ("_10", 3.25)):
        figures = {
            "nll/1": {"value": value, "standard_error": 0.125, "unit": "nats",
                      "definition": "of <each> image"},
            "kl": {"value": [1, 2], "unit": "nats", "definition": "a list"},
        }  # fmt: skip
        folder = run / f"evaluate{number}"
        folder.mkdir()
        (folder / "evaluation.json").write_text(json.dumps({"figures": figures}))
    assert main(["task=report", f"run={run}"]) == 0
    text = told(run / "report.html")
    assert "3.25 ± 0.12" in text
    assert "of <each> image" in text
    assert "a list" not in text


# -- when it is written ----------------------------------------------------------------


def test_it_can_be_had_again_to_the_byte(trained: Path, monkeypatch) -> None:
    """From the files of the run alone."""
    monkeypatch.chdir(trained.parent)
    page = trained / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert main(["task=report", f"run={trained}", "device=cpu"]) == 0
    assert page.read_bytes() == before


def test_a_run_that_lost_its_files_has_a_page(run: Path, capsys) -> None:
    """Weights, data, Hydra's record, pictures: what is gone is left out, and said."""
    for name in (".hydra", "checkpoints", "reconstructions"):
        shutil.rmtree(run / name)
    for path in [*run.glob("*.png"), run / "summary.json", run / "report.html"]:
        path.unlink()
    assert main(["task=report", f"run={run}"]) == 0
    assert "There is no map of the codes" in capsys.readouterr().err
    text = told(run / "report.html")
    assert "Unfinished after 2 epochs" in text
    assert "There is no map of the codes" in text
    assert "The same run again" not in text


def test_an_interrupted_run_has_a_page(recorder, monkeypatch) -> None:
    """With what was recorded, and the command that continues it."""
    config, _ = make(*SHORT)
    wish = module.Wish()
    started = recorder(*SHORT)
    begun = started._epoch_ended

    def end(*arguments: Any) -> None:
        begun(*arguments)
        wish.signum = 2

    monkeypatch.setattr(started, "_epoch_ended", end)
    with pytest.raises(module.Interrupted):
        module.fit(config, started, wish)
    page = started.directory.path / "report.html"
    assert "Interrupted after 1 epoch of 2 at validation error" in told(page)
    assert "aerun task=resume run=" in told(page)
    assert "<div class=codes>" not in page.read_text()


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_failed_run_has_a_page_once_there_is_something(
    recorder, monkeypatch, epochs: int
) -> None:
    """From the first epoch on, with the reason."""
    config, _ = make(*SHORT)
    started = recorder(*SHORT)
    begun, seen = started._epoch_ended, []

    def fail(*arguments: Any) -> None:
        if len(seen) == epochs:
            raise RuntimeError("no <more>; try less")
        seen.append(begun(*arguments))

    monkeypatch.setattr(started, "_epoch_ended", fail)
    with pytest.raises(RuntimeError, match="no <more>"):
        module.fit(config, started, module.Wish())
    page = started.directory.path / "report.html"
    assert page.exists() == (epochs == 1)
    if epochs:
        assert "Failed after 1 epoch of 2" in told(page)
        assert ": no <more>." in told(page)


def test_a_page_that_cannot_be_made_fails_no_run(alone, monkeypatch, capsys) -> None:
    """The run is complete; what went wrong is told, with the command to try again."""

    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("somewhere")

    monkeypatch.setattr(module, "map_of_codes", fail)
    assert main([*SHORT, "hydra.run.dir=run"]) == 0
    assert json.loads(Path("run/summary.json").read_text())["status"] == "completed"
    said = capsys.readouterr().err
    assert "report.html was not written (ZeroDivisionError: somewhere)" in said
    assert "aerun task=report run=" in said


def test_a_continued_run_is_repeated_at_once(alone) -> None:
    """With the number of epochs to which it came."""
    assert main([*SHORT, "hydra.run.dir=run"]) == 0
    assert main(["task=resume", "run=run", "trainer.epochs=3"]) == 0
    run = RunDirectory("run")
    command = repeating(run, run.read_yaml("config.yaml"))
    assert command is not None
    assert command[0] == "aerun trainer.threads=1 dataset.limit=100 trainer.epochs=3"
    assert command[0] in told(Path("run/report.html"))
    assert re.search(r"Epochs\s+3\s", told(Path("run/report.html")))


def test_own_options_are_part_of_the_command(alone) -> None:
    """The folder of a user's own options, quoted for a shell."""
    Path("my conf/model").mkdir(parents=True)
    Path("my conf/model/own.yaml").write_text("defaults: [simple, _self_]\ncode: 2\n")
    asked = ["--config-dir", "my conf", "model=own", *SHORT]
    assert main([*asked, "hydra.run.dir=run"]) == 0
    run = RunDirectory("run")
    command = repeating(run, run.read_yaml("config.yaml"))
    assert command is not None
    assert command[0].startswith(f"aerun --config-dir '{alone}/my conf' model=own ")
