"""The only way into a run directory: locks, whole files, checkpoints.

Every file is written beside its place and renamed into it, so that at any instant it is
there whole or not at all. Tables that grow do so by whole lines (see `tables`).
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from aerun import reading, seals
from aerun.again import resume_command
from aerun.errors import RunDirectoryError
from aerun.locks import lock_file, writable
from aerun.tables import as_csv, columns_of, finite

_STATE = "checkpoints/last.state"
_BEFORE = "checkpoints/previous.state"
WHITENING = "checkpoints/whitening.safetensors"
"""How the data were whitened, of runs with dataset.scale=zca."""


class RunDirectory:
    """Reads and writes the files of one run."""

    def __init__(self, path: Path | str) -> None:
        """Wrap a directory that exists."""
        self.path = Path(path)
        self._last_is_damaged = False

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory against other processes; the kernel frees it on death.

        Raises:
            RunDirectoryError: Another process holds it, or it is read-only.
        """
        with lock_file(self.path / ".lock") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunDirectoryError(
                    f"{self.path} is being trained by another process; wait for it or "
                    "stop it first"
                ) from None
            yield

    # -- whole files -----------------------------------------------------------------

    def write(self, name: str, content: bytes, *, durable: bool = False) -> Path:
        """Put a file in place at once.

        Args:
            name: Relative path; folders are made.
            content: All of it.
            durable: Whether to wait until it is on the disk.
        """
        with self._beside(name) as beside, open(beside, "wb") as handle:
            handle.write(content)
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        return self.path / name

    @contextmanager
    def _beside(self, name: str) -> Iterator[Path]:
        """A place to write to; what lies there is renamed to ``name`` at the end.

        Raises:
            RunDirectoryError: Nothing may be written there.
            StorageError: The disk is full, or the directory is gone.
        """
        path = self.path / name
        beside = path.with_name(f".{path.name}.part")
        with writable(path):
            for folder in [*Path(name).parents][-2::-1]:  # its own is not made again
                (self.path / folder).mkdir(exist_ok=True)
            beside.unlink(missing_ok=True)  # of a process that died, or a link
            try:
                beside.touch(exist_ok=False)
                yield beside
                os.replace(beside, path)
            except BaseException:
                with suppress(OSError):
                    beside.unlink()
                raise

    def write_json(self, name: str, value: Any) -> Path:
        """Write JSON; NaN and infinities become null, which JSON can say."""
        text = json.dumps(finite(value), indent=2, allow_nan=False)
        return self.write(name, (text + "\n").encode())

    def write_yaml(self, name: str, value: Mapping[str, Any]) -> Path:
        """Write YAML in the given order."""
        text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True)
        return self.write(name, text.encode())

    def write_table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write rows as CSV; numbers in the shortest form that reads back exactly."""
        return self.write(name, as_csv(rows, columns_of(rows)))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object; errors as of ``reading.json_object``."""
        return reading.json_object(self.path / name)

    def read_summary(self) -> dict[str, Any]:
        """Read ``summary.json``; errors as of ``reading.summary``."""
        return reading.summary(self.path / "summary.json")

    def by_age(self, folder: str, name: str) -> list[Path]:
        """A file of each folder ``folder``, ``folder_2``, ..., the newest last."""
        return reading.by_age(self.path, folder, name)

    def read_yaml(self, name: str) -> Any:
        """Read YAML without objects; errors as of ``reading.yaml_value``."""
        return reading.yaml_value(self.path / name)

    def read_record(self, name: str) -> Any:
        """A file of Hydra's own record; None where none can be read."""
        try:
            return self.read_yaml(f".hydra/{name}")
        except (OSError, RunDirectoryError):
            return None

    def read_table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a CSV file of figures; errors as of ``reading.table``."""
        return reading.table(self.path / name)

    # -- checkpoints -----------------------------------------------------------------

    def save_weights(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Write ``checkpoints/<name>.safetensors``."""
        self.save_tensors(f"checkpoints/{name}.safetensors", weights)

    def load_weights(self, name: str) -> dict[str, Tensor]:
        """Read ``checkpoints/<name>.safetensors``.

        Raises:
            RunDirectoryError: It is absent or damaged; a state gives it again.
        """
        file = f"checkpoints/{name}.safetensors"
        try:
            return self.load_tensors(file, "weights")
        except RunDirectoryError as error:
            if not (self.path / file).is_file() or not self.has_state():
                raise
            how = f"the last state gives it again: {resume_command(self.path)}"
            raise RunDirectoryError(f"{error}; {how}") from None

    def save_tensors(
        self,
        name: str,
        tensors: Mapping[str, Tensor],
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Write a file of tensors straight from where they lie, without a copy."""
        with self._beside(name) as beside:
            seals.save(tensors, beside, metadata or {})

    def load_tensors(self, name: str, what: str) -> dict[str, Tensor]:
        """Read a file of tensors.

        Args:
            name: Relative path.
            what: It holds, for the message.

        Raises:
            RunDirectoryError: It is absent or damaged.
        """
        return reading.tensors(self.path / name, what)

    def save_state(
        self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
    ) -> None:
        """Write ``last.state``; the one before, if whole, is kept beside it."""
        last, before = self.path / _STATE, self.path / _BEFORE
        linked = before.with_name(".previous.state.part")
        linked.unlink(missing_ok=True)
        kept = last.exists() and not self._last_is_damaged
        with self._beside(_STATE) as beside:
            seals.save(tensors, beside, {"state": json.dumps(values)})
            if kept:
                os.link(last, linked)
        # Only now: at no instant are both names those of one file, which damage to
        # either would cost.
        if kept:
            os.replace(linked, before)
        self._last_is_damaged = False

    def has_state(self) -> bool:
        """Whether a state was ever saved."""
        return any((self.path / name).is_file() for name in (_STATE, _BEFORE))

    def load_state(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The newest state that is whole, or None where none was written.

        Raises:
            RunDirectoryError: States are there, all damaged.
        """
        found = reading.state([self.path / name for name in (_STATE, _BEFORE)])
        if found is None:
            return None
        tensors, values, path = found
        self._last_is_damaged = path != self.path / _STATE
        return tensors, values
