"""What a search may choose from, as Hydra's syntax of sweeps says it."""

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from aerun.config.compose import Composer
from aerun.config.mistakes import BadRequest
from aerun.sweeps.space import Space, space_of


@pytest.fixture(scope="module")
def spanned():
    """A function from overrides to their space."""
    parser = Composer().parser
    return lambda *overrides: space_of(parser.parse_overrides(list(overrides)))


@pytest.mark.parametrize(
    ("override", "distribution"),
    [
        ("a=interval(1,2)", FloatDistribution(1, 2)),
        ("a=tag(log,interval(1e-4,1e-1))", FloatDistribution(1e-4, 1e-1, log=True)),
        ("a=tag(int,interval(1,9))", IntDistribution(1, 9)),
        ("a=tag(log,int,interval(2,64))", IntDistribution(2, 64, log=True)),
        ("a=range(2,16)", IntDistribution(2, 15)),
        ("a=tag(log,range(2,16))", IntDistribution(2, 15, log=True)),
        ("a=range(4,17,4)", IntDistribution(4, 16, step=4)),
        ("a=range(10,0,-3)", IntDistribution(1, 10, step=3)),
        ("a=range(0,1,0.25)", FloatDistribution(0, 0.75, step=0.25)),
        ("a=3,1,3", CategoricalDistribution(["3", "1"])),
        ("a=shuffle([32],[64,32])", CategoricalDistribution(["[32]", "[64,32]"])),
        ("a=x,'y z',null", CategoricalDistribution(["x", "'y z'", "null"])),
        ("trainer=glob(p*)", CategoricalDistribution(["phased"])),
    ],
)
def test_each_form_of_a_sweep_is_a_dimension(spanned, override, distribution):
    """A range has the numbers that a grid would have: its end is not one of them."""
    (found,) = spanned(override).distributions.values()
    assert found == distribution


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("a=tag(log,interval(0,1))", "a logarithmic scale needs numbers above 0"),
        ("a=tag(log,range(0,5))", "a logarithmic scale needs numbers above 0"),
        ("a=interval(2,1)", "the first number must be the smaller one"),
        ("a=range(3,3)", "there is no number in this range"),
        ("a=tag(log,range(1,9,2))", "use interval(LOW,HIGH)"),
        ("a=tag(log,choice(1,2))", "values in a list have no scale"),
        ("a=tag(lgo,interval(1,2))", "there is no tag lgo; use log or int"),
        ("a=1", "there is nothing to search"),
    ],
)
def test_what_spans_nothing_is_refused(spanned, override, said):
    """With the override as typed, and what to do."""
    with pytest.raises(BadRequest) as caught:
        spanned(override)
    assert said in str(caught.value)


def test_the_last_of_a_key_counts_at_the_place_of_the_first(spanned):
    """So the command line wins over the config."""
    space = spanned("a=interval(1,2)", "b=3", "~c", "+d=x,y", "a=range(5,7)")
    assert space.overrides({"a": 6, "d": "y"}) == ["a=6", "b=3", "~c", "+d=y"]


def test_a_number_is_typed_with_the_digits_that_matter(spanned):
    """Six of them, or all where the interval is narrow; never one beyond its ends."""
    axis = spanned("a=interval(0.0001,1)").axes["a"]
    assert axis.typed(0.012345678901) == "a=0.0123457"
    assert axis.typed(1e-4) == "a=0.0001"
    narrow = spanned("a=interval(0.9999990,0.9999999)").axes["a"]
    assert narrow.typed(0.99999912345) == "a=0.99999912345"
    end = spanned("a=interval(0.12345678,0.5)").axes["a"]
    assert float(end.typed(0.12345678).removeprefix("a=")) >= 0.12345678
    steps = spanned("a=range(0,1,0.1)").axes["a"]
    assert steps.typed(0.1 + 0.2) == "a=0.3"


def test_the_size_is_the_number_of_different_trials(spanned):
    """There is none where a dimension has no end of values."""
    assert spanned("a=range(0,1,0.25)", "b=x,y", "c=range(1,1000001)").size == 8_000_000
    assert spanned("a=x,y", "b=interval(1,2)").size is None


def test_the_rim_has_both_ends_of_numbers_and_all_of_a_list(spanned):
    """One trial for each, the others at their first."""
    space: Space = spanned("a=interval(1,2)", "b=x,y,z", "c=range(3,9)")
    first = {"a": "a=1.0", "b": "b=x", "c": "c=3"}
    ends = [{}, {"a": "a=2.0"}, {"b": "b=y"}, {"b": "b=z"}, {"c": "c=8"}]
    assert space.rim() == [list((first | end).values()) for end in ends]
