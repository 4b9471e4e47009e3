"""Losses and regularizers in single precision, at the ends of what numbers can be.

Each is compared with its formula in double precision: it is right, or not finite, which
stops a run by name. What is finite and wrong would be found by nobody.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from making import make, options
from torch import Tensor, nn

from aerun import losses, regularizers, sparsity
from aerun.adversarial import AdversarialInput, AdversarialPrior
from aerun.contraction import closed_form, exact, hutchinson
from aerun.draws import Draws
from aerun.models.outputs import Outputs, Posterior

LIMIT = float(torch.finfo(torch.float32).max)
SIZES = (0.0, 1e-38, 1e-20, 1e-8, 1.0, 88.0, 1e4, 1e10, 1e18, 1e30, 3e38)
SIGNED = sorted({sign * size for size in SIZES for sign in (-1.0, 1.0)})
Case = tuple[Tensor, Any, float, Any]
"""What was found, what is right, and errors allowed: relative and absolute."""


def right_or_loud(found: Tensor, wanted: Any, *, relative: float, absolute: Any = 0):
    """Numbers of a formula, each right or not finite; some of them are right."""
    given = found.detach().double().numpy().ravel()
    wanted = np.broadcast_to(np.asarray(wanted, dtype=np.float64), found.shape).ravel()
    finite = np.isfinite(given)
    off = np.abs(given - wanted) - relative * np.abs(wanted) - np.ravel(absolute)
    assert (off[finite] <= 0).all(), off[finite].max()
    # What fits into single precision with its square is never lost.
    assert finite[np.abs(wanted) < math.sqrt(LIMIT)].all()
    assert finite.any() or (np.abs(wanted) > LIMIT).all()


def _pairs(left: Any, right: Any) -> tuple[Tensor, Tensor]:
    """Every value of one with every value of the other, [N, 1] each."""
    a, b = np.meshgrid(np.asarray(left), np.asarray(right), indexing="ij")
    return tuple(torch.tensor(x.ravel(), dtype=torch.float32)[:, None] for x in (a, b))


def _out(**given: Any) -> Outputs:
    code = given.pop("code", torch.zeros(1, 1))
    return Outputs(**{"code": code, "recon": code, **given})


def _exactly(values: Tensor) -> np.ndarray:
    return values.detach().double().numpy()


# -- losses ----------------------------------------------------------------------------


def mse() -> Iterator[Case]:
    recon, target = _pairs(SIGNED, SIGNED)
    found = losses.mse(_out(recon=recon, target=target), None)
    yield found, np.square(_exactly(recon) - _exactly(target)), 1e-6, 1e-37


def l1() -> Iterator[Case]:
    recon, target = _pairs(SIGNED, SIGNED)
    found = losses.l1(_out(recon=recon, target=target), None)
    yield found, np.abs(_exactly(recon) - _exactly(target)), 1e-6, 0


def bernoulli() -> Iterator[Case]:
    """Targets of 0 and 1 at logits of every size: the entropy's limits."""
    raw, target = _pairs(SIGNED, (0.0, 1e-30, 1e-7, 0.5, 1 - 2**-24, 1.0))
    found = losses.bernoulli(_out(raw=raw, target=target), None)
    logit, wanted = _exactly(raw), _exactly(target)
    # log(1 + exp(a)) - t a, written so that nothing cancels.
    positive = logit > 0
    soft = np.log1p(np.exp(-np.abs(logit)))
    # One less a tiny target is rounded, of which a logit is a multiple.
    exact = soft + np.where(positive, logit * (1 - wanted), -logit * wanted)
    yield found, exact, 2e-6, 2e-6 + 2e-7 * np.abs(logit)


