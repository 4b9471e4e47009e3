"""Data: sources, splits, scaling. A data set is a spec and three splits."""

from aerun.data.array import array
from aerun.data.celeba import celeba
from aerun.data.cifar10 import cifar10
from aerun.data.digits import digits
from aerun.data.fashion_mnist import fashion_mnist
from aerun.data.image_folder import image_folder
from aerun.data.kmnist import kmnist
from aerun.data.mnist import mnist
from aerun.data.olivetti import olivetti
from aerun.data.plane import plane
from aerun.data.prepare import Data, DatasetOptions, prepare
from aerun.data.scaling import Whitening
from aerun.data.splits import Source, Spec, Split
from aerun.data.svhn import svhn
from aerun.data.table import table

__all__ = [
    "Data",
    "DatasetOptions",
    "Source",
    "Spec",
    "Split",
    "Whitening",
    "array",
    "celeba",
    "cifar10",
    "digits",
    "fashion_mnist",
    "image_folder",
    "kmnist",
    "mnist",
    "olivetti",
    "plane",
    "prepare",
    "svhn",
    "table",
]
