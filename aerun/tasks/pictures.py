"""Which pictures a run gets, and from which arrays they are drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aerun.build import Built
from aerun.draws import with_noise
from aerun.evaluation.splits import collect, knob_tensors, reconstructions
from aerun.rundir import RunDirectory
from aerun.tasks.drawing import draw_rows, draw_samples, title_of_samples
from aerun.tasks.findings import Findings
from aerun.tracking.events import PictureDrawn
from aerun.tracking.telling import Telling

_SHOWN = 10  # test examples in every picture of reconstructions
_SHOWN_IN_SPACE = 200  # points of two or three dimensions share one picture
_SAMPLES = 64
_POINTS = 5000  # codes in a latent map at most
_PRIOR = 20_000  # samples whose contours it shows
_PRIOR_VALUES = 2**24  # numbers in these, about at most
_SEED = 0  # of pictures' own noise: the same pictures whatever the run's seed


class Pictures:
    """Draws a run's pictures; never touches the job's own generator."""

    def __init__(
        self, built: Built, directory: RunDirectory, tell: Telling | None = None
    ) -> None:
        """Draw from the objects of a run into its directory, and tell of it."""
        self.built, self.directory = built, directory
        self.tell = Telling(None) if tell is None else tell
        self.spec = built.data.spec
        in_space = self.spec.shape in ((2,), (3,))
        number = _SHOWN_IN_SPACE if in_space else _SHOWN
        self.examples = built.data.test.gather(slice(number))

    @torch.no_grad()
    def reconstructions(
        self, name: str | None = None, shown: nn.Module | None = None
    ) -> None:
        """Inputs above (corrupted ones in between), outputs below.

        Args:
            name: Of a picture in ``reconstructions/``; None: ``reconstructions.png``.
            shown: The model that reconstructs; None: the objective's.
        """
        objective = self.built.objective.eval()
        rows = {"input": self.examples}
        seen = self.examples
        if objective.corruption is not None:
            values = self.built.training.knob_values()
            knobs = knob_tensors(values, self.examples)
            seen = with_noise(
                lambda draws: objective.corrupt(self.examples, knobs, draws)[0],
                self.examples,
                seed=_SEED,
            )
            rows["corrupted"] = seen
        rows["reconstruction"] = reconstructions(shown or objective.model, seen)
        path = f"reconstructions/{name}.png" if name else "reconstructions.png"
        final = f"{self.built.training.options.final_weights} epoch"
        when = _clean(name.replace("_", " ")) if name else final
        title = f"Test examples and their reconstructions, {when}"
        self._keep(path, self._show(rows, title))

    def loss_curves(
        self, rows: Sequence[dict[str, Any]], best_epoch: int | None
    ) -> None:
        """Train and validation, one panel per term."""
        from aerun.reporting.curves import loss_curves

        if rows:
            png = loss_curves(list(rows), title="Training", best_epoch=best_epoch)
            self._keep("loss_curves.png", png)

    def latent(self) -> None:
        """The codes of the test set, coloured by label."""
        from aerun.reporting.latent import latent_map

        split = self.built.data.test.first(_POINTS)
        model: Any = self.built.objective.model
        codes = collect(model.encode, split)
        labels = None if split.labels is None else split.labels.numpy()
        png = latent_map(
            codes,
            labels,
            classes=self.spec.classes,
            title="Codes of the test set",
            prior=self._prior(codes.shape[1]),
        )
        self._keep("latent.png", png)

    def _prior(self, size: int) -> np.ndarray | None:
        """Samples of what codes are to be distributed like, [M, D]."""
        prior: Any = getattr(self.built.objective.model, "prior", None)
        if not hasattr(prior, "sample"):
            return None
        number = min(_PRIOR, max(1000, _PRIOR_VALUES // size))
        drawn = with_noise(
            lambda draws: prior.sample(number, size, draws), self.examples, seed=_SEED
        )
        samples: np.ndarray = drawn.cpu().double().numpy()
        return samples

    def filters(self) -> None:
        """First level's weights as images, where the data are images."""
        from aerun.reporting.filters import filter_grid

        encoder = getattr(self.built.objective.model, "encoder", None)
        levels = getattr(encoder, "levels", None)
        weight = getattr(levels[0], "weight", None) if levels else None
        size = int(np.prod(self.spec.shape))
        if not self.spec.is_image or weight is None:
            return
        images = weight.detach().float().cpu().numpy()
        if weight.dim() == 2 and weight.shape[1] == size:
            images = images.reshape(-1, *self.spec.shape)
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            return
        png = filter_grid(images, title="Weights of the first level")
        self._keep("filters.png", png)

    @torch.no_grad()
    def samples(self) -> None:
        """Decoded samples of the prior, of models that have one."""
        model: Any = self.built.objective.model
        if not getattr(model, "generative", False):
            return
        drawn = with_noise(
            lambda draws: model.sample(_SAMPLES, draws), self.examples, seed=_SEED
        )
        samples = self._unscaled(drawn)
        png = draw_samples(samples, self.spec, title_of_samples(model))
        self._keep("samples.png", png)

    def units(self, found: Findings) -> None:
        """What each unit of the code does: its KL, or how active it is."""
        from aerun.reporting.activity import activity
        from aerun.reporting.bars import kl_per_dimension

        if found.posterior is not None:
            kl = found.posterior.kl
            png = kl_per_dimension(kl, title="What each code dimension carries")
            self._keep("kl_per_dimension.png", png)
        elif found.code.tell_activity or found.wanted_activity is not None:
            png = activity(
                found.code.activity,
                found.code.values,
                wanted=found.wanted_activity,
                title="How active the units of the code are on the test set",
            )
            self._keep("activity.png", png)

    def _keep(self, name: str, png: bytes) -> None:
        """Write a picture, and tell of it; final ones come after the last step."""
        path = self.directory.write(name, png)
        step = self.built.training.position.step + ("/" not in name)
        name = name.removesuffix(".png")
        self.tell(PictureDrawn(name=name, path=path, step=step))

    def _show(self, rows: dict[str, Tensor], title: str) -> bytes:
        arrays = {name: self._unscaled(x) for name, x in rows.items()}
        return draw_rows(arrays, self.spec, title)

    def _unscaled(self, x: Tensor) -> np.ndarray:
        """Back in the units of the data."""
        return self.spec.unscaled(x.detach().cpu().double().numpy())


def _clean(when: str) -> str:
    """A picture's name without leading zeros: epoch 10."""
    return " ".join(word.lstrip("0") or word for word in when.split())
