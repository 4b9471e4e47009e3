"""What every data set that others publish must do; the list is read from conf/."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torchvision.datasets.utils
from making import CONF, compose, options
from publishing import Web

from aerun.build import load_data
from aerun.errors import DataError

PUBLISHED = [
    name
    for name in options("dataset")
    if "AERUN_DATA" in (CONF / f"dataset/{name}.yaml").read_text()
]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_data_set_composes_and_tells_what_it_lacks(
    name: str, tmp_path: Path, cache: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its option passes the check; offline, one message names all that is absent."""

    def offline(*_: Any) -> None:
        raise RuntimeError("no\nroute")

    place = torchvision.datasets.utils
    monkeypatch.setattr(place, "download_file_from_google_drive", offline)
    monkeypatch.setenv("AERUN_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError) as caught:
        load_data(compose(f"dataset={name}"))
    files = import_module(f"aerun.data.{name}").FILES
    for part in (
        f"{tmp_path}/data/{files.folder} lacks {', '.join(files.digests)}",
        "no route",
        "dataset.root or $AERUN_DATA",
        f"holds {files.folder}",
        "dataset=digits",
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.key == "dataset.root"
    assert not (tmp_path / "data").exists()


def test_seven_data_sets_are_published() -> None:
    """The list that the test above goes through is whole."""
    assert set(PUBLISHED) == {
        "celeba", "cifar10", "fashion_mnist", "kmnist", "mnist", "olivetti", "svhn",
    }  # fmt: skip
