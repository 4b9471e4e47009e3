"""Pictures of walks through the codes of a trained model: between, along, across."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from aerun.data import Split
from aerun.draws import with_noise
from aerun.evaluation.density import decoded_codes
from aerun.evaluation.splits import collect
from aerun.tasks.drawing import draw_vectors
from aerun.trained import Trained

log = logging.getLogger("aerun")

_PAIRS = 8  # of test examples, in the picture of interpolations
_BETWEEN = 8  # decoded codes from one to the other, both included
_DIMENSIONS = 16  # code dimensions in the picture of traversals, at most
_ALONG = 9  # decoded codes along each
_ACROSS = 15  # decoded codes along each side of the manifold
_CODES = 2000  # test examples whose codes tell how far they reach
_QUANTILES = 10_000  # codes of the prior that tell its quantiles
_ENDS = (0.01, 0.99)  # quantiles of codes between which to walk


class Walks:
    """Decodes codes along lines, and draws what comes out."""

    def __init__(self, model: Trained, test: Split, prior: np.ndarray | None) -> None:
        """Encode test examples.

        Args:
            model: With ``decode``.
            test: Scaled as the model takes them.
            prior: Codes of the prior, where samples are drawn from one, [N, D].
        """
        self.model, self.prior, self.spec = model, prior, model.spec
        self.test = test.first(_CODES)
        self.codes = collect(lambda x: decoded_codes(model.model, x), self.test)
        self.low, self.high = np.quantile(self.codes, _ENDS, axis=0)
        # A sparse unit may be zero in nearly all examples.
        still = self.low == self.high
        self.low = np.where(still, self.codes.min(0), self.low)
        self.high = np.where(still, self.codes.max(0), self.high)

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of each PNG file that can be drawn; says which cannot."""
        if len(self.codes) > 1:
            yield "interpolations.png", self.interpolations()
        else:
            log.info("No interpolations: there is one test example only.")
        yield "traversals.png", self.traversals()
        if self.codes.shape[1] != 2:
            return
        if self.spec.is_image or self._in_space:
            yield "manifold.png", self.manifold()
        else:
            log.info("No manifold: it is drawn of images, and of 2 or 3 columns.")

    def interpolations(self) -> bytes:
        """A row between each two test examples, which stand at its ends."""
        starts, ends = self._pairs()
        if not self.spec.is_image:
            names = ("start", "1/4", "1/2", "3/4", "end")
            steps = self._between(starts, ends, np.linspace(0, 1, len(names)))
            rows = dict(zip(names, np.moveaxis(steps, 1, 0), strict=True))
            return draw_vectors(
                rows, self.spec, "Linear in the code between two test examples"
            )
        steps = self._between(starts, ends, np.linspace(0, 1, _BETWEEN))
        sides = [self._examples(places)[:, None] for places in (starts, ends)]
        shown = np.concatenate([sides[0], steps, sides[1]], axis=1)
        title = "Linear in the code, between two test examples at the ends"
        return self._images(shown, title, self._pair_names(starts, ends))

    def traversals(self) -> bytes:
        """A row per code dimension, the others held at those of a test example."""
        order = np.argsort(-self.codes.var(0), kind="stable")[:_DIMENSIONS]
        number = _ALONG if self.spec.is_image else 3
        shares = np.linspace(0, 1, number)
        codes = np.tile(self.codes[0], (len(order), number, 1))
        for row, d in enumerate(order):
            codes[row, :, d] = self.low[d] + shares * (self.high[d] - self.low[d])
        steps = self._decoded(codes)
        title = "One code dimension at a time, the others as of a test example"
        if self.spec.is_image:
            names = [
                f"code {d}: {self.low[d]:.2g} to {self.high[d]:.2g}" for d in order
            ]
            return self._images(steps, title, names)
        if not self._in_space:  # a panel each, which calls it an example
            told = ", ".join(f"code {d} in {i}" for i, d in enumerate(order[:6], 1))
            title += f" ({told})"
        rows = dict(
            zip(("low", "middle", "high"), np.moveaxis(steps, 1, 0), strict=True)
        )
        return draw_vectors(rows, self.spec, title)

    def manifold(self) -> bytes:
        """What is decoded of a grid in a code of two dimensions."""
        if self.prior is None:
            sides = [np.linspace(self.low[d], self.high[d], _ACROSS) for d in (0, 1)]
            title = "Codes of two dimensions, over the range of the test set's"
        else:
            shares = (np.arange(_ACROSS) + 0.5) / _ACROSS
            sides = [np.quantile(self.prior[:, d], shares) for d in (0, 1)]
            title = "Codes of two dimensions, over the quantiles of the prior"
        x, y = np.meshgrid(sides[0], sides[1][::-1])  # code 1 grows upwards
        steps = self._decoded(np.stack([x, y], axis=-1))
        if self.spec.is_image:
            return self._images(steps, title, None)
        flat = steps.reshape(-1, *self.spec.shape)
        return draw_vectors({"decoded": flat}, self.spec, title)

    @property
    def _in_space(self) -> bool:
        """Whether examples are points that share one picture."""
        return self.spec.shape in ((2,), (3,))

    # -- codes -----------------------------------------------------------------------

    def _pairs(self) -> tuple[list[int], list[int]]:
        """Test examples to walk from and to, of many classes where these are known."""
        left = list(range(min(len(self.codes), 100 * _PAIRS)))
        labels = self.test.labels
        kinds = [0] * len(self.codes) if labels is None else labels.tolist()
        starts: list[int] = []
        ends: list[int] = []
        while len(left) > 1 and len(starts) < _PAIRS:
            begun, ended = ({kinds[i] for i in some} for some in (starts, ends))
            start = min(left, key=lambda i: kinds[i] in begun)
            left.remove(start)
            same = kinds[start]
            end = min(left, key=lambda i: (kinds[i] == same, kinds[i] in ended))
            left.remove(end)
            starts.append(start)
            ends.append(end)
        return starts, ends

    def _pair_names(self, starts: list[int], ends: list[int]) -> list[str] | None:
        labels, classes = self.test.labels, self.spec.classes
        if labels is None:
            return None
        names = [str(n) if classes is None else classes[n] for n in labels.tolist()]
        return [f"{names[a]} to {names[b]}" for a, b in zip(starts, ends, strict=True)]

    def _between(
        self, starts: list[int], ends: list[int], shares: np.ndarray
    ) -> np.ndarray:
        """Decoded [P, S, *shape] at shares [S] of the way from start to end."""
        way = shares[None, :, None]
        first, last = self.codes[starts][:, None], self.codes[ends][:, None]
        return self._decoded((1 - way) * first + way * last)

    def _decoded(self, codes: np.ndarray) -> np.ndarray:
        """In the units of the data, [..., *shape] of codes [..., D]."""
        flat = self.model.decode(codes.reshape(-1, codes.shape[-1]))
        return flat.reshape(*codes.shape[:-1], *self.spec.shape)

    def _examples(self, places: list[int]) -> np.ndarray:
        """Test examples in the units of the data, [N, *shape]."""
        x = [self.test.gather(slice(i, i + 1)).cpu().double() for i in places]
        return self.spec.unscaled(np.concatenate(x))

    # -- drawing ---------------------------------------------------------------------

    def _images(self, rows: np.ndarray, title: str, names: list[str] | None) -> bytes:
        """Draw images [R, S, C, H, W], a row of the picture for each R."""
        from aerun.reporting.tiles import draw_tiles, to_tiles

        low, high = self.spec.drawn_range
        tiles = to_tiles(rows.reshape(-1, *self.spec.shape), low=low, high=high)
        return draw_tiles(tiles, columns=rows.shape[1], title=title, labels=names)


def prior_codes(model: Trained, seed: int) -> np.ndarray | None:
    """Codes of the prior [N, D], where the model tells of it."""
    net: Any = model.model
    prior: Any = getattr(net, "prior", None)
    size = getattr(net, "code_size", None)
    if size is None or not hasattr(prior, "sample"):
        return None
    like = next(net.parameters())
    codes: Tensor = with_noise(
        lambda draws: prior.sample(_QUANTILES, size, draws), like, seed=seed
    )
    return codes.cpu().double().numpy()
