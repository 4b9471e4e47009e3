"""Requests that drawn examples once found to end otherwise than in a message."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from making import later
from omegaconf import OmegaConf

from aerun.cli import main
from aerun.config.grammar import quoted

pytest_plugins = ["asking"]

Refused = Callable[..., str]


@pytest.mark.parametrize("key", ["3", "true", "1.5"])
def test_a_schedule_with_a_key_that_is_no_text_is_refused(
    refused: Refused, key: str
) -> None:
    """YAML's keys may be numbers; a message names them like any other."""
    message = refused(
        "corruption=gaussian", f"corruption.std={{start: 0, end: 1, {key}: 4}}"
    )
    assert "a schedule has no '" in message


@pytest.mark.parametrize("number", [2**63, 10**30, 10**400, -(10**400)])
@pytest.mark.parametrize(
    "key", ["trainer.epochs", "model.code", "trainer.lr", "dataset.validation"]
)
def test_whole_numbers_that_nothing_can_count_to_are_refused(
    refused: Refused, key: str, number: int
) -> None:
    """Where PyTorch would overflow the message says how far one may go."""
    message = refused(f"{key}={number}")
    assert message.startswith(f"aerun: {key}={number}: must be ")
    assert message.endswith(f"No whole number may be beyond {2**63 - 1}.\n")


def test_a_number_without_a_range_is_finite_too(refused: Refused) -> None:
    """The mean of a prior may be anything but NaN or infinite."""
    for value in ("nan", "inf", "[0,nan]"):
        message = refused("model=aae", f"model.prior.mean={value}")
        assert f"model.prior.mean={value}: must be a number" in message


def test_a_share_of_almost_nothing_needs_a_batch_of_almost_everything(
    refused: Refused,
) -> None:
    """The batch that 1e-310 of it asks for is too large to be a float."""
    message = refused("model=wta", "model.bottleneck.share=1e-310")
    assert "is too small for model.bottleneck; it needs at least 9223" in message


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("aerun.losses", "is a module, no class or function"),
        ("numpy.pi", "is a float, no class or function"),
        ("builtins.getattr", "no signature found"),
        ("..x.y", "no dotted path"),
        ("a..b", "no dotted path"),
    ],
)
@pytest.mark.parametrize("key", ["loss", "trainer.optimizer"])
def test_a_target_that_cannot_be_called_is_refused(
    refused: Refused, key: str, target: str, said: str
) -> None:
    """A module instead of what is in it, and whatever else Python finds by a path."""
    message = refused(f"{key}._target_={target}")
    assert f"{key}._target_={target}: " in message
    assert said in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["hydra.run.dir='~nobody/x'"],
        ["--config-dir", "~nobody/x"],
        ["task=resume", "run=~nobody/x"],
        ["task=compare", "runs=[~nobody/x]"],
        ["init_from=~nobody/x"],
        ["dataset=csv", "dataset.path=~nobody/x"],
    ],
    ids=" ".join,
)
def test_the_home_of_an_unknown_user_is_no_bug(
    here: Path, refused: Refused, arguments: list[str]
) -> None:
    """A path that begins with ~ and no user's name is a path like any other."""
    if arguments[0].startswith("hydra"):
        assert main(["experiment=smoke", "trainer.threads=1", *arguments]) == 0
        assert (here / "~nobody/x/summary.json").is_file()
    else:
        assert "~nobody/x" in refused(*arguments)


def test_a_message_stays_in_its_line(refused: Refused) -> None:
    """Line ends and escape sequences of what was typed are shown, not printed."""
    message = refused("loss.reduction='a\nb\x1b[2J'")
    assert message.splitlines() == [message.removesuffix("\n")]
    assert "loss.reduction='a\\nb\\x1b[2J': must be " in message


TEXTS = [
    "", "a", "it's", "\\", "a\\", "\\'", "\\\\'", "''", "${x}", "\\${x}", "a b=[c]",
    "\\\\${x}", "{a: b}", "é\n", "$", "${", "\"", "1", "null", "a,b",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_a_quoted_text_is_read_as_it_was(text: str) -> None:
    """Whatever a folder is called, its name survives Hydra's grammar."""
    override = OverridesParser.create().parse_override(f"key={quoted(text)}")
    value = OmegaConf.create({"key": override.value()})
    assert value.key == text


def test_the_last_run_may_lie_in_a_folder_of_any_name(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``init_from=last`` names it by its path, quotes and all."""
    (here / "it's").mkdir()
    monkeypatch.chdir(here / "it's")
    small = ["experiment=smoke", "trainer.threads=1"]
    assert main(small) == 0
    assert main([*small, "init_from=last"]) == 0


def test_what_only_a_run_settles_cannot_be_shown_resolved(refused: Refused) -> None:
    """Hydra's own node has the number of a job, which nothing has before it starts."""
    message = refused("--cfg", "all", "--resolve")
    assert message.startswith("aerun: --resolve: ")
    assert "hydra:job.num" in message


HUGE = 10**12


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        later(
            [
                f"model.code={HUGE}",
            ],
            "model: 25,000,000,034,776 weights take 100,000.",
        ),
        ([f"model.code={2**62}"], "model: does not fit into memory; "),
        (["task=inspect", f"model.code={2**62}"], "model: does not fit into memory; "),
        ([f"model.hidden=[{HUGE},{HUGE}]"], "memory (256000000000000 bytes at once); "),
        (
            [
                "model=aae",
                f"regularizer.adversarial_prior.hidden=[{HUGE}]",
            ],
            "model=aae: ",
        ),
        (
            ["model=vae", "model/prior=mixture", f"model.prior.components={HUGE}"],
            "model=vae: does not fit",
        ),
        (
            [
                "model=conv",
                f"model.encoder.kernel={HUGE + 1}",
            ],
            "model=conv: does not fit",
        ),
        (
            ["dataset=plane", f"dataset.num_examples={HUGE}"],
            "dataset=plane: does not fit into memory (21.8 TiB at once); ask for fewer",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_no_memory_holds_is_refused(
    refused: Refused, arguments: list[str], said: str
) -> None:
    """Before a directory is made, and with what to make smaller."""
    message = refused("device=cpu", "trainer.threads=1", *arguments)
    assert said in message
    assert "smaller" in message


def test_more_threads_than_any_machine_has_are_refused(refused: Refused) -> None:
    """PyTorch would overflow, or try."""
    assert "at most 1024" in refused(f"trainer.threads={HUGE}")


@pytest.mark.parametrize("here_too", [False, True])
def test_a_directory_that_hydra_would_take_for_a_key_is_refused(
    here: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, here_too: bool
) -> None:
    """Whether it was typed or the command is given in one."""
    if here_too:
        (here / "${b}").mkdir()
        monkeypatch.chdir(here / "${b}")
    message = refused(*([] if here_too else [r"hydra.run.dir='a\${b}'"]))
    assert "Hydra reads ${ in a path as a key" in message
