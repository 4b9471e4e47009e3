"""Encoders, bottlenecks, decoders and the module that joins them."""

from aerun.models.autoencoder import Autoencoder
from aerun.models.bottlenecks import Gaussian, Plain
from aerun.models.dense import DenseDecoder, DenseEncoder
from aerun.models.outputs import Outputs, Posterior

__all__ = [
    "Autoencoder",
    "DenseDecoder",
    "DenseEncoder",
    "Gaussian",
    "Outputs",
    "Plain",
    "Posterior",
]
