"""more_units.py: codes of more units than a run keeps, before a linear classifier."""

import pytest
from evaluating import Evaluated
from more_units import main
from sklearn.datasets import load_digits

import aerun

pytestmark = [pytest.mark.slow, pytest.mark.shared]
pytest_plugins = ["evaluating"]


def test_as_many_units_as_the_run_keeps_are_classified_as_evaluate_does(
    evaluated: Evaluated, capsys: pytest.CaptureFixture[str]
) -> None:
    """And others otherwise."""
    wanted = evaluated.figures("sparse", "task.labelled=60000")["linear_probe"]["value"]
    digit = load_digits().images[:1, None]
    kept = int((aerun.load(evaluated.run("sparse")).encode(digit) != 0).sum())
    capsys.readouterr()
    main([str(evaluated.run("sparse")), str(kept), str(3 * kept), "1"])
    same, more, one = capsys.readouterr().out.splitlines()
    assert same == f"{kept} units: {wanted:.4f}"
    assert more.startswith(f"{3 * kept} units: ")
    assert float(one.split()[-1]) < wanted - 0.1
