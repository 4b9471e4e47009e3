"""How far codes move, and the norm of their Jacobian."""

import functools

import numpy as np
import pytest
import torch
from making import make

from aerun.evaluation.invariance import code_shifts, jacobian_norms

CODES = {
    "contractive": "model.code=20",  # closed form
    "stacked": "model.code=3",  # exact
    "conv": "model.code=5",  # exact, maps
}


def _model_and_test(*overrides: str):
    _, built = make(*overrides)
    return built.objective.model.eval(), built.data.test


def _jacobians(model, x: torch.Tensor) -> torch.Tensor:
    """By autograd, an example at a time, [B]."""
    norms = []
    for example in x:
        rows = torch.autograd.functional.jacobian(
            lambda one: model.encode(one[None])[0], example
        )
        norms.append(rows.square().sum().sqrt())
    return torch.stack(norms)


@pytest.mark.parametrize("name", CODES)
def test_the_norm_is_that_of_the_jacobian(name: str):
    """By the closed form, and row by row where codes are few."""
    model, test = _model_and_test(f"model={name}", CODES[name])
    x = test.gather(slice(12))
    found = jacobian_norms(model, x, torch.Generator().manual_seed(0))
    assert found.num_directions is None
    torch.testing.assert_close(found.values.float(), _jacobians(model, x).detach())


def test_the_norm_of_many_codes_is_estimated(monkeypatch: pytest.MonkeyPatch):
    """From random directions, close on average, the same in blocks of any size."""
    model, test = _model_and_test("model=k_sparse", "model.code=300")
    x = test.gather(slice(40))
    estimate = functools.partial(jacobian_norms, model, x)
    found = estimate(torch.Generator().manual_seed(0))
    assert found.num_directions == 32
    exact = _jacobians(model, x).detach()
    assert float(found.values.mean()) == pytest.approx(float(exact.mean()), rel=0.02)
    other = estimate(torch.Generator().manual_seed(1))
    assert not torch.equal(found.values, other.values)


def test_codes_move_as_far_as_by_hand():
    """Beside the distance between two examples; not at all without noise."""
    model, test = _model_and_test("model=stacked", "model.code=3")
    with torch.no_grad():
        x = test.gather(slice(None))
        codes = model.encode(x).double().numpy()
        noise = torch.empty_like(x).normal_(generator=torch.Generator().manual_seed(3))
        moved = model.encode(x + 0.2 * noise).double().numpy()
    pairs = np.square(codes[:, None] - codes[None]).sum(2)
    wanted = np.square(moved - codes).sum(1) / pairs.mean()
    generator = torch.Generator().manual_seed(3)
    found = code_shifts(model, test, noise=0.2, generator=generator)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    still = code_shifts(model, test, noise=0.0, generator=generator)
    assert float(still.abs().max()) == 0