def gaussian() -> Iterator[Case]:
    for learned in (False, True):
        for variance in (1e-30, 1e-6, 0.1, 1.0, 1e30):
            recon, target = _pairs(SIGNED, (0.0, 1.0))
            loss = losses.Gaussian(learned=learned)
            found = loss(
                _out(recon=recon, target=target), None, variance=torch.tensor(variance)
            )
            error = _exactly(recon) - _exactly(target)
            constant = math.log(2 * math.pi * variance)
            yield found, (np.square(error) / variance + constant) / 2, 1e-4, 1e-5


LOSSES: dict[str, Callable[[], Iterator[Case]]] = {
    "mse": mse, "l1": l1, "bernoulli": bernoulli, "gaussian": gaussian,
}  # fmt: skip


@pytest.mark.parametrize("loss", options("loss"))
def test_a_loss_is_right_or_loud(loss):
    """Every option of the group, element by element."""
    for found, wanted, relative, absolute in LOSSES[loss]():
        right_or_loud(found, wanted, relative=relative, absolute=absolute)


# -- regularizers ----------------------------------------------------------------------


def kl() -> Iterator[Case]:
    """Means and log variances of every size; tiny where posterior and prior agree."""
    means = [*SIGNED, 1e-4, -1e-3, 0.03]
    logs = (-1e4, -90.0, -50.0, -1.0, -1e-3, -1e-5, 0.0, 1e-5, 1e-3, 1.0, 50.0, 88.0)
    mean, log_variance = _pairs(means, logs)
    posterior = Posterior(mean=mean, log_variance=log_variance)
    found = regularizers.kl(_out(posterior=posterior), None, free_bits=0)
    m, v = _exactly(mean)[:, 0], _exactly(log_variance)[:, 0]
    assert (found >= 0).all(), "a divergence is never negative"
    yield found, (np.square(m) + (np.expm1(v) - v)) / 2, 1e-5, 3e-11


def code_l1() -> Iterator[Case]:
    code = torch.tensor(SIGNED)[:, None]
    yield regularizers.l1(_out(code=code), None), np.abs(_exactly(code))[:, 0], 1e-6, 0


def weight_decay() -> Iterator[Case]:
    for size in SIZES:
        model = nn.Linear(3, 2)
        nn.init.constant_(model.weight, size)
        nn.init.constant_(model.bias, 1e30)  # does not count
        exact = float(model.weight.detach()[0, 0])
        yield regularizers.weight_decay(None, model), 3 * exact**2, 1e-6, 1e-37


def _activities(rho: float) -> Iterator[tuple[Tensor, float]]:
    """Codes of one unit that is never active, always, as wanted, hardly off."""
    for activity in (0.0, 1e-30, 1e-5, rho, 0.5, 0.999, 1.0):
        yield torch.full((7, 1), activity), float(np.float32(activity))


def kl_sparsity() -> Iterator[Case]:
    """At activities of 0 and 1 a millionth is kept, so that the cost is finite."""
    for rho in (1e-6, 0.05, 0.5, 1 - 1e-6):
        for code, activity in _activities(rho):
            part = sparsity.KLSparsity(code_size=1, momentum=0.0)
            found = part(_out(code=code), nn.Identity(), rho=torch.tensor(rho))
            mean, given = np.clip(activity, 1e-6, 1 - 1e-6), float(np.float32(rho))
            wanted = given * math.log(given / mean)
            wanted += (1 - given) * math.log((1 - given) / (1 - mean))
            # One less a millionth has two digits in single precision.
            yield found, wanted, 3e-3, 2e-5


def squared_sparsity() -> Iterator[Case]:
    for code, activity in _activities(0.05):
        part = sparsity.SquaredSparsity(code_size=1, momentum=0.0)
        found = part(_out(code=code), nn.Identity(), rho=torch.tensor(0.05))
        yield found, (activity - float(np.float32(0.05))) ** 2, 1e-5, 1e-14


