"""Where rows are carried out in tests."""

from pathlib import Path
from typing import Any

import pytest
from carrying import Place
from pretending import Runs


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Folders of its own, and a command that only pretends."""
    runs: Any = Runs(**{"test/mse": 0.1})
    return Place(runs=tmp_path / "runs", kept=tmp_path / "kept", run=runs, patience=0.0)
