"""Splits and scaling: from a source's arrays to what training sees."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from aerun.data import Data, DatasetOptions, Source, Split, prepare
from aerun.errors import DataError
from aerun.features import UNIT_TARGET

NUM_EXAMPLES = 100
OPTIONS = DatasetOptions(
    validation=0.1,
    test=0.2,
    split_seed=0,
    limit=None,
    exclude_classes=[],
    scale="none",
    zca_epsilon=0.1,
    binarize="none",
)
ALL = slice(None)


def numbered(number: int = NUM_EXAMPLES, first: int = 0) -> np.ndarray:
    """Images [N, 1, 2, 3] whose every pixel is the number of the example."""
    numbers = np.arange(first, first + number, dtype=np.uint8)
    return np.broadcast_to(numbers[:, None, None, None], (number, 1, 2, 3)).copy()


def source(**changes: Any) -> Source:
    """100 numbered examples whose label is their last digit."""
    labels = np.arange(NUM_EXAMPLES) % 10
    kept = Source(train=(numbered(), labels), classes=tuple("0123456789"))
    return replace(kept, **changes)


def prepared(of: Source | None = None, **changes: Any) -> Data:
    """The data of a source with some options changed."""
    return prepare(of or source(), replace(OPTIONS, **changes))


def numbers(split: Split) -> list[int]:
    """Which examples a split holds, in its order."""
    return [int(x) for x in split.stored.flatten(1)[:, 0]]


def parts(data: Data) -> dict[str, list[int]]:
    """Which examples each split holds."""
    return {n: numbers(getattr(data, n)) for n in ("train", "validation", "test")}


def everything(found: dict[str, list[int]]) -> list[int]:
    """The examples of all splits together."""
    return [number for part in found.values() for number in part]


# -- splits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("validation", "test", "sizes"),
    [
        (0.1, 0.2, (72, 8, 20)),
        (10, 30, (60, 10, 30)),
        (1, 1, (98, 1, 1)),
        (0.5, 0.5, (25, 25, 50)),
        (79, 0.2, (1, 79, 20)),
    ],
)
def test_splits_are_disjoint_and_cover_everything(
    validation: float, test: float, sizes: tuple[int, int, int]
) -> None:
    """Shares and numbers give parts of these sizes, each example in exactly one."""
    found = parts(prepared(validation=validation, test=test))
    assert tuple(map(len, found.values())) == sizes
    assert sorted(everything(found)) == list(range(NUM_EXAMPLES))


def test_a_test_set_of_its_own_stays_one() -> None:
    """An original test set is kept whole and in order, and none is held out."""
    data = prepared(source(test=(numbered(20, first=200), np.zeros(20, np.int64))))
    found = parts(data)
    assert found["test"] == list(range(200, 220))
    assert sorted(found["train"] + found["validation"]) == list(range(NUM_EXAMPLES))


@pytest.mark.parametrize(
    "changes",
    [{}, {"scale": "unit"}, {"scale": "standard"}, {"limit": 30}],
    ids=str,
)
def test_splits_move_only_with_their_seed(changes: dict[str, Any]) -> None:
    """Global seeds, scaling and a limit leave the split as it is."""
    before = parts(prepared())
    np.random.seed(1)
    torch.manual_seed(1)
    after = parts(prepared(**changes))
    assert after["train"] == before["train"][: changes.get("limit")]
    assert after["validation"] == before["validation"]
    assert after["test"] == before["test"]


def test_another_split_seed_is_another_split() -> None:
    """Every part moves with split_seed, and is shuffled to begin with."""
    before, after = parts(prepared()), parts(prepared(split_seed=1))
    for name in before:
        assert sorted(before[name]) != before[name]
        assert set(before[name]) != set(after[name])


def test_labels_go_with_their_examples() -> None:
    """After splitting and excluding, every example still has its own label."""
    for data in (prepared(), prepared(exclude_classes=[3])):
        for split in (data.train, data.validation, data.test):
            assert split.labels is not None
            assert [n % 10 for n in numbers(split)] == split.labels.tolist()


@pytest.mark.parametrize(("limit", "size"), [(1, 1), (30, 30), (1000, 72)])
def test_limit_cuts_the_training_part_only(limit: int, size: int) -> None:
    """At most ``limit`` training examples; validation and test stay whole."""
    data = prepared(limit=limit)
    assert [len(data.train), len(data.validation), len(data.test)] == [size, 8, 20]


def test_excluded_classes_are_gone_everywhere() -> None:
    """No part holds an example of an excluded class; all others stay."""
    found = parts(prepared(exclude_classes=[3, 0]))
    kept = sorted(everything(found))
    assert kept == [n for n in range(NUM_EXAMPLES) if n % 10 not in (3, 0)]


def test_limit_counts_after_exclusion() -> None:
    """The limit is filled with examples of the classes that stay."""
    assert len(prepared(exclude_classes=[3], limit=50).train) == 50


@pytest.mark.parametrize(
    ("classes", "excluded", "left"),
    [
        (("1", "2", "3"), [1, "3"], 1),  # typed as they stand in a table
        (("cat", "dog", "eel"), ["cat", "eel"], 1),
        (("cat", "dog", "eel"), [0, "eel"], 1),
        (None, [0, 2], 1),
    ],
)
def test_classes_are_excluded_by_their_names(
    classes: tuple[str, ...] | None, excluded: list[int | str], left: int
) -> None:
    """What is typed is the label that the user knows, not its place in an order."""
    labels = np.arange(NUM_EXAMPLES) % 3
    of = source(train=(numbered(), labels), classes=classes)
    kept = everything(parts(prepared(of, exclude_classes=excluded)))
    assert {number % 3 for number in kept} == {left}


def test_an_unknown_class_is_told_with_those_that_there_are() -> None:
    """The message lists the names."""
    of = source(train=(numbered(), np.arange(NUM_EXAMPLES) % 2), classes=("cat", "dog"))
    for unknown in (2, "eel"):
        said = f"class '{unknown}'; the classes are cat, dog$"
        with pytest.raises(DataError, match=said):
            prepared(of, exclude_classes=[unknown])


def test_a_class_that_one_part_lacks_can_be_excluded() -> None:
    """A rare class is known although chance left it out of a part."""
    labels = np.zeros(NUM_EXAMPLES, np.int64)
    labels[7] = 1
    found = parts(prepared(source(train=(numbered(), labels)), exclude_classes=[1]))
    assert 7 not in everything(found)


@pytest.mark.parametrize(
    ("of", "changes", "key", "said"),
    [
        (
            source(),
            {"exclude_classes": [11]},
            "dataset.exclude_classes",
            "no class '11'; the classes are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ),
        (
            source(train=(numbered(), None)),
            {"exclude_classes": [1]},
            "dataset.exclude_classes",
            "no labels",
        ),
        (source(), {"exclude_classes": list(range(10))}, None, "empty"),
        (
            source(),
            {"validation": 80},
            "dataset.validation",
            "20 of 100 .* 80 of the other 80",
        ),
        (source(), {"test": 99}, "dataset.test", "test holds .* dataset.validation 1"),
        (source(), {"test": 100}, "dataset.test", "100 of 100"),
        (source(), {"test": 0.999}, "dataset.test", "100 of 100"),
        (
            source(train=(numbered(2), np.arange(2))),
            {},
            None,
            "data set holds 2 .* 3 are the least",
        ),
        (
            source(train=(numbered(2), None), path="my.csv"),
            {},
            "dataset.path",
            "my.csv holds 2 examples",
        ),
    ],
)
def test_impossible_splits_are_refused(
    of: Source, changes: dict[str, Any], key: str | None, said: str
) -> None:
    """Unknown classes and parts without examples are data errors with their key."""
    with pytest.raises(DataError, match=said) as caught:
        prepared(of, **changes)
    assert caught.value.key.startswith("dataset")
    assert key in (None, caught.value.key)


def test_nothing_for_validation_is_refused_with_the_right_advice() -> None:
    """A validation part of size 0 is not to be made smaller still."""
    with pytest.raises(DataError, match=r"dataset\.validation") as caught:
        prepared(validation=0)
    assert "lower dataset.validation" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", ["train", "test"])
def test_values_that_are_not_finite_are_refused(value: float, part: str) -> None:
    """NaN and infinities of any source are found, in its test set too."""
    x = np.random.default_rng(0).random((50, 4))
    bad = x.copy()
    bad[20, 1] = value
    arrays = {"train": (x, None), "test": (x, None)} | {part: (bad, None)}
    with pytest.raises(DataError, match=r"NaN|finite"):
        prepared(Source(**arrays))


def splits(data: Data) -> list[Split]:
    """The three parts."""
    return [data.train, data.validation, data.test]


# -- scaling -------------------------------------------------------------------------


def vectors(seed: int = 0) -> np.ndarray:
    """Columns in quite different units, one of them constant."""
    x = np.random.default_rng(seed).normal(size=(200, 4)).astype(np.float32)
    return x * np.float32([1, 100, 0.01, 0]) + np.float32([0, 5000, -3, 7])


def gathered(split: Split) -> np.ndarray:
    """All scaled examples of a split."""
    return split.gather(ALL).numpy()


@pytest.mark.parametrize("scale", ["unit", "standard", "none"])
@pytest.mark.parametrize("kind", ["image", "bounded image", "vector"])
def test_scaling_can_be_undone(scale: str, kind: str) -> None:
    """What was stored is what was gathered, times scale plus shift of the spec."""
    of = {
        "image": source(),
        "bounded image": source(bounds=(0, 255)),
        "vector": Source(train=(vectors(), None)),
    }[kind]
    data = prepared(of, scale=scale)
    shift = torch.tensor(data.spec.shift)
    factor = torch.tensor(data.spec.scale)
    assert len(shift) in (1, 4 if kind == "vector" else 1)
    for split in (data.train, data.validation, data.test):
        undone = split.gather(ALL) * factor + shift
        torch.testing.assert_close(undone, split.stored.float(), rtol=1e-5, atol=1e-3)


def test_unit_takes_known_bounds_as_they_are() -> None:
    """Bytes are divided by 255 even where the darkest and brightest are absent."""
    data = prepared(source(bounds=(0, 255)), scale="unit")
    np.testing.assert_allclose(
        gathered(data.train), data.train.stored.numpy() / 255, rtol=1e-6
    )
    assert (data.spec.low, data.spec.high) == (0, 1)


def test_unit_without_bounds_uses_one_range_for_images() -> None:
    """Pixels share a unit: the smallest of all becomes 0, the largest 1."""
    x = np.random.default_rng(0).normal(size=(80, 3, 4, 5)).astype(np.float32)
    x[:, 0] *= 10
    data = prepared(Source(train=(x, None)), scale="unit")
    found = np.concatenate([gathered(split) for split in splits(data)])
    assert found.min() == pytest.approx(0, abs=1e-6)
    assert found.max() == pytest.approx(1, abs=1e-6)
    assert found[:, 1].max() < 0.8
    assert len(data.spec.shift) == 1


def test_unit_scales_each_column_of_vectors() -> None:
    """Columns have units of their own; a constant one becomes 0, not NaN."""
    data = prepared(Source(train=(vectors(), None)), scale="unit")
    found = np.concatenate([gathered(split) for split in splits(data)])
    np.testing.assert_allclose(found.min(0), 0, atol=1e-4)
    np.testing.assert_allclose(found.max(0), [1, 1, 1, 0], atol=1e-4)
    assert len(data.spec.scale) == 4


def test_standard_gives_mean_0_and_variance_1() -> None:
    """Per column for vectors, over all pixels for images; constant columns give 0."""
    found = gathered(prepared(Source(train=(vectors(), None)), scale="standard").train)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(found.std(0), [1, 1, 1, 0], atol=1e-3)
    found = gathered(prepared(source(), scale="standard").train)
    assert found.mean() == pytest.approx(0, abs=1e-5)
    assert found.std() == pytest.approx(1, abs=1e-5)


def test_none_leaves_values_alone() -> None:
    """``scale=none`` hands over what was stored, bit for bit."""
    data = prepared(Source(train=(vectors(), None)), scale="none")
    assert np.array_equal(gathered(data.train), data.train.stored.numpy())


@pytest.mark.parametrize("scale", ["unit", "standard"])
def test_scaling_is_fitted_to_the_training_part(scale: str) -> None:
    """An outlier in the test set changes nothing that training sees."""
    x = vectors()
    far = x[:20] * 50
    plain = prepared(Source(train=(x, None), test=(x[:20], None)), scale=scale)
    odd = prepared(Source(train=(x, None), test=(far, None)), scale=scale)
    assert np.array_equal(gathered(plain.train), gathered(odd.train))
    assert odd.spec.high > plain.spec.high  # but it is known


@pytest.mark.parametrize("scale", ["unit", "standard", "none"])
@pytest.mark.parametrize("x", [numbered(), vectors()], ids=["images", "vectors"])
def test_the_spec_knows_the_range_of_all_parts(x: np.ndarray, scale: str) -> None:
    """``low`` and ``high`` are the extremes of everything scaled."""
    data = prepared(Source(train=(x, None)), scale=scale)
    found = np.concatenate([gathered(split) for split in splits(data)])
    assert data.spec.low == pytest.approx(found.min(), rel=1e-4, abs=1e-4)
    assert data.spec.high == pytest.approx(found.max(), rel=1e-4, abs=1e-4)
    assert (UNIT_TARGET in data.spec.provides) == (scale == "unit")


def test_data_move_to_another_type() -> None:
    """Scaling in float64 is exact where float32 rounds."""
    data = prepared(source(bounds=(0, 255)), scale="unit")
    moved = data.to(torch.device("cpu"), torch.float64)
    assert moved.spec == data.spec
    found = moved.train.gather(ALL)
    assert found.dtype == torch.float64
    torch.testing.assert_close(
        found, moved.train.stored.double() / 255, rtol=1e-15, atol=0
    )


def test_grey_images_keep_their_strides() -> None:
    """Convolutions choose how to compute by them: a faster way changes no bit."""
    images = np.arange(320, dtype=np.uint8).reshape(20, 4, 4)[:, None]
    split = prepared(Source(train=(images, None)), scale="unit").train
    order = torch.tensor([5, 0, 5, 3])
    assert isinstance(split.stored, torch.Tensor)
    expected = split.stored[order].float() * (1 / torch.tensor(float(images.max())))
    assert split.gather(order).stride() == expected.stride() == (16, 1, 4, 1)
    torch.testing.assert_close(split.gather(order), expected)
    every_other = split.at(slice(0, None, 2))  # not one block any more
    assert torch.equal(every_other.gather(order), split.gather(2 * order))


def test_a_split_gathers_what_it_is_asked_for() -> None:
    """Indices in any order and slices pick examples; ``first`` keeps labels."""
    split = prepared().train
    order = torch.tensor([5, 0, 5])
    assert torch.equal(split.gather(order), split.gather(ALL)[order])
    some = split.first(4)
    assert len(some) == 4
    assert some.labels is not None
    assert split.labels is not None
    assert torch.equal(some.labels, split.labels[:4])
    assert torch.equal(some.gather(ALL), split.gather(slice(4)))


def test_the_fingerprint_tells_data_and_splits_apart() -> None:
    """Same data and split, same fingerprint; one pixel or another split, another."""
    changed = numbered()
    changed[0, 0, 0, 0] += 1
    same = prepared().spec.fingerprint
    assert prepared().spec.fingerprint == same
    others = [
        prepared(split_seed=1),
        prepared(limit=50),
        prepared(source(train=(changed, np.arange(NUM_EXAMPLES) % 10))),
    ]
    assert len({same, *(data.spec.fingerprint for data in others)}) == 4
