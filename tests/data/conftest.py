"""Fixtures for published data sets."""

import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from imaging import fill
from publishing import Web, md5


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    """A network without any address, so far."""
    made = Web()
    monkeypatch.setattr(urllib.request, "urlopen", made.urlopen)
    return made


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for decoded images and the memory of verified files."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("AERUN_CACHE", str(folder))
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder of four images beside the cache."""
    fill(tmp_path / "mine", 4)
    return tmp_path / "mine"


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a module's table of hashes be that of some contents."""

    def published(module: Any, contents: Mapping[str, bytes]) -> None:
        digests = {name: md5(content) for name, content in contents.items()}
        monkeypatch.setattr(module, "FILES", replace(module.FILES, digests=digests))

    return published
