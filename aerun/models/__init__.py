"""Models: encoders and decoders made of levels, bottlenecks, what joins them."""

from aerun.models.autoencoder import Autoencoder
from aerun.models.bottlenecks import Gaussian, Lifetime, Plain, TopK
from aerun.models.conv import ConvEncoder
from aerun.models.dense import DenseEncoder
from aerun.models.gsn import GSN
from aerun.models.levels import Decoder
from aerun.models.outputs import Outputs, Posterior

__all__ = [
    "Autoencoder",
    "ConvEncoder",
    "Decoder",
    "DenseEncoder",
    "GSN",
    "Gaussian",
    "Lifetime",
    "Outputs",
    "Plain",
    "Posterior",
    "TopK",
]
