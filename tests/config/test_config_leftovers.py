"""What an experiment sets of choices that are replaced on the command line."""

import pytest
import yaml

import aerun
from aerun.cli import main
from aerun.errors import AerunError

pytestmark = pytest.mark.usefixtures("unpictured")


def _config(tmp_path, *overrides):
    more = ["dataset=digits", "trainer.epochs=0", f"hydra.run.dir={tmp_path / 'run'}"]
    return aerun.run([*overrides, *more]).config


@pytest.mark.parametrize("none", ["none", "[none]"])
def test_a_regularizer_that_is_taken_away_leaves_nothing(tmp_path, none):
    """Its weight, which the experiment sets, goes with it; the log says so."""
    config = _config(tmp_path, "experiment=lecture/contractive", f"regularizer={none}")
    assert config["regularizer"] == {}
    text = (tmp_path / "run/aerun.log").read_text()
    assert text.count("Left out of lecture/contractive, for other choices:") == 1
    assert "regularizer.contractive" in text


def test_of_a_list_of_experiments_each_gives_way(tmp_path):
    """The values of the first go as they do alone; those of the second stay."""
    chosen = "experiment=[lecture/contractive,smoke]"
    config = _config(tmp_path, chosen, "regularizer=none", "model=simple")
    assert config["regularizer"] == {}
    assert config["dataset"]["limit"] == 200
    text = (tmp_path / "run/aerun.log").read_text()
    assert "Left out of lecture/contractive and smoke, for other choices:" in text


def test_options_of_another_corruption_are_left_out(tmp_path):
    """Std is gaussian noise's; the rest of the experiment stays."""
    config = _config(
        tmp_path, "experiment=lecture/denoising_gaussian", "corruption=masking"
    )
    assert "std" not in config["corruption"]
    assert config["corruption"]["probability"] == 0.25
    assert config["trainer"]["batch_size"] == 150


def test_what_a_replaced_model_brought_goes_with_it(tmp_path):
    """The sparse model's regularizer gives way to that of the new model."""
    config = _config(tmp_path, "experiment=lecture/sparse_kl", "model=vae")
    assert list(config["regularizer"]) == ["kl"]
    assert config["model"]["code"] == 1000


def test_a_schedule_of_a_part_that_stays_is_kept(tmp_path):
    """A typed choice elsewhere does not touch it."""
    config = _config(
        tmp_path, "experiment=paper/makhzani_2013", "trainer/scheduler=cosine"
    )
    assert config["model"]["bottleneck"]["k"]["end"] == 25


def test_what_is_added_replaces_nothing(tmp_path):
    """The experiment's own regularizer stays beside the added one, with its values."""
    config = _config(tmp_path, "experiment=lecture/sparse_squared", "+regularizer=[l1]")
    assert set(config["regularizer"]) == {"squared_sparsity", "l1"}
    assert config["regularizer"]["squared_sparsity"]["rho"] == 0.1


def test_parts_of_an_experiment_of_ones_own_stay(tmp_path, monkeypatch):
    """A base experiment's regularizer, and one that is written out."""
    folder = tmp_path / "own/experiment"
    folder.mkdir(parents=True)
    (folder / "based.yaml").write_text(
        "# @package _global_\ndefaults:\n  - lecture/sparse_kl\n  - _self_\n"
        "regularizer:\n  kl_sparsity: {rho: 0.05}\n"
        "  mine: {_target_: aerun.regularizers.l1, weight: 0.3}\n"
    )
    monkeypatch.setenv("AERUN_CONFIG_PATH", str(tmp_path / "own"))
    config = _config(tmp_path, "experiment=based", "trainer/scheduler=none")
    assert config["regularizer"]["kl_sparsity"]["rho"] == 0.05
    assert config["regularizer"]["mine"]["weight"] == 0.3


def test_what_is_typed_stays_and_is_refused(tmp_path):
    """Only what nobody typed is left out."""
    with pytest.raises(AerunError, match="no such key"):
        _config(
            tmp_path, "experiment=lecture/denoising_gaussian", "corruption=masking",
            "corruption.std=1",
        )  # fmt: skip


def test_a_sweep_over_such_choices_works(tmp_path, monkeypatch):
    """Each job leaves out what is not its own."""
    monkeypatch.chdir(tmp_path)
    code = main(
        ["-m", "experiment=lecture/contractive", "regularizer=none,contractive",
         "dataset=digits", "trainer.epochs=0", "hydra.sweep.dir=sweep"]
    )  # fmt: skip
    assert code == 0
    files = [tmp_path / f"sweep/{n}/config.yaml" for n in (0, 1)]
    kept = [yaml.safe_load(file.read_text()) for file in files]
    assert kept[0]["regularizer"] == {}
    assert kept[1]["regularizer"]["contractive"]["weight"] == 0.8
