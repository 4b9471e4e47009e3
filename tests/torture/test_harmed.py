"""Files of a killed run that are harmed: found, named, and what was good is used."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from commanding import Warm
from counting import Hurt
from hurting import Whole, go_on, hit

pytestmark = pytest.mark.slow


def flip(path: Path) -> None:
    """Change a bit of what it says last."""
    content = bytearray(path.read_bytes())
    content[-9] ^= 16
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Take its last part away."""
    content = path.read_bytes()
    path.write_bytes(content[: -len(content) // 3])


SHORT = (flip, "checkpoints/last.state", "its checksum")
LONG = [
    (cut, "checkpoints/last.state", "Damaged: "),
    (flip, "checkpoints/best.safetensors", ""),
    (cut, "checkpoints/last.safetensors", ""),
    (cut, "metrics.csv", ""),
    (cut, "timing.csv", ""),
]


@pytest.mark.parametrize(
    ("harm", "name", "said"),
    [
        pytest.param(*SHORT, marks=pytest.mark.shared),
        *(pytest.param(*each, marks=pytest.mark.torture) for each in LONG),
    ],
)
def test_a_harmed_file_costs_no_run(
    warm: Warm, wholes: Callable[[str], Whole], hurt: Hurt,
    harm: Callable[[Path], None], name: str, said: str,
) -> None:  # fmt: skip
    """It ends as if nothing had happened; a state that is not used is named."""
    whole = wholes("greedy")
    place = f"{harm.__name__} {Path(name).name}"
    counts = hurt(f"damaged files, {place}")
    directory = whole.directory.with_name(place.replace(" ", "_"))
    run = warm.start(*whole.kind.command(directory), cwd=directory.parent)
    run.until(directory / "checkpoints/previous.state")
    run.until(directory / name)
    run.send(signal.SIGKILL)
    assert hit(run.wait() == -signal.SIGKILL, directory, whole, counts), run.said
    harm(directory / name)
    told = go_on(warm, whole.kind, directory)
    assert said in told
    assert ("going on from" in told) == bool(said)
    whole.kind.check_equal(whole.directory, directory)
