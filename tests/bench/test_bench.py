"""The bench compares like with like and leaves its two files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from contenders import BARE, BATCH_SIZE, LOOP, SCRIPT, contenders, prepare
from images import choose_images
from measure import interleave, ratio
from torch.nn import functional

from aerun.data.mnist import FILES


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Those who train a lasting net; and one batch of digits, [N, 784] in [0, 1]."""
    monkeypatch.setenv("AERUN_DATA", str(tmp_path / "nothing"))
    images = choose_images(tmp_path, BATCH_SIZE)
    config, data = prepare([*images.overrides, "trainer.epochs=1000"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        everyone, _ = contenders(config, data, tmp_path)
        x = data.train.gather(slice(None)).flatten(1)
        yield {c.name: c for c in everyone if c.model is not None}, x


def _errors(everyone, x):
    """Mean squared error on all images, by contender."""
    with torch.no_grad():
        return {
            name: float(functional.mse_loss(contender.reconstruct(x), x))
            for name, contender in everyone.items()
        }


def test_all_train_the_lectures_net_from_the_same_weights(trained):
    """Same number of parameters, same reconstructions before the first step."""
    everyone, x = trained
    assert set(everyone) == {LOOP, BARE, SCRIPT}
    sizes = {sum(p.numel() for p in c.model.parameters()) for c in everyone.values()}
    assert sizes == {219_891}
    recon = everyone[LOOP].reconstruct(x)
    for contender in everyone.values():
        torch.testing.assert_close(contender.reconstruct(x), recon)


def test_all_make_the_same_steps(trained):
    """One batch holds all images, so that order is no excuse: the losses are equal."""
    everyone, x = trained
    assert len(x) <= BATCH_SIZE
    before = _errors(everyone, x)
    for contender in everyone.values():
        contender.run(50)
    after = _errors(everyone, x)
    assert after[LOOP] < before[LOOP] / 2
    for name in (BARE, SCRIPT):
        assert after[name] == pytest.approx(after[LOOP], rel=1e-5)


def test_a_ratio_is_that_of_neighbours_in_time():
    """Speeds are divided repeat by repeat, however the machine drifts between."""
    found = ratio([2.0, 40.0, 9.0], [1.0, 20.0, 3.0])
    assert (found.median, found.low, found.high) == (2.0, 2.0, 3.0)
    assert str(found) == "2.00 (2.00 to 3.00)"


def test_repeats_are_interleaved_and_each_begins_with_another():
    """Every contender makes its own number of steps once per repeat."""
    calls = []
    runs = {name: lambda n, name=name: calls.append((name, n)) for name in "abc"}
    speeds = interleave(runs, {"a": 1, "b": 2, "c": 3}, 2)
    assert calls == [("a", 1), ("b", 2), ("c", 3), ("b", 2), ("c", 3), ("a", 1)]
    assert [len(own) for own in speeds.values()] == [2, 2, 2]


def test_mnist_is_used_where_all_its_files_are(tmp_path, monkeypatch):
    """With one missing the digits are, and the result says so."""
    monkeypatch.setenv("AERUN_DATA", str(tmp_path))
    folder = tmp_path / FILES.folder
    folder.mkdir(parents=True)
    *most, last = FILES.digests
    for name in most:
        (folder / name).touch()
    assert "no MNIST" in choose_images(tmp_path, 10).name
    (folder / last).touch()
    images = choose_images(tmp_path, 10)
    assert images.name == "MNIST"
    assert "dataset=mnist" in images.overrides


@pytest.mark.slow
def test_the_bench_prints_a_table_and_writes_both_files(tmp_path):
    """A short one, as ``make bench`` starts it."""
    few = {"steps": 3, "repeats": 2, "startups": 1, "images": 128}
    arguments = [f"--{name}={number}" for name, number in few.items()]
    done = subprocess.run(
        [sys.executable, "bench.py", *arguments, f"--out={tmp_path / 'out'}"],
        cwd=Path(__file__).parent,
        env={**os.environ, "AERUN_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in (LOOP, BARE, SCRIPT, "no MNIST", "1 thread"):
        assert words in done.stdout
    result = json.loads((tmp_path / "out/bench.json").read_text())
    for rival in (BARE, SCRIPT):
        found = result["speeds"][LOOP]["ratios"][rival]
        assert 0 < found["low"] <= found["median"] <= found["high"]
    assert all(seconds > 0 for seconds in result["seconds"].values())
    assert len(result["seconds"]) == 3
    png = (tmp_path / "out/bench.png").read_bytes()
    assert png.startswith(b"\x89PNG")
