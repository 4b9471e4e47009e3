"""Installed packages that bring options."""

from pathlib import Path

import pytest
from owning import MINE, SHORT, options

from aerun.api import Run
from aerun.cli import main

pytestmark = pytest.mark.usefixtures("unpictured")


def plug_in(folder: Path, name: str, module: str) -> None:
    """A distribution that says where its options are, as pip would leave it."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text(f"[aerun.conf]\n{name} = {module}\n")


@pytest.fixture
def site(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for installed packages of this process."""
    (alone / "site").mkdir()
    monkeypatch.syspath_prepend(str(alone / "site"))
    return alone / "site"


def test_a_plug_in_has_its_options(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are listed, described and train, in no need of any other setting."""
    plug_in(site, "extra", "aerun_extra.conf")
    text = "# An extra.\n_target_: aerun_extra.Model\nwidth: 3\n"
    options(site / "aerun_extra/conf", {"model/extra": text})
    (site / "aerun_extra/__init__.py").write_text(MINE)
    assert main(["--help", "model"]) == 0
    assert ["extra", "An", "extra."] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]
    assert main(["model=extra", *SHORT]) == 0
    assert Run(Path("run")).summary["status"] == "completed"


def test_an_absent_plug_in_is_named_and_left_out(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One warning that names it; everything else works."""
    plug_in(site, "broken", "aerun_broken.conf")
    (site / "aerun_broken").mkdir()
    assert main(["--cfg", "job"]) == 0
    printed = capsys.readouterr()
    assert "trainer:" in printed.out
    assert printed.err == (
        "The plug-in broken is left out: there is no package 'aerun_broken.conf' "
        "(aerun_broken.conf).\n"
    )


def test_a_plug_in_that_cannot_be_imported_breaks_only_its_own(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is imported when one of its options is chosen, and then its bug is shown."""
    plug_in(site, "broken", "aerun_broken.conf")
    options(site / "aerun_broken/conf", {"loss/odd": "_target_: aerun_broken.a\n"})
    (site / "aerun_broken/__init__.py").write_text("1 / 0\n")
    assert main(["--help", "loss"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "odd" in printed.out
    assert main(["loss=odd"]) == 1
    said = capsys.readouterr().err
    assert "aerun_broken/__init__.py" in said
    assert said.endswith("ZeroDivisionError: division by zero\n")
    assert [path.name for path in site.parent.iterdir()] == ["site"]
