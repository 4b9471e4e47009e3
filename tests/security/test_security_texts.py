"""Names of theirs, of classes, columns, files and settings: shown, and nothing else."""

import json
import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile import change, png

from aerun.cli import main
from aerun.columns import markdown
from aerun.config.several import recorded_run
from aerun.config.stored import stored_config
from aerun.logs import in_one_line, log_file, print_error, set_up_console, visible
from aerun.progress import progress_bar
from aerun.rundir import RunDirectory
from aerun.tasks.commands import choices, repeating

pytest_plugins = ["hostile"]

MARKUP = '</script></style><img src=x onerror=alert(1)>"\' onload="alert(2)"<svg>'
STEERING = "\x1b]0;title\x07\x1b[2J\x9b31m\r\x08\x7f"


class _Page(HTMLParser):
    """Collects the tags of a page, and what is in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts.append(data)


def test_the_page_of_a_hostile_run_is_a_page(place: Path) -> None:
    """Wherever a text of theirs is shown there, it is text, in data of scripts too."""
    run = place / "run"
    assert main(["task=report", "run=run"]) == 0
    plain = _Page((run / "report.html").read_text())
    change(run, "data", "classes", to=[f"{MARKUP}{i}" for i in range(10)])
    change(run, "data", "fingerprint", to=MARKUP)
    change(run, "dataset", "limit", to=200)
    summary = json.loads((run / "summary.json").read_text())
    summary |= {"health": [MARKUP], "device": MARKUP, "git_commit": MARKUP}
    summary["metrics"] |= {MARKUP: 1.0}
    summary["versions"] = {MARKUP: MARKUP}
    (run / "summary.json").write_text(json.dumps(summary))
    header, *rows = (run / "metrics.csv").read_text().splitlines()
    text = "".join(f"{row},{i}\n" for i, row in enumerate(rows))
    quoted = MARKUP.replace('"', '""')
    (run / "metrics.csv").write_text(f'{header},"train/{quoted}"\n{text}')
    (run / ".hydra").mkdir(exist_ok=True)
    choices = f"{{model: {json.dumps(MARKUP)}, dataset: digits}}"
    record = f"hydra: {{overrides: {{task: [{json.dumps(MARKUP)}]}}, runtime: "
    record += f"{{choices: {choices}, cwd: {json.dumps(MARKUP)}}}}}\n"
    (run / ".hydra/hydra.yaml").write_text(record)
    (run / ".hydra/config.yaml").write_text((run / "config.yaml").read_text())
    assert main(["task=report", "run=run"]) == 0
    text = (run / "report.html").read_text()
    page = _Page(text)
    assert page.tags <= plain.tags | {"noscript", "ul", "li"}
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "<img src=x" not in text
    assert text.count("alert(1)") >= 6, "they are shown"
    for script in page.scripts[:-1]:
        json.loads(script)


def test_the_page_of_hostile_runs_is_a_page(place: Path) -> None:
    """Of a comparison, with what was chosen in each."""
    run = place / "run"
    (run / ".hydra").mkdir(exist_ok=True)
    record = f"hydra: {{runtime: {{choices: {{model: {json.dumps(MARKUP)}}}}}}}\n"
    (run / ".hydra/hydra.yaml").write_text(record)
    change(run, "data", "classes", to=[f"{MARKUP}{i}" for i in range(10)])
    summary = json.loads((run / "summary.json").read_text())
    summary["metrics"][f"test/{MARKUP}"] = 1.0
    (run / "summary.json").write_text(json.dumps(summary))
    assert main(["task=compare", "runs=[run]"]) == 0
    (made,) = place.glob("outputs/comparisons/*/*/report.html")
    text = made.read_text()
    assert "img" not in _Page(text).tags or "<img src=x" not in text
    assert not [n for n in _Page(text).attributes if n.startswith("on")]
    assert "onerror=alert(1)" in text
    for name in ("comparison.md",):
        assert "<img" not in (made.parent / name).read_text()


@pytest.mark.parametrize(
    "record",
    [
        "[]",
        "hydra: 3",
        "hydra: {runtime: [1]}",
        "hydra: {runtime: {choices: 3}}",
        "hydra: {overrides: {task: 3}, runtime: {config_sources: [1]}}",
    ],
)
def test_a_strange_record_is_no_record(place: Path, record: str) -> None:
    """Page and comparison do without what it would tell."""
    (place / "run/.hydra").mkdir(exist_ok=True)
    (place / "run/.hydra/hydra.yaml").write_text(record)
    (place / "run/.hydra/config.yaml").write_text("trainer: {}\n")
    (place / "run/.hydra/overrides.yaml").write_text("3\n")
    run = RunDirectory("run")
    assert repeating(run, run.read_yaml("config.yaml")) is None
    assert choices(run) == {}
    told = recorded_run(place / "run")
    assert (told.choices, told.typed) == ({}, ())


def test_a_picture_that_is_none_is_left_out(place: Path, capsys: Any) -> None:
    """Also one of more pixels than any that is drawn, and that is said."""
    pictures = {
        "samples.png": b"<svg onload=alert(1)>",
        "filters.png": png(20_000, 20_000),
        "latent.png": png(10, 10)[:-20],
        "activity.png": b"",
        "reconstructions.png": b"GIF89a",
    }
    for name, content in pictures.items():
        (place / "run" / name).write_bytes(content)
    assert main(["task=report", "run=run"]) == 0
    said = capsys.readouterr().err
    for name in pictures:
        assert f"run/{name}, which is damaged" in said, name
    text = (place / "run/report.html").read_text()
    assert "alert(1)" not in text


# -- terminals -------------------------------------------------------------------------


def test_nothing_steers_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Not what is told or refused, nor what stands before a bar; tabs are harmless."""
    set_up_console()
    with log_file(tmp_path / "aerun.log"):
        log = logging.getLogger("aerun")
        log.info("Decoding %s", STEERING)
        log.warning("of %s", STEERING)
    print_error(f"no class {STEERING}")
    printed = capsys.readouterr()
    written = (tmp_path / "aerun.log").read_text()
    for text in (printed.out, printed.err, written):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
        assert r"\x1b]0;title\x07\x1b[2J\x9b31m\x0d\x08\x7f" in text
    assert visible("a\tb\nc é 字") == "a\tb\nc é 字"
    monkeypatch.setattr("aerun.progress.is_watched", lambda: True)
    with progress_bar(1, unit="x", description=STEERING) as bar:
        assert bar.desc.startswith(r"\x1b]0;title")


