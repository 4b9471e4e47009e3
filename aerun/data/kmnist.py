"""Kuzushiji-MNIST in torchvision's file layout: cursive Japanese characters."""

from aerun.data.idx import read_source
from aerun.data.obtain import Published, from_mirrors, obtain
from aerun.data.splits import Source

FILES = Published(
    folder="KMNIST/raw",
    digests={
        "train-images-idx3-ubyte.gz": "md5:bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "md5:e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "md5:5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "md5:7320c461ea6c1c855c0b718fb2a4b134",
    },
    fetch=from_mirrors("http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
)
_CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


def kmnist(*, root: str) -> Source:
    """60,000 and 10,000 grey images of 28x28 cursive hiragana, ten classes.

    Args:
        root: Folder that holds, or will hold, ``KMNIST/raw/``.

    Returns:
        The official training and test sets.

    Raises:
        DataError: A file is damaged, or absent and cannot be downloaded.

    References:
        Clanuwat et al., "Deep learning for classical Japanese literature" (2018).
    """
    return read_source(obtain(root, FILES), _CLASSES, ".gz")
