"""Reproduction: what rows ask for can be run, and pages say what was found."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from carrying import Commands, Failed, Place, carry_out, keep, seeds_left, standing
from making import later
from pages import results, short
from pretending import row
from targets import Figure, Row, read, spread

from aerun.config.check import check

ROWS = read()


@pytest.mark.parametrize(
    "mine",
    [row if row.key in ("pca", "aae") else later(row) for row in ROWS],
    ids=lambda row: row.key,
)
def test_what_a_row_asks_for_is_a_good_request(mine: Row) -> None:
    """Its runs and those beside them pass the check."""
    for config in mine.configs():
        assert check(config) == []
        assert config["dataset"]["_target_"] == "aerun.data.mnist"


def test_the_command_of_a_row_can_be_typed() -> None:
    """What a shell would take apart is quoted."""
    mine = row(request=["experiment=lecture/vae", "model.hidden=[8, 4]"])
    assert mine.command == "aerun experiment=lecture/vae 'model.hidden=[8, 4]'"


@pytest.mark.parametrize(
    ("asked", "value", "said"),
    [
        ({"at_most": 1.0}, 1.0, "reached"),
        ({"at_most": 1.0}, 1.1, "not reached"),
        ({"at_least": 1.0}, 0.9, "not reached"),
        ({"at_least": 1.0, "at_most": 2.0}, 2.5, "not reached"),
        ({"at_most": 91.0, "published": 86.0}, 90.0, "within the scaled target"),
        ({"at_most": 91.0, "published": 86.0}, 85.0, "reached"),
        ({"at_least": 120.0, "published": 214.0}, 200.0, "within the scaled target"),
        ({"at_least": 120.0, "published": 214.0}, 239.0, "reached"),
        ({"at_most": 1.0}, math.nan, "not reached"),
    ],
)
def test_a_verdict_compares_with_the_target_and_with_the_published(
    asked: dict[str, float], value: float, said: str
) -> None:
    """In the direction in which the target is better."""
    source = {"source": "somebody"} if "published" in asked else {}
    assert Figure(name="a", of="b", **asked, **source).verdict([value]) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("figures: [{name: a, of: b}]", "a: mine: a: needs at_most or at_least"),
        ("figures: [{name: a, of: b, at_most: 1, published: 2}]", "belong together"),
        ("figures: [{name: a, of: b, at_mots: 1}]", "at_mots"),
        ("system: mine", "figures"),
    ],
)
def test_a_mistake_in_the_targets_names_its_row(
    tmp_path: Path, text: str, said: str
) -> None:
    """Before anything runs."""
    path = tmp_path / "a"
    path.write_text(f"mine: {{{text}}}")
    with pytest.raises(ValueError, match=r"^a: mine: ") as error:
        read(path)
    assert said in str(error.value)


def test_values_are_those_of_the_run_of_tasks_and_of_runs_beside(place: Place) -> None:
    """Only those that figures need, with the time that all of it took."""
    found = carry_out(row(), 1, place)
    assert found["values"] == {
        "evaluate/nll": 90.0, "plain/test/mse": 0.1, "test/mse": 0.1
    }  # fmt: skip
    assert found["minutes"] >= 3.0
    first, *_ = place.run.asked  # type: ignore[attr-defined]
    where = f"hydra.run.dir={place.folder(row(), 1)}/run"
    assert first == ["-q", "model=vae", "seed=1", where, *place.settings]


def test_a_reproduction_that_was_killed_goes_on(place: Place) -> None:
    """The run that was begun is resumed, finished ones and tasks are not made again."""
    place.run.dies = 1  # type: ignore[attr-defined]
    with pytest.raises(Failed, match="killed"):
        carry_out(row(), 0, place)
    place.run.busy = 2  # type: ignore[attr-defined]
    first = carry_out(row(), 0, place)
    asked = place.run.asked  # type: ignore[attr-defined]
    resumed = ["-q", "task=resume", f"run={place.folder(row(), 0)}/run"]
    assert asked[1:4] == [resumed] * 3
    number = len(asked)
    assert carry_out(row(), 0, place) == first
    assert len(asked) == number


def test_a_value_that_no_run_gives_is_named(place: Place) -> None:
    """A figure's name that is misspelt for example."""
    figure = Figure(name="a", of="test/msee", at_most=1)
    with pytest.raises(Failed, match="mine: there is no test/msee"):
        carry_out(row(figures=[figure]), 0, place)


def test_what_is_kept_is_known_by_what_was_asked(place: Place) -> None:
    """Seeds that are there are left out; changed options make all of them stale."""
    mine = row()
    for seed in range(2):
        assert keep(mine, seed, carry_out(mine, seed, place), place) == "new"
    assert seeds_left(mine, place, 10) == []
    assert keep(mine, 1, carry_out(mine, 1, place), place) == "as kept"
    changed = carry_out(mine, 1, place)
    changed["values"]["test/mse"] = 0.3
    assert keep(mine, 1, changed, place) == "differs: test/mse 0.3, kept 0.1"
    other = replace(mine, request=["model=vae", "model.code=3"])
    assert seeds_left(other, place, 10) == [0, 1]
    assert "stale: options changed since" in results([standing(other, place)])
    number = len(place.run.asked)  # type: ignore[attr-defined]
    keep(other, 0, carry_out(other, 0, place), place)
    assert "model.code=3" in place.run.asked[number]  # type: ignore[attr-defined]
    assert list(place.found(other)["seeds"]) == ["0"]


