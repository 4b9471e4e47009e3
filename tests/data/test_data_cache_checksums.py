"""Kept images that are not what was kept: found by their checksum, and made again."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from imaging import fill, kept, pixels, read


@pytest.mark.parametrize("how", ["swapped", "flipped", "cut", "unknown"])
def test_other_bytes_than_were_kept_are_made_again(
    cache: Path, mine: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """Those of another data set too; and it is said."""
    first = pixels(read(mine))
    (file,) = kept(cache)
    content = file.read_bytes()
    if how == "swapped":
        fill(mine.with_name("other"), 4, first=10)
        read(mine.with_name("other"))
        (other,) = set(kept(cache)) - {file}
        assert len(other.read_bytes()) == len(content)
        os.replace(other, file)
    elif how == "flipped":
        file.write_bytes(bytes([content[0] ^ 4]) + content[1:])
    elif how == "cut":
        file.write_bytes(content[:-1])
    else:
        file.with_suffix(".json").write_text("{")
    np.testing.assert_array_equal(pixels(read(mine)), first)
    assert f"{file} is not what was noted of it" in caplog.text
    assert file.read_bytes() == content
    caplog.clear()
    read(mine)
    assert caplog.text == ""


def test_images_kept_by_an_earlier_version_are_said_to_be_made_again(
    cache: Path, mine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It noted nothing of them, so nothing is said of a size or a checksum."""
    first = pixels(read(mine))
    (file,) = kept(cache)
    file.with_suffix(".json").unlink()
    caplog.set_level("INFO")
    np.testing.assert_array_equal(pixels(read(mine)), first)
    said = f"{file} was made by an earlier version, which noted no checksum of it, and "
    assert f"{said}is made again." in caplog.text
    assert "is not what was noted" not in caplog.text
    assert file.with_suffix(".json").is_file()


def test_kept_bytes_that_were_only_copied_are_used(
    cache: Path, mine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy has other times and another place: it is read through, once."""
    first = pixels(read(mine))
    (file,) = kept(cache)
    note = file.with_suffix(".json")
    before = json.loads(note.read_text())
    shutil.copy(file, file.with_suffix(".copy"))
    os.replace(file.with_suffix(".copy"), file)
    place = file.stat().st_ino
    np.testing.assert_array_equal(pixels(read(mine)), first)
    assert file.stat().st_ino == place
    now = json.loads(note.read_text())
    assert now["sha256"] == before["sha256"]
    assert now["stamp"] != before["stamp"]
    assert caplog.text == ""
