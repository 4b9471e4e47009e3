"""Files of a run directory: read without running them, written nowhere else."""

import ast
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hostile import change, was_run

import aerun
from aerun.cli import main
from aerun.errors import RunDirectoryError
from aerun.rundir import RunDirectory

pytest_plugins = ["hostile"]

PACKAGE = Path(aerun.__file__).parent

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
YAMLS = {
    "object": "!!python/object/apply:canary.sing []\n",
    "name": "x: !!python/name:canary.sing\n",
    "module": "x: !!python/module:canary\n",
    "bomb": BOMB,
    "circle": "x: &x [*x]\n",
    "depth": "x: " + "[" * 500 + "]" * 500 + "\n",
    "great depth": "x: " + "[" * 200_000,
    "no text": b"\xff\xfe\x00x",
    "strange number": "x: !!int 'many'\n",
}


@pytest.mark.parametrize("content", YAMLS.values(), ids=YAMLS)
def test_yaml_is_values_and_few_enough(
    place: Path, capsys: Any, content: str | bytes
) -> None:
    """Whatever it is made to become; records that are none are done without."""
    content = content.encode() if isinstance(content, str) else content
    (place / "run/config.yaml").write_bytes(content)
    assert main(["task=encode", "run=run"]) == 2
    said = capsys.readouterr().err
    assert f"{place}/run/config.yaml is damaged (" in said
    assert len(said) < 1000
    (place / "run/.hydra").mkdir(exist_ok=True)
    (place / "run/.hydra/hydra.yaml").write_bytes(content)
    assert RunDirectory("run").read_record("hydra.yaml") is None
    assert not was_run(place)


def test_yaml_with_names_for_values_is_read(tmp_path: Path) -> None:
    """As aerun itself writes it where a value stands twice."""
    twice = ["text"] * 50
    run = RunDirectory(tmp_path)
    run.write_yaml("config.yaml", {"a": twice, "b": twice})
    assert "*id001" in (tmp_path / "config.yaml").read_text()
    assert run.read_yaml("config.yaml") == {"a": twice, "b": twice}


class _Sings:
    def __reduce__(self) -> Any:
        from canary import sing  # type: ignore[import-not-found]

        return sing, ()


def _announced(shape: list[int]) -> bytes:
    """A file of tensors whose header says more than there is."""
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}
    header = json.dumps({"w": entry}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 4


WEIGHTS = {
    "more than is there": _announced([10**6, 10**6]),
    "more than there can be": _announced([2**62, 2**62]),
    "a longer header": struct.pack("<Q", 2**60) + b"{}",
    "deep": struct.pack("<Q", 10**5) + b"[" * 10**5,
    "nothing": b"",
}


@pytest.mark.parametrize("content", WEIGHTS.values(), ids=WEIGHTS)
def test_tensors_are_as_large_as_they_say(
    place: Path, capsys: Any, content: bytes
) -> None:
    """Found before there is memory for them."""
    for name in ("best.safetensors", "last.state"):
        (place / "run/checkpoints" / name).write_bytes(content)
    assert main(["task=encode", "run=run"]) == 2
    assert "best.safetensors is damaged" in capsys.readouterr().err
    with pytest.raises(RunDirectoryError, match="damaged"):
        RunDirectory("run").load_state()


def test_a_pickle_in_their_place_is_not_opened(place: Path, capsys: Any) -> None:
    """As PyTorch would write weights, and run whatever is in them."""
    path = place / "run/checkpoints/best.safetensors"
    torch.save({"w": _Sings()}, path)
    (place / "sung").unlink()
    assert main(["task=encode", "run=run"]) == 2
    assert "best.safetensors is damaged" in capsys.readouterr().err
    assert not (place / "sung").exists()


def test_a_model_larger_than_its_weights_is_not_built(place: Path, capsys: Any) -> None:
    """A config may ask for any size; the weights that are there tell the real one."""
    change(place / "run", "model", "hidden", to=[10**12])
    assert main(["task=encode", "run=run"]) == 2
    said = capsys.readouterr().err
    assert "do not fit together: its model has" in said
    change(place / "run", "data", "shape", to=[1, 10**7, 10**7])
    change(place / "run", "model", "hidden", to=[8])
    assert main(["task=encode", "run=run"]) == 2
    assert "do not fit together: its model has" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("shape", "8x8", "data.shape is '8x8'"),
        ("shape", [1, 8], "data.shape is [1, 8]"),
        ("shape", [1, -8, 8], "data.shape is"),
        ("shape", [1, True, 8], "data.shape is"),
        ("scale", {}, "data.scale is no list of numbers"),
        ("classes", [["a"]], "data.classes is no list of texts"),
        ("low", None, "data.low is None, no number"),
        ("dtype", "object?", "data.dtype is 'object?'"),
        ("more", 1, "data.more"),
    ],
)
def test_what_is_recorded_of_the_data_is_whole(
    place: Path, capsys: Any, key: str, value: Any, said: str
) -> None:
    """Else it is named before anything is made of it."""
    change(place / "run", "data", key, to=value)
    assert main(["task=encode", "run=run"]) == 2
    assert said in capsys.readouterr().err


