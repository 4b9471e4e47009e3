"""Figures of how well examples are given back, beside simpler methods."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aerun.data import Split
from aerun.evaluation.baselines import Principal
from aerun.evaluation.entries import SCALED, Figure, Finding, Subject, average
from aerun.evaluation.quality import psnr, ssim, ssim_window
from aerun.evaluation.splits import batches, evaluate, flat_batches


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """How far off each reconstruction of a split is."""

    mse: Tensor
    """Mean squared error over elements, scaled units, [N], double, on the CPU."""
    psnr: np.ndarray | None
    """Peak signal-to-noise ratio, dB, in the units of the data, [N]; of images."""
    ssim: Tensor | None
    """Structural similarity, likewise; of images that have room for a window."""

    def rows(self, split: Split) -> list[dict[str, float | int]]:
        """A row for each example: its place, its label if any, its figures."""
        known: dict[str, np.ndarray] = {"example": np.arange(len(self.mse))}
        if split.labels is not None:
            known["label"] = split.labels.cpu().numpy()
        known["mse"] = self.mse.numpy()
        if self.psnr is not None:
            known["psnr"] = self.psnr
        if self.ssim is not None:
            known["ssim"] = self.ssim.numpy()
        columns = {name: values.tolist() for name, values in known.items()}
        return [
            {name: values[i] for name, values in columns.items()}
            for i in range(len(self.mse))
        ]


@torch.no_grad()
def reconstruction_errors(subject: Subject, split: Split) -> Errors:
    """Compare a split with its reconstructions, without sampling, in one pass."""
    spec, model = subject.data.spec, subject.model
    window = ssim_window(spec.shape) if spec.is_image else None
    low, high = spec.drawn_range
    squares, stored_squares, similar = [], [], []
    for x in batches(split):
        recon = model(x).recon
        squares.append((recon - x).square().flatten(1).mean(1).cpu().double())
        if not spec.is_image:
            continue
        given, answer = (
            torch.from_numpy(spec.unscaled(t.cpu().double().numpy()))
            for t in (x, recon)
        )
        stored_squares.append((answer - given).square().flatten(1).mean(1))
        if window is not None:
            similar.append(ssim(given, answer, high - low))
    return Errors(
        mse=torch.cat(squares),
        psnr=psnr(torch.cat(stored_squares).numpy(), high - low)
        if spec.is_image
        else None,
        ssim=torch.cat(similar) if similar else None,
    )


def reconstruction_figures(
    subject: Subject, errors: Errors, principal: Principal | None, *, seed: int
) -> Iterator[Finding]:
    """Errors of the test part, the objective, and PCA's error.

    Args:
        subject: Whose test part was reconstructed.
        errors: Of that part.
        principal: PCA of what the run was trained on, at the size of its code.
        seed: Of the objective's noise.
    """
    text = "of test reconstructions"
    definition = f"squared error {text}, mean over elements"
    yield average(errors.mse, name="mse", unit=SCALED, definition=definition)
    yield from _pca(subject, principal)
    yield from _image_figures(errors, subject, text)
    values = {name: float(value) for name, value in subject.knobs.items()}
    found = evaluate(subject.objective, subject.data.test, values, seed=seed)
    total = subject.objective.total(found.terms, values)
    said = {"loss": "objective of the training, mean over test examples"}
    said |= {f"loss/{name}": f"its term {name}, unweighted" for name in found.terms}
    measured = [total, *found.terms.values()]
    for (name, text), value in zip(said.items(), measured, strict=True):
        yield Figure(name=name, value=value, unit="per example", definition=text)


def _image_figures(errors: Errors, subject: Subject, text: str) -> Iterator[Finding]:
    if errors.psnr is None:
        yield "No PSNR and SSIM: they are for images."
        return
    low, high = subject.data.spec.drawn_range
    perfect = int(np.isinf(errors.psnr).sum())
    if perfect:
        yield f"No PSNR: it is infinite for {perfect} images without any error."
    else:
        yield average(
            torch.from_numpy(errors.psnr),
            name="psnr",
            unit="dB",
            definition=f"peak signal-to-noise ratio {text}, mean over images, range "
            f"{high - low:g}",
        )
    if errors.ssim is None:
        yield "No SSIM: it is for images of at least 3 by 3 pixels."
        return
    yield average(
        errors.ssim,
        name="ssim",
        unit="at most 1",
        definition=f"structural similarity {text}, windows of "
        f"{ssim_window(subject.data.spec.shape)} pixels, range {high - low:g}",
    )


@torch.no_grad()
def _pca(subject: Subject, principal: Principal | None) -> Iterator[Finding]:
    if principal is None:
        yield (
            "No PCA: the run's own examples are not to be had."
            if subject.foreign and subject.own is None
            else "No PCA: the code is as large as the data, or nothing varies."
        )
        return
    rows = (x.cpu().numpy() for x in flat_batches(subject.data.test))
    errors = [principal.errors(x).mean(1) for x in rows]
    yield average(
        torch.from_numpy(np.concatenate(errors)),
        name="pca/mse",
        unit=SCALED,
        definition=f"the same of PCA with {len(principal.components)} components, as "
        "many as the code has values, fitted to what the run was trained on",
    )
