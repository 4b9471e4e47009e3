"""The judge: a classifier per data set, trained once, that tells what samples are."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from making import compose
from safetensors.torch import load_file

from aerun.build import load_data
from aerun.data import Data, Split
from aerun.evaluation import classifier
from aerun.evaluation import judge as module
from aerun.evaluation.judge import Judge, class_figures, judge


@pytest.fixture
def cache(judge_of_digits: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with the judge of the digits, in use."""
    monkeypatch.setenv("AERUN_CACHE", str(judge_of_digits))
    return judge_of_digits


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and trainings too short to learn much."""
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path))
    monkeypatch.setattr(classifier, "_EPOCHS", 1)
    monkeypatch.setattr(classifier, "_STEPS", 1)
    return tmp_path


def _digits(*overrides: str) -> Data:
    return load_data(compose("dataset=digits", *overrides))


def _test_part(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Examples in the units of the data, and their labels."""
    x = data.spec.unscaled(data.test.gather(slice(len(data.test))).double().numpy())
    return x, data.test.labels.numpy()


def _weights(found: Judge) -> dict[str, torch.Tensor]:
    return found.network.state_dict()


def _same(one: Judge, other: Judge) -> bool:
    pairs = zip(_weights(one).values(), _weights(other).values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_judge_of_the_digits_is_right_and_says_how_often(cache):
    """At least 97 %, which is what its probabilities give by hand."""
    data = _digits()
    found = judge(data)
    x, labels = _test_part(data)
    probabilities = found.probabilities(x)
    assert probabilities.shape == (len(x), 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    right = np.array(found.labels)[probabilities.argmax(1)] == labels
    assert found.accuracy == pytest.approx(right.mean())
    assert found.accuracy >= 0.97
    assert found.seed == 0


def test_features_are_those_of_the_last_hidden_layer(cache):
    """The output layer makes the probabilities of them."""
    data = _digits()
    found = judge(data)
    x, _ = _test_part(data)
    features = found.features(torch.from_numpy(x[:7]))
    assert features.shape == (7, 128)
    logits = found.network.last(torch.from_numpy(features).float())
    wanted = logits.softmax(1).detach().numpy()
    np.testing.assert_allclose(found.probabilities(x[:7]), wanted, atol=1e-6)


def test_a_judge_is_read_from_the_cache_whatever_the_scaling(cache, monkeypatch):
    """The same data scaled otherwise are judged by the same network."""

    def fail(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "fit", fail)
    first, whitened = judge(_digits()), judge(_digits("dataset.scale=zca"))
    assert _same(first, whitened)
    assert first.accuracy == whitened.accuracy
    (file,) = cache.glob("judge_*.safetensors")
    assert load_file(file).keys() == _weights(first).keys()


def test_judges_are_repeatable_and_seeded(short, monkeypatch):
    """The same seed gives the same bits, also without the cache; another others."""
    first = judge(_digits())
    monkeypatch.setenv("AERUN_CACHE", str(short / "other"))
    torch.manual_seed(5)  # whatever the state of the generator of all
    again, other = judge(_digits()), judge(_digits(), seed=1)
    assert _same(first, again)
    assert not _same(first, other)
    assert other.seed == 1


def test_pytorchs_generator_is_left_alone(short):
    """A judge that is trained on the way changes no later draw."""
    torch.manual_seed(3)
    before = torch.get_rng_state()
    judge(_digits())
    assert torch.equal(torch.get_rng_state(), before)


def test_other_data_labels_or_recipes_have_judges_of_their_own(short, monkeypatch):
    """Nothing that was trained otherwise is taken from the cache."""
    data = _digits()
    swapped = replace(data, train=_relabelled(data.train, 9 - data.train.labels))
    judge(data), judge(swapped), judge(_digits("dataset.limit=100"))
    assert len(list(short.glob("judge_*.safetensors"))) == 3
    monkeypatch.setattr(module, "RECIPE", 0)
    judge(data)
    assert len(list(short.glob("judge_*.safetensors"))) == 4
    assert not list(short.glob(".*.part"))


def _relabelled(split: Split, labels: torch.Tensor | None) -> Split:
    return Split(split.stored, labels, spec=split.spec, index=split.index)


def test_a_damaged_file_is_made_again(short, caplog):
    """It is named in a warning."""
    first = judge(_digits())
    (file,) = short.glob("judge_*.safetensors")
    whole = file.read_bytes()
    for damaged in (whole[:100], whole[:-8]):
        file.write_bytes(damaged)
        with caplog.at_level("WARNING", logger="aerun"):
            assert _same(judge(_digits()), first)
        assert str(file) in caplog.text
        assert file.read_bytes() == whole


def test_without_labels_there_is_no_judge(short):
    """Nor with labels that are all the same."""
    data = _digits()
    none = replace(data, train=_relabelled(data.train, None))
    ones = torch.ones_like(data.train.labels)
    same = replace(data, train=_relabelled(data.train, ones))
    assert judge(none) is judge(same) is None
    assert not list(short.iterdir())


def test_vectors_are_judged_in_any_units(tmp_path, monkeypatch):
    """Columns of very different size, and labels that are not 0, 1, 2."""
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    y = np.array([3, 5, 9])[np.arange(600) % 3]
    x = generator.normal(size=(600, 4)) * [1, 1e4, 1e-3, 0] + [0, 1e5, 0, 7]
    x[:, 1] += 1e4 * y
    np.savez(tmp_path / "x.npz", x=x, y=y)
    config = compose("dataset=array", f"dataset.path={tmp_path / 'x.npz'}")
    data = load_data(config)
    found = judge(data)
    assert len(found.labels) == 3
    assert found.accuracy > 0.8
    assert found.features(x[:5]).shape == (5, 128)


@pytest.mark.parametrize("shape", [(3, 5, 1), (3, 50, 70), (1, 1, 1)])
def test_images_of_any_size_can_be_judged(shape):
    """Small ones are not shrunk away, large ones shrunk to few pixels."""
    network = classifier.Network(shape, 4)
    assert network(torch.rand(2, *shape)).shape == (2, 4)
    assert sum(p.numel() for p in network.parameters()) < 300_000


# -- figures ---------------------------------------------------------------------------


def test_class_figures_are_by_hand():
    """Four samples: two of class 0, one each of 2 and 3; three of them sure."""
    rows = [[0.9, 0.1, 0, 0], [0.8, 0, 0.2, 0], [0.2, 0.2, 0.5, 0.1], [0, 0, 0.1, 0.9]]
    found = class_figures(np.array(rows))
    assert found.num_classes == 3
    assert found.entropy == pytest.approx(1.5 * math.log(2))
    assert found.share_sure == 0.75
    assert found.share_sure_error == pytest.approx(math.sqrt(0.75 * 0.25 / 4))


def test_class_figures_of_one_class_and_of_all():
    """Entropy is 0 where all samples are alike, log C where all classes occur."""
    alike = class_figures(np.eye(5)[[2, 2, 2]])
    assert (alike.num_classes, alike.entropy) == (1, 0)
    assert (alike.share_sure, alike.share_sure_error) == (1, 0)
    even = class_figures(np.eye(5))
    assert even.num_classes == 5
    assert even.entropy == pytest.approx(math.log(5))


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.mnist
def test_the_judge_of_mnist_is_right(tmp_path, monkeypatch):
    """At least 98.5 % of the official test set."""
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path))
    found = judge(load_data(compose("dataset=mnist")))
    assert found.accuracy >= 0.985
