"""task=inspect: who chose what."""

import pytest
from inspecting import Inspect, rows

pytest_plugins = ["inspecting"]

VALUES = "Set by you, an experiment or a model"


@pytest.mark.parametrize(
    ("overrides", "choices"),
    [
        ([], {"model": "simple  default", "model/encoder": "dense  model/simple",
              "trainer/optimizer": "adam  trainer/default"}),
        (["model=tied"], {"model": "tied  command line",
                          "model/encoder": "dense  model/stacked"}),
        (["model=vae"], {"loss": "bernoulli  model/vae",
                         "regularizer": "kl  model/vae",
                         "model/bottleneck": "gaussian  model/vae"}),
        (["model=vae", "loss=mse"], {"loss": "mse  command line"}),
        (["model=vae", "+regularizer=[l1]"],
         {"regularizer": "kl, l1  model/vae and command line"}),
        (["regularizer=[l1,weight_decay]"],
         {"regularizer": "l1, weight_decay  command line"}),
        (["trainer.optimizer=sgd"], {"trainer/optimizer": "sgd  command line"}),
        (["experiment=lecture/stacked", "dataset=digits"],
         {"experiment": "lecture/stacked  command line",
          "dataset": "digits  command line",
          "model": "stacked  experiment/lecture/stacked",
          "regularizer": "weight_decay  experiment/lecture/stacked",
          "trainer/scheduler": "linear  experiment/lecture/stacked"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_each_choice_has_its_origin(
    inspected: Inspect, overrides: list[str], choices: dict[str, str]
) -> None:
    """Command line, experiment, model, a file that is inherited, or default."""
    found = {group: "  ".join(rest) for group, *rest
             in rows(inspected(*overrides)["Choices"])}  # fmt: skip
    assert {group: found[group] for group in choices} == choices


@pytest.mark.parametrize(
    ("overrides", "values"),
    [
        (["experiment=smoke", "trainer.epochs=3"],
         {"dataset.limit": "200  experiment/smoke",
          "trainer.epochs": "3  command line",
          "trainer.max_steps": "6  experiment/smoke"}),
        (["model.hidden=[10,5]"], {"model.hidden": "[10, 5]  command line"}),
        (["corruption=gaussian", "corruption.std={start: 0.1, end: 0.3, steps: 9}"],
         {"corruption.std": "{start: 0.1, end: 0.3, steps: 9}  command line"}),
        (["trainer={epochs: 3, lr: 0.1}"],
         {"trainer.epochs": "3  command line", "trainer.lr": "0.1  command line"}),
        (["seed=0"], {"seed": "0  command line"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_each_value_has_its_origin(
    inspected: Inspect, overrides: list[str], values: dict[str, str]
) -> None:
    """Who said it last, for every value that is not the option's own."""
    found = {key: "  ".join(rest) for key, *rest
             in rows(inspected(*overrides)[VALUES])}  # fmt: skip
    assert found.pop("trainer.threads") == "1  command line"
    others = [value for key, value in found.items() if key not in values]
    assert all(value.endswith("experiment/smoke") for value in others)
    assert {key: found.get(key) for key in values} == values


def test_automatic_choices_are_named(inspected: Inspect) -> None:
    """Each with what stood there before; what was typed is not among them."""
    asked = ("model=vae", "trainer.precision=float64", "device=cpu")
    automatic = rows(inspected(*asked)["Chosen automatically"])
    assert ["model.output_activation", "sigmoid", "was none"] in automatic
    assert {row[0] for row in automatic} == {
        "model.output_activation",
        "trainer.compile",
    }
