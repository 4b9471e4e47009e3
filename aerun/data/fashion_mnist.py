"""Fashion-MNIST in torchvision's file layout: harder than digits, as small."""

from aerun.data.idx import read_source
from aerun.data.obtain import Published, from_mirrors, obtain
from aerun.data.splits import Source

FILES = Published(
    folder="FashionMNIST/raw",
    digests={
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
    fetch=from_mirrors(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
)
_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def fashion_mnist(*, root: str) -> Source:
    """60,000 and 10,000 grey images of 28x28 articles of clothing, ten classes.

    Args:
        root: Folder that holds, or will hold, ``FashionMNIST/raw/``.

    Returns:
        The official training and test sets.

    Raises:
        DataError: A file is damaged, or absent and cannot be downloaded.

    References:
        Xiao et al., "Fashion-MNIST: a novel image dataset for benchmarking machine
        learning algorithms" (2017).
    """
    return read_source(obtain(root, FILES), _CLASSES, ".gz")
