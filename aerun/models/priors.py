"""Priors: what codes are distributed like, where samples are to be drawn from."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from aerun.draws import Draws
from aerun.errors import BadUse
from aerun.features import PRIOR, declares
from aerun.models.outputs import Posterior
from aerun.options import Count, Positive

_TURNS = 512  # points that stand for the whole roll in its density


class NoPrior(nn.Module):
    """Codes are distributed as training makes them; there is nothing to sample."""


class _Prior(nn.Module):
    """A distribution over codes [B, D], with everything but its formula."""

    def log_density(self, z: Tensor) -> Tensor:
        """Of codes [B, D], [B], nats."""
        raise NotImplementedError

    def divergence(self, posterior: Posterior, latent: Tensor) -> Tensor:
        """KL of the posterior from this prior, estimated with one sample.

        Args:
            posterior: q(z|x).
            latent: A sample of it, [B, D].

        Returns:
            log q(z|x) - log p(z), [B], nats; unbiased.
        """
        return log_normal(latent, posterior.mean, posterior.log_variance).sum(1) - (
            self.log_density(latent)
        )


@declares(provides=frozenset({PRIOR}))
class Normal(_Prior):
    """A Gaussian with a diagonal covariance; mean 0 and std 1 are the usual choice."""

    def __init__(
        self, *, mean: float | list[float], std: Positive | list[Positive]
    ) -> None:
        """Hold the moments.

        Args:
            mean: One for every dimension, or a list of each dimension's.
            std: Likewise.
        """
        super().__init__()
        self.mean, self.std = mean, std

    def check_size(self, size: int) -> None:
        """See whether codes of a size can have this prior.

        Raises:
            BadUse: A list has another length.
        """
        for name, given in (("mean", self.mean), ("std", self.std)):
            if isinstance(given, list) and len(given) != size:
                raise BadUse(
                    f"model.prior.{name}: a list of {len(given)} for a code of {size}; "
                    "give one number, or one for each dimension."
                )

    def _moments(self, z: Tensor) -> tuple[Any, Any, Any]:
        """Mean, std and its logarithm: numbers, or [D] where z [B, D] is."""
        mean, std = (
            z.new_tensor(given) if isinstance(given, list) else given
            for given in (self.mean, self.std)
        )
        return mean, std, std.log() if isinstance(std, Tensor) else math.log(std)

    def sample(self, num_samples: int, size: int, draws: Draws) -> Tensor:
        """Codes [num_samples, size]."""
        noise = draws.ask("normal", num_samples, size)
        mean, std, _ = self._moments(noise)
        return mean + std * noise

    def log_density(self, z: Tensor) -> Tensor:
        """Of codes [B, D], [B], nats."""
        mean, _, log_std = self._moments(z)
        nothing = torch.zeros_like(z)
        return log_normal(z, nothing + mean, nothing + 2 * log_std).sum(1)

    def divergence_per_dimension(self, posterior: Posterior) -> Tensor:
        """KL(q(z|x) || p(z)) of each dimension, [B, D], nats, in closed form.

        References:
            Kingma & Welling, "Auto-encoding variational Bayes" (2013), appendix B, for
            mean 0 and std 1.
        """
        mean, log_variance = posterior.mean, posterior.log_variance
        if (self.mean, self.std) != (0, 1):
            own_mean, own_std, log_std = self._moments(mean)
            mean = (mean - own_mean) / own_std
            log_variance = log_variance - 2 * log_std
        # exp - 1 by itself: near the prior nothing else is left of it.
        return (mean.square() + (log_variance.expm1() - log_variance)) / 2


class _InPlanes(_Prior):
    """A distribution in the plane; codes are made of independent pairs of numbers.

    The last number of an odd code is Gaussian, its std half the radius.
    """

    def __init__(self, radius: float) -> None:
        super().__init__()
        self.radius = radius

    def sample(self, num_samples: int, size: int, draws: Draws) -> Tensor:
        """Codes [num_samples, size]."""
        pairs, odd = divmod(size, 2)
        parts = []
        if pairs:
            parts.append(self.in_plane(num_samples, pairs, draws).flatten(1))
        if odd:
            parts.append(self.radius / 2 * draws.ask("normal", num_samples, 1))
        return torch.cat(parts, 1)

    def in_plane(self, num_samples: int, pairs: int, draws: Draws) -> Tensor:
        """Points [num_samples, pairs, 2]."""
        raise NotImplementedError

    def log_density(self, z: Tensor) -> Tensor:
        """Of codes [B, D], [B], nats."""
        pairs = z.shape[1] // 2
        points = z[:, : 2 * pairs].reshape(-1, 2)
        logs = self.log_density_in_plane(points).reshape(len(z), pairs).sum(1)
        return logs + _log_gauss(z[:, 2 * pairs :], 0.0, self.radius / 2).sum(1)

    def log_density_in_plane(self, points: Tensor) -> Tensor:
        """Of points [N, 2], [N], nats."""
        raise NotImplementedError


@declares(provides=frozenset({PRIOR}))
class Mixture(_InPlanes):
    """Gaussians like petals of a flower around the origin, long towards it.

    References:
        Makhzani et al., "Adversarial autoencoders" (2015), section 2.3.
    """

    def __init__(self, *, components: Count, radius: Positive, std: Positive) -> None:
        """Place the components.

        Args:
            components: Gaussians in a plane.
            radius: Of their centres from the origin.
            std: Along the circle; five times as much towards the origin.
        """
        super().__init__(radius)
        self.components, self.std = components, std

    def in_plane(self, num_samples: int, pairs: int, draws: Draws) -> Tensor:
        """Points [num_samples, pairs, 2]."""
        which = (draws.ask("uniform", num_samples, pairs) * self.components).floor()
        noise = draws.ask("normal", num_samples, pairs, 2)
        angle = which * (2 * math.pi / self.components)
        out = self.radius + 5 * self.std * noise[..., 0]
        along = self.std * noise[..., 1]
        x = out * angle.cos() - along * angle.sin()
        y = out * angle.sin() + along * angle.cos()
        return torch.stack([x, y], -1)

    def log_density_in_plane(self, points: Tensor) -> Tensor:
        """Of points [N, 2], [N], nats."""
        turn = 2 * math.pi / self.components
        angle = torch.arange(self.components, device=points.device) * turn
        x, y = points[:, :1], points[:, 1:]
        out = x * angle.cos() + y * angle.sin()
        along = y * angle.cos() - x * angle.sin()
        logs = _log_gauss(out, self.radius, 5 * self.std) + _log_gauss(
            along, 0.0, self.std
        )
        return logs.logsumexp(1) - math.log(self.components)


@declares(provides=frozenset({PRIOR}))
class SwissRoll(_InPlanes):
    """A spiral in the plane.

    References:
        Makhzani et al., "Adversarial autoencoders" (2015), section 2.3.
    """

    def __init__(self, *, radius: Positive, std: Positive) -> None:
        """Wind the roll.

        Args:
            radius: Of its end from the origin; it winds one and a half times.
            std: Of the noise around it.
        """
        super().__init__(radius)
        self.std = std

    def _spiral(self, share: Tensor) -> Tensor:
        """Points [..., 2] at shares [...] of the roll, as dense in every part."""
        far = share.sqrt()
        angle = 3 * math.pi * far
        return torch.stack([far * angle.cos(), far * angle.sin()], -1) * self.radius

    def in_plane(self, num_samples: int, pairs: int, draws: Draws) -> Tensor:
        """Points [num_samples, pairs, 2]."""
        points = self._spiral(draws.ask("uniform", num_samples, pairs))
        return points + self.std * draws.ask("normal", num_samples, pairs, 2)

    def log_density_in_plane(self, points: Tensor) -> Tensor:
        """Of points [N, 2], [N], nats: a fine row of Gaussians along the roll."""
        share = (torch.arange(_TURNS, device=points.device) + 0.5) / _TURNS
        centres = self._spiral(share.to(points))
        logs = _log_gauss(points[:, None], centres, self.std).sum(2)
        return logs.logsumexp(1) - math.log(_TURNS)


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log N(z; mean, exp(log_variance)) of each element, of the shape of z, nats."""
    squares = (z - mean).square() * torch.exp(-log_variance)
    return -(squares + log_variance + math.log(2 * math.pi)) / 2


def _log_gauss(x: Tensor, mean: Tensor | float, std: float) -> Tensor:
    squares = ((x - mean) / std).square()
    return -squares / 2 - math.log(std) - math.log(2 * math.pi) / 2


STANDARD = Normal(mean=0.0, std=1.0)
"""The prior of models that have a posterior and name none."""


def prior_of(model: Any) -> Any:
    """What a model's posterior is compared with: its prior, else the standard one."""
    prior = getattr(model, "prior", None)
    return prior if hasattr(prior, "log_density") else STANDARD
