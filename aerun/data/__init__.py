"""Data: sources, splits, scaling. A data set is a spec and three splits."""

from aerun.data.array import array
from aerun.data.digits import digits
from aerun.data.mnist import mnist
from aerun.data.plane import plane
from aerun.data.prepare import Data, DatasetOptions, prepare
from aerun.data.scaling import Whitening
from aerun.data.splits import Source, Spec, Split

__all__ = [
    "Data",
    "DatasetOptions",
    "Source",
    "Spec",
    "Split",
    "Whitening",
    "array",
    "digits",
    "mnist",
    "plane",
    "prepare",
]
