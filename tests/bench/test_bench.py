"""The bench compares like with like and leaves its two files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from contenders import BARE, OURS, SCRIPT, build_ours, contenders
from images import choose_images
from measure import best, compared, interleave, ratio
from nets import NETS
from rivals import python_with_pythae
from startup import peak_memory

from aerun.data.mnist import FILES


@pytest.fixture
def everyone(tmp_path, monkeypatch):
    """Gives those who train a net, and all images there are: one batch, [N, 784]."""
    monkeypatch.setenv("AERUN_DATA", str(tmp_path / "nothing"))

    def of(net):
        images = choose_images(tmp_path, net.batch_size)
        _, data, ours = build_ours(net, [*images.overrides, "trainer.threads=1"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found = contenders(net, data, ours)
        return found, data.train.gather(slice(None)).flatten(1)

    return of


def _mean_code(model, net, x):
    """Reconstructions [B, 784] without noise, of ours or of a net by hand."""
    with torch.no_grad():
        if hasattr(model, "encode"):
            return model.eval()(x.view(-1, 1, 28, 28)).recon.flatten(1)
        if net.name == "vae":
            return model.back(model.mean(model.hidden(x).relu())).sigmoid()
        return model(x)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_all_train_the_same_net_from_the_same_weights(everyone, net):
    """Same number of parameters, same reconstructions before the first step."""
    found, x = everyone(net)
    assert [c.name for c in found][:2] == [OURS, BARE]
    assert (SCRIPT in [c.name for c in found]) == (net.name == "simple")
    assert len({sum(p.numel() for p in c.model.parameters()) for c in found}) == 1
    recon = _mean_code(found[0].model, net, x)
    for contender in found[1:]:
        torch.testing.assert_close(_mean_code(contender.model, net, x), recon)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_all_make_the_same_steps(everyone, net):
    """One batch holds all images, so that order is no excuse: the losses are equal."""
    found, x = everyone(net)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of the noise that the bare loop draws
        for contender in found:
            contender.run(20)
    errors = [float((_mean_code(c.model, net, x) - x).square().mean()) for c in found]
    noisy = net.name == "vae"  # each draws noise of its own
    assert errors == pytest.approx(
        [errors[0]] * len(errors), rel=0.1 if noisy else 1e-3
    )


def test_a_ratio_is_that_of_neighbours_in_time():
    """Speeds are divided repeat by repeat, however the machine drifts between."""
    found = ratio([2.0, 40.0, 9.0], [1.0, 20.0, 3.0])
    assert (found.median, found.low, found.high) == (2.0, 2.0, 3.0)
    assert str(found) == "2.00 (2.00 to 3.00)"


def test_each_is_judged_at_its_best_number_of_threads():
    """Also where that is another one for each."""
    speeds = {"a": {1: [4.0, 4.0], 2: [1.0, 9.0]}, "b": {1: [1.0, 1.0], 2: [2.0, 2.0]}}
    assert [best(own) for own in speeds.values()] == [2, 2]
    speeds["a"][2] = [1.0, 1.0]
    assert best(speeds["a"]) == 1
    assert compared(speeds, "a")["b"].median == 2.0


def test_repeats_are_interleaved_and_each_begins_with_another():
    """Everyone has one turn with each number of threads per repeat."""
    calls = []

    def run(name):
        return lambda steps: calls.append((name, torch.get_num_threads())) or 0.25

    runs = {name: run(name) for name in "ab"}
    speeds = interleave(runs, [1, 2], repeats=2, seconds=1.0)
    turns = [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert calls[8:] == [*turns, *turns[1:], turns[0]]
    # Told seconds count, not those of the call; so many steps as fill a turn.
    assert speeds["a"][2] == [12 / 0.25] * 2


def test_peak_memory_is_that_of_the_process():
    """Bytes that another one holds are seen, and its failure is."""
    little = peak_memory(["-c", "pass"])
    much = peak_memory(["-c", "x = bytes(1) * 200_000_000"])
    assert 150 < much - little < 250
    with pytest.raises(RuntimeError, match="failed:\nno more"):
        peak_memory(["-c", "raise SystemExit('no more')"])


def test_without_pythae_there_is_no_such_python(monkeypatch, tmp_path):
    """Neither where there is no file, nor where a Python lacks it."""
    for python in (tmp_path / "none", sys.executable):
        monkeypatch.setenv("AERUN_PYTHAE", str(python))
        assert python_with_pythae() is None


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
def test_the_bench_prints_tables_and_writes_both_files(tmp_path):
    """A short one, as ``make bench`` starts it."""
    few = ["--seconds=0.01", "--repeats=2", "--startups=1", "--images=128",
           "--sweeps=1", "--seeds=1", "--threads", "1"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "bench.py", *few, f"--out={tmp_path / 'out'}"],
        cwd=Path(__file__).parent,
        env={**os.environ, "AERUN_DATA": str(tmp_path), "AERUN_PYTHAE": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in (OURS, BARE, SCRIPT, "no MNIST", "pip install pythae", "--help"):
        assert words in done.stdout
    result = json.loads((tmp_path / "out/bench.json").read_text())
    assert list(result["nets"]) == ["simple", "vae", "conv"]
    for found in result["nets"].values():
        for measured in found["ratios"][OURS].values():
            assert 0 < measured["low"] <= measured["median"] <= measured["high"]
        assert all(seconds > 0 for seconds in found["seconds_beside"].values())
        assert all(size > 50 for size in found["megabytes"].values())
    assert all(times > 0 for times in result["start"].values())
    assert result["many"]["jobs"] == 4
    assert all(result["many"][what]["median"] > 0 for what in ("steps", "command"))
    png = (tmp_path / "out/bench.png").read_bytes()
    assert png.startswith(b"\x89PNG")
