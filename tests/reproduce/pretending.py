"""A row, and a command that only pretends to carry it out."""

import json
from pathlib import Path
from typing import Any

from carrying import Failed
from targets import Figure, Row

from aerun.errors import RunDirectoryError
from aerun.rundir import RunDirectory


class Runs:
    """Stands for the command: writes what runs leave, and can be killed."""

    def __init__(self, **metrics: float) -> None:
        self.metrics, self.asked = metrics, list[list[str]]()
        self.dies = self.busy = 0

    def __call__(self, *arguments: str) -> str:
        self.asked.append(list(arguments))
        given = dict(text.split("=", 1) for text in arguments if "=" in text)
        folder = Path(given.get("run") or given["hydra.run.dir"])
        if given.get("task") not in (None, "resume"):
            made = folder / given["task"]
            made.mkdir()
            figures = {"nll": {"value": 90.0}, "said": {"value": None}}
            (made / "evaluation.json").write_text(json.dumps({"figures": figures}))
            return f"{made}\n"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text("")
        if self.busy:
            self.busy -= 1
            with RunDirectory(folder).lock():
                try:
                    with RunDirectory(folder).lock():
                        raise AssertionError("two processes hold one run")
                except RunDirectoryError as error:
                    raise Failed(str(error)) from None
        if self.dies:
            self.dies -= 1
            raise Failed("killed")
        summary = {"status": "completed", "seconds": 90, "metrics": self.metrics}
        summary["versions"] = {"torch": "2"}
        (folder / "summary.json").write_text(json.dumps(summary))
        return f"{folder}\n"


def row(**changes: Any) -> Row:
    """A row of two runs and a task, with two figures."""
    figures = [
        Figure(name="mse", of="test/mse", at_most=0.2, plain="plain/test/mse"),
        Figure(name="NLL", of="evaluate/nll", at_most=91, published=86, source="B"),
    ]
    about: dict[str, Any] = {
        "key": "mine", "system": "Mine", "section": 1, "tier": "quick", "seeds": 2,
        "request": ["model=vae"], "beside": {"plain": ["model=simple"]},
        "tasks": {"evaluate": ["task=evaluate"]}, "figures": figures,
    }  # fmt: skip
    return Row(**{**about, **changes})