# -- links -----------------------------------------------------------------------------


@pytest.fixture
def precious(place: Path) -> Path:
    """A file that nobody may write to."""
    path = place / "precious"
    path.write_text("mine")
    return path


@pytest.mark.parametrize(
    "name", ["aerun.log", ".lock", "timing.csv", "reconstructions", ".hydra/x", "n"]
)
def test_a_run_is_not_written_through_a_link(
    place: Path, precious: Path, capsys: Any, name: str
) -> None:
    """It is named, and the run does not go on; one inside the run is no harm."""
    link = place / "run" / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(precious if name != "n" else place / "nowhere")
    assert main(["task=resume", "run=run", "trainer.epochs=3"]) == 2
    assert f"{link} is a link to another place" in capsys.readouterr().err
    assert precious.read_text() == "mine"
    assert not (place / "nowhere").exists()


def test_files_beside_are_new(place: Path, precious: Path) -> None:
    """What waits there under the name that is written first is no way out either."""
    run = RunDirectory("run")
    (place / "run/.summary.json.part").symlink_to(precious)
    (place / "run/.w.safetensors.part").symlink_to(precious)
    run.write("summary.json", b"{}")
    run.save_tensors("w.safetensors", {"w": torch.zeros(2)})
    assert (place / "run/summary.json").read_bytes() == b"{}"
    assert run.load_tensors("w.safetensors", "x")["w"].tolist() == [0, 0]
    assert precious.read_text() == "mine"
    (place / "run/metrics.csv").unlink()
    (place / "run/metrics.csv").symlink_to(precious)
    run.write_table("metrics.csv", [{"a": 1}])
    assert (place / "run/metrics.csv").read_text() == "a\n1\n"
    assert precious.read_text() == "mine"


def test_a_lock_is_no_link(place: Path, precious: Path) -> None:
    """And it empties no file that happens to be there."""
    lock = place / "run/.lock"
    lock.symlink_to(precious)
    with (
        pytest.raises(RunDirectoryError, match="is a link"),
        RunDirectory("run").lock(),
    ):
        pytest.fail("it was locked")
    lock.unlink()
    lock.write_text("what was there")
    with RunDirectory("run").lock():
        assert lock.read_text() == "what was there"
    assert precious.read_text() == "mine"


# -- the code itself -------------------------------------------------------------------

FORBIDDEN = {
    "eval", "exec", "compile", "extractall", "extract", "system", "popen", "Popen",
    "unpack_archive", "read_pickle", "unsafe_load", "full_load", "load_module",
}  # fmt: skip
"""Names of calls; those of methods of our own and of PyTorch are told below."""
UNPICKLED = {  # what this very process, or one that it started, has pickled
    "config/files.py", "config/loader.py", "sweeps/worker.py",
}  # fmt: skip


def test_nothing_is_read_in_a_way_that_runs_it() -> None:
    """No line of the package calls what would; loaders are the careful ones."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_careless(node, name):
                found.append(f"{name}:{node.lineno}: {ast.unparse(node)[:60]}")
    assert found == []


def _is_careless(call: ast.Call, name: str) -> bool:
    words = ast.unparse(call.func).split(".")
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    options = {o.arg: ast.unparse(o.value) for o in call.keywords}
    if options.get("shell") == "True" or options.get("allow_pickle") == "True":
        return True
    if before in ("pickle", "joblib", "cloudpickle") and last in ("load", "loads"):
        return name not in UNPICKLED
    if last == "load" and before in ("np", "numpy"):
        return options.get("allow_pickle") != "False"
    if last == "load" and before == "torch":
        return options.get("weights_only") != "True"
    if last == "load" and before == "yaml":
        return options.get("Loader") != "_LOADER"
    own_method = last in ("eval", "compile") and before
    return last in FORBIDDEN and not own_method


def test_the_loader_of_yaml_knows_no_objects() -> None:
    """It is PyYAML's safe one."""
    from aerun.reading import _LOADER

    assert issubclass(_LOADER, yaml.constructor.SafeConstructor)
    assert not issubclass(_LOADER, yaml.constructor.FullConstructor)