def contractive() -> Iterator[Case]:
    """Saturated units have no slope: the Jacobian's norm is 0, in every way."""
    for activation in ("sigmoid", "tanh"):
        _, built = make("model=contractive", f"model.code_activation={activation}",
                        "model.code=3")  # fmt: skip
        model: Any = built.objective.model.eval()
        (level,) = model.encoder.levels
        x = built.data.train.gather(slice(4))
        for bias in (-1e4, -30.0, 0.0, 30.0, 1e4):
            nn.init.constant_(level.bias, bias)
            a = _exactly(x.flatten(1)) @ _exactly(level.weight).T + bias
            if activation == "sigmoid":
                slope = np.exp(-np.abs(a)) / np.square(1 + np.exp(-np.abs(a)))
            else:
                slope = (
                    4 * np.exp(-2 * np.abs(a)) / np.square(1 + np.exp(-2 * np.abs(a)))
                )
            rows = np.square(_exactly(level.weight)).sum(1)
            wanted = np.square(slope) @ rows
            with torch.no_grad():
                yield closed_form(model, model.encode(x)), wanted, 1e-4, 1e-11
            yield exact(model, x), wanted, 1e-4, 1e-11
            if abs(bias) > 1:
                direction = torch.ones(4, 3)
                yield hutchinson(model, x, direction), 3 * wanted, 3, 1e-10


def adversarial_prior() -> Iterator[Case]:
    """Of a discriminator as sure as can be, on either side."""
    part = AdversarialPrior(code_size=1, hidden=[1], rate=1.0)
    for logit in SIGNED:
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.zero_()
            part.discriminator[-1].bias.fill_(logit)
        found = part(_out(code=torch.ones(2, 1), latent=torch.ones(2, 1)), None)
        exact_logit = float(np.float32(logit))
        wanted = max(-exact_logit, 0) + math.log1p(math.exp(-abs(exact_logit)))
        yield found, wanted, 1e-6, 1e-8


def adversarial_input() -> Iterator[Case]:
    """However hard the attacker pushes, an input stays within eps and [0, 1]."""
    for size in SIZES:
        for eps in (1e-30, 0.2, 1e30):
            part = AdversarialInput(
                shape=[2], hidden=[1], noise=1, target="clean", rate=1.0
            )
            nn.init.constant_(part.attacker[-1].bias, size)
            nn.init.zeros_(part.attacker[-1].weight)
            x = torch.tensor([[0.0, 1.0]])
            attacked = part.attack(x, eps, Draws([torch.zeros(1, 1)]))
            pushed = _exactly(x) + eps * math.tanh(float(np.float32(size)))
            yield attacked, np.clip(pushed, 0, 1), 1e-5, 1e-38


REGULARIZERS: dict[str, Callable[[], Iterator[Case]]] = {
    "kl": kl, "l1": code_l1, "weight_decay": weight_decay, "kl_sparsity": kl_sparsity,
    "squared_sparsity": squared_sparsity, "contractive": contractive,
    "adversarial_prior": adversarial_prior, "adversarial_input": adversarial_input,
}  # fmt: skip


@pytest.mark.parametrize("term", sorted({*options("regularizer")} - {"none"}))
def test_a_regularizer_is_right_or_loud(term):
    """Every option of the group."""
    for found, wanted, relative, absolute in REGULARIZERS[term]():
        right_or_loud(found, wanted, relative=relative, absolute=absolute)


@pytest.mark.parametrize("size", [1e30, 1e37])
def test_a_sum_over_elements_is_right_or_loud(size):
    """64 errors of 1e37 are more than single precision holds; of 1e30 they are not."""
    _, built = make("model=linear", "loss=l1")
    model: Any = built.objective.model
    nn.init.constant_(model.decoder.levels[0].bias, size)
    terms, _ = built.objective.terms(built.data.train.gather(slice(4)), {}, Draws([]))
    found = terms["reconstruction"]
    if 64 * size < LIMIT:
        right_or_loud(found, 64 * size, relative=1e-5)
    else:
        assert torch.isinf(found).all()
