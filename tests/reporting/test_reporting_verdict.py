"""The one sentence about a run."""

import pytest

from aerun.evaluation import health
from aerun.reporting.verdict import verdict

ROWS = [{"epoch": 1, "val/mse": 0.05}, {"epoch": 2, "val/mse": 0.031}]


def of(health: list[str], **metrics: float | None) -> str:
    """What is said of a completed run."""
    named = {name.replace("_", "/"): value for name, value in metrics.items()}
    summary = {"status": "completed", "health": health, "metrics": named}
    return verdict(summary, ROWS, planned=2).text


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"test_mse": 0.026648, "pca_mse": 0.0439125},
         "Test error 0.0266, 39 % below PCA at the same code size; healthy."),
        ({"test_mse": 0.05567, "pca_mse": 0.05566},
         "Test error 0.0557, equal to PCA at the same code size; healthy."),
        ({"test_mse": 0.012, "pca_mse": 0.01},
         "Test error 0.012, 20 % above PCA at the same code size; healthy."),
        ({"test_mse": 0.03, "pca_mse": 0.01},
         "Test error 0.03, 3 times that of PCA at the same code size; healthy."),
        ({"test_mse": 0.02, "pca_mse": None, "mean_mse": 0.08},
         "Test error 0.02, 75 % below answering with the mean example; healthy."),
        ({"test_mse": 0.02, "pca_mse": 0.0},
         "Test error 0.02, where PCA at the same code size has 0; healthy."),
        ({"test_mse": 0.02}, "Test error 0.02; healthy."),
    ],
)  # fmt: skip
def test_a_healthy_run_is_compared(metrics: dict, said: str) -> None:
    """With PCA where its code is smaller than the data, else with the mean."""
    assert of([], **metrics) == said


def test_what_is_wrong_stands_in_the_sentence() -> None:
    """Its first clause, and how much more there is."""
    collapsed = (
        "The posterior has collapsed: 0 of 8 code dimensions are active (KL 5e-6 "
        "nats), so every input gets the same code. Train longer."
    )
    said = of([collapsed], test_mse=0.07, pca_mse=0.035)
    assert said.endswith("code size; but the posterior has collapsed.")
    two = of([collapsed, "b", "c"], test_mse=0.07, pca_mse=0.035)
    assert two.endswith("but the posterior has collapsed, and 2 more warnings.")


def test_a_decimal_point_ends_no_clause() -> None:
    """A figure inside a sentence of health is not cut."""
    sentence = "Test mse 0.06932 is no better than the mean (0.0675). Train longer."
    assert of([sentence], test_mse=0.06932).endswith(
        "but test mse 0.06932 is no better than the mean."
    )


def test_every_sentence_of_health_has_a_first_clause() -> None:
    """Short, without an open bracket, whatever is wrong."""
    evidence = health.Evidence(
        train_mse=0.01, test_mse=1.0, mean_mse=0.5, recon_variance=0.0,
        data_variance=1.0, levels=[health.LevelUnits(
            level=1, num_units=9, num_dead=8, saturated=0.95)],
        posterior=None, num_train=10, num_test=100, prior=None, roaming=None,
        averaged=False,
    )  # fmt: skip
    found = [*health.health(evidence), *health.of_games({"a_accuracy": 0.99})]
    assert len(found) == 5
    for sentence in found:
        said = of([sentence], test_mse=0.07).partition("; but ")[2]
        assert 10 < len(said) < 60, said
        assert said.count("(") == said.count(")")


@pytest.mark.parametrize(
    ("summary", "tone", "said"),
    [
        ({"status": "interrupted"}, "doubtful",
         "Interrupted after 2 epochs of 50 at validation error 0.031; it can be "
         "continued."),
        ({"status": "failed", "reason": "train/kl became nan at step 9; lower "
         "trainer.lr"}, "bad",
         "Failed after 2 epochs of 50 at validation error 0.031: train/kl became nan "
         "at step 9."),
        ({}, "doubtful",
         "Unfinished after 2 epochs of 50 at validation error 0.031; it can be "
         "continued."),
        ({"status": "completed", "metrics": {"test/mse": None}}, "bad",
         "Completed without a finite test error."),
    ],
    ids=["interrupted", "failed", "killed", "not finite"],
)  # fmt: skip
def test_a_run_that_did_not_end_well_says_so(
    summary: dict, tone: str, said: str
) -> None:
    """Where it stopped, with what error, and why."""
    found = verdict(summary, ROWS, planned=50)
    assert (found.text, found.tone) == (said, tone)


def test_a_run_without_epochs_has_a_verdict() -> None:
    """Nothing is said of an error that nobody measured."""
    assert verdict({}, [], planned=1).text == (
        "Unfinished after 0 epochs of 1; it can be continued."
    )
