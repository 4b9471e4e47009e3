"""A disk that is full and a directory that is gone: one error, and no trace."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from aerun.errors import DirectoryGone, StorageError
from aerun.rundir import RunDirectory


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_leaves_what_was_and_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """One error says what to do; the room that was begun to be used is free again."""
    run = RunDirectory(tmp_path)
    run.write("summary.json", b"old")

    def fill(*arguments: Any, **named: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        with pytest.raises(StorageError) as caught:
            run.write("summary.json", b"new", durable=True)
    said = (
        f"{tmp_path / 'summary.json'} cannot be written ({os.strerror(number)}); make"
    )
    assert str(caught.value).startswith(said)
    assert caught.value.errno == number
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]
    assert (tmp_path / "summary.json").read_bytes() == b"old"


def test_a_directory_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    """Nor are folders in it: what they held would be in two places."""
    run = RunDirectory(tmp_path / "run")
    for write in (
        lambda: run.write("a.json", b""),
        lambda: run.write("deep/er/a.json", b""),
        lambda: run.save_weights("best", {}),
    ):
        with pytest.raises(DirectoryGone, match="removed or moved"):
            write()
    assert list(tmp_path.iterdir()) == []