def test_a_class_that_steers_is_told_without(place: Path, capsys: Any) -> None:
    """From a table, in a message about a class that is not there."""
    (place / "t.csv").write_text(f"a,b,kind\n1,2,{STEERING[:4]}\n3,4,v\n5,6,v\n")
    asked = ["dataset=csv", "dataset.path=t.csv", "dataset.label=kind"]
    assert main([*asked, "dataset.exclude_classes=[w]"]) == 2
    said = capsys.readouterr().err
    assert r"\x1b]0" in said
    assert "\x1b]" not in said


def test_markdown_holds_no_markup() -> None:
    """Tables in files are text, whoever shows them."""
    (*_, row) = markdown(("a",), [(MARKUP,)])
    assert "<" not in row
    assert "&lt;img" in row


@pytest.mark.parametrize(
    "asked",
    ["loss._target_=canary.sing", "--config-dir=run", "trust=[canary]",
     "+trust=[canary]", "hydra.searchpath=[file:///evil]"],
)  # fmt: skip
def test_a_page_gives_no_command_that_runs_code(place: Path, asked: str) -> None:
    """What a record of theirs says was typed is not shown as something to type."""
    _record(place / "run", ["model=vae", "trainer.epochs=1"])
    run, config = RunDirectory(place / "run"), stored_config(place / "run")
    assert repeating(run, config) is not None
    _record(place / "run", ["model=vae", "trainer.epochs=1", asked])
    assert repeating(run, config) is None


@pytest.mark.parametrize("folder", ["run/conf", "{}/x/../run/c", "{}/run", "/\0"])
def test_a_page_names_no_options_of_the_run(place: Path, folder: str) -> None:
    """They are of whoever made the run; other folders are the user's."""
    run, config = RunDirectory(place / "run"), stored_config(place / "run")
    _record(place / "run", ["model=vae"], conf=str(place / "conf"))
    assert repeating(run, config) is not None
    _record(place / "run", ["model=vae"], conf=folder.format(place))
    assert repeating(run, config) is None


def _record(run: Path, overrides: list[str], conf: str | None = None) -> None:
    """Write what Hydra records of a run."""
    sources = [{"provider": "--config-dir", "path": conf}] if conf else []
    runtime = {"config_sources": sources, "cwd": str(run.parent), "choices": {}}
    record = {"hydra": {"overrides": {"task": overrides}, "runtime": runtime}}
    directory = RunDirectory(run)
    directory.write(".hydra/hydra.yaml", json.dumps(record).encode())
    directory.write(".hydra/config.yaml", (run / "config.yaml").read_bytes())


def test_a_stopped_command_trusts_nobody_unasked(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """What the record says was composed was not checked; what is continued was."""

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aerun.tasks.resume.resume", stopped)
    change(place / "run", "loss", "_target_", to="mine.loss")
    _record(place / "run", ["loss._target_=canary.bernoulli"])
    record = place / "run/.hydra/config.yaml"
    record.write_text("loss: {_target_: canary.bernoulli}\n")
    assert main(["task=resume", "run=run", "trust=[mine]"]) == 130
    said = capsys.readouterr().err
    assert "run 'trust=[mine]'" in said
    assert "canary" not in said


def test_what_turns_the_direction_of_a_text_is_shown() -> None:
    """In lines that are logged as in messages; only there tabs and line ends stay."""
    assert visible("a\u202eb\tc\n") == "a\\u202eb\tc\n"
    assert in_one_line("a\u202eb\tc\n") == "a\\u202eb\\tc\\n"
