"""Convolutional levels: exact sizes, tied kernels, and the adjoint."""

import pytest
import torch
from torch import nn

from aerun.models import ConvEncoder, Decoder


def _uniform(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("downsampling", ["stride", "pool", "none"])
@pytest.mark.parametrize("shape", [(1, 28, 20), (3, 33, 47), (1, 1, 7)])
def test_reconstructions_have_the_size_of_their_input(shape, downsampling, tied):
    """Odd sizes too, whatever halves them; tied kernels are one tensor."""
    encoder = ConvEncoder(
        shape=shape, hidden=[4, 5], code=6, kernel=3, downsampling=downsampling,
        dense_code=True, activation="relu", code_activation="none",
        initialization="he",
    )  # fmt: skip
    decoder = Decoder(
        encoder=encoder, activation="relu", initialization="he", tied=tied
    )
    x = torch.rand(2, *shape)
    _, code = encoder(x)
    assert code.shape == (2, 6)
    assert decoder(code).shape == x.shape
    for below, above in zip(encoder.levels, decoder.levels, strict=True):
        assert (below.weight is above.weight) == tied


def test_a_transposed_convolution_is_the_adjoint():
    """With the same kernels <C x, y> = <x, C' y>, for a stride over an odd size."""
    torch.manual_seed(0)
    encoder = ConvEncoder(
        shape=(2, 9, 6), hidden=[3], code=4, kernel=3, downsampling="stride",
        dense_code=False, activation="none", code_activation="none",
        initialization="default",
    ).double()  # fmt: skip
    for level in encoder.levels:
        back = level.inverse(
            activation="none", initialization="default", tied=True
        ).double()
        nn.init.zeros_(level.bias)
        nn.init.zeros_(back.bias)
        x, y = _uniform(1, *level.input_shape), _uniform(1, *level.output_shape, seed=1)
        there, here = (level(x) * y).sum(), (x * back(y)).sum()
        torch.testing.assert_close(there, here)