def test_a_new_figure_asks_for_the_seeds_again(place: Place) -> None:
    """What is kept has no such value; the page says so, and the others stay."""
    mine = row()
    keep(mine, 0, carry_out(mine, 0, place), place)
    figure = Figure(name="angle", of="test/angle", at_most=1)
    more = replace(mine, figures=[*mine.figures, figure])
    assert seeds_left(more, place, 1) == [0]
    assert "| angle |" in results([standing(more, place)])


def test_what_is_no_number_is_missing(place: Place) -> None:
    """Files say null where a figure became NaN."""
    place.run.metrics["test/mse"] = None  # type: ignore[attr-defined]
    with pytest.raises(Failed, match="there is no plain/test/mse, test/mse"):
        carry_out(row(), 0, place)


def test_what_was_left_before_there_was_a_run_is_begun_again(place: Place) -> None:
    """A directory without a config cannot be resumed."""
    left = place.folder(row(), 0) / "run"
    left.mkdir(parents=True)
    (left / "aerun.log").write_text("")
    assert carry_out(row(), 0, place)["values"]["test/mse"] == 0.1
    assert "task=resume" not in place.run.asked[0]  # type: ignore[attr-defined]


def test_where_data_lie_is_no_part_of_what_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Figures that are kept are those of every reader."""
    mine = row(request=["experiment=lecture/simple"], beside={})
    monkeypatch.setenv("AERUN_DATA", "/here")
    here = mine.fingerprint()
    monkeypatch.setenv("AERUN_DATA", "/there")
    assert mine.fingerprint() == here


def test_what_is_plain_is_in_the_units_of_its_figure(place: Place) -> None:
    """Summed over the pixels like the figure beside it."""
    figure = Figure(name="sum", of="test/mse", times=10, at_most=2, plain="test/mse")
    mine = row(figures=[figure])
    keep(mine, 0, carry_out(mine, 0, place), place)
    assert "| at most 2 | 1 | 1 |" in results([standing(mine, place)])


def test_the_page_shows_mean_deviation_target_and_verdict(place: Place) -> None:
    """One line per figure; what is not reached has its reason below the table."""
    mine = row()
    keep(mine, 0, carry_out(mine, 0, place), place)
    place.run.metrics["test/mse"] = 0.5  # type: ignore[attr-defined]
    keep(mine, 1, carry_out(mine, 1, place), place)
    of = [standing(each, place) for each in (mine, row(key="later"))]
    lines = results(of).splitlines()
    (first,) = [line for line in lines if "`mine`" in line and "`aerun" in line]
    assert "| mse |  | at most 0.2 | 0.3 +- 0.28 (2) | 0.3 |" in first
    assert first.endswith("| not reached |")
    (second,) = [line for line in lines if "NLL" in line and "90" in line]
    assert "| 86 (B) | at most 91 | 90 +- 0 (2) |" in second
    assert second.endswith("| within the scaled target |")
    assert lines[-1] == "- `mine`, mse: not analysed yet."
    assert sum(line.endswith("| not run |") for line in lines) == 2
    assert "| Mine | `aerun model=vae`<br>`aerun model=simple` | mse |" in short(of)
    assert len(short(of).splitlines()) == 3


def test_of_one_seed_there_is_no_deviation() -> None:
    """And of several it is that of a sample."""
    assert spread([2.0]) == (2.0, None)
    assert spread([1.0, 3.0]) == (2.0, pytest.approx(math.sqrt(2)))


@pytest.mark.slow
@pytest.mark.shared
def test_a_row_is_made_by_the_command_itself(tmp_path: Path) -> None:
    """Trained, evaluated and kept; made again it is the same to the last digit."""
    figures = [
        Figure(name="mse", of="test/mse", at_most=1, over="pca/mse"),
        Figure(name="probe", of="evaluate/linear_probe", at_least=0),
    ]
    few = ["dataset=digits", "trainer.max_steps=20", "dataset.limit=200"]
    mine = row(request=few, beside={}, figures=figures)
    first, second = (
        Place(runs=tmp_path / name, kept=tmp_path / "kept", run=Commands())
        for name in ("a", "b")
    )
    assert keep(mine, 0, carry_out(mine, 0, first), first) == "new"
    assert keep(mine, 0, carry_out(mine, 0, second), second) == "as kept"


def test_rows_are_told_apart_while_others_run() -> None:
    """Threads look at rows at the same time; Hydra composes for one after another."""
    rows = read()[:2]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(Row.fingerprint, rows * 2))
    assert found[:2] == found[2:]
    assert found[0] != found[1]
