"""The objective: corruption, model, loss and regularizers in one pure module."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from aerun.draws import Draws, DryDraws
from aerun.models.outputs import Outputs
from aerun.options import knob_types

Reduction = Literal["sum", "mean"]


class Part(nn.Module):
    """A loss, regularizer or corruption with the names of its knobs.

    Wraps a pure function or a module alike; ``draws`` is passed to those that ask.
    """

    def __init__(self, call: Callable[..., Tensor], name: str) -> None:
        """Bind ``call`` to the knobs ``<name>.<parameter>``."""
        super().__init__()
        self.call = call
        formula = call.forward if isinstance(call, nn.Module) else call
        parameters = inspect.signature(formula).parameters
        asked = parameters.get("draws")
        self.wants_draws = asked is not None and asked.kind is asked.KEYWORD_ONLY
        self.knobs = {knob: f"{name}.{knob}" for knob in knob_types(call)}

    def forward(
        self, *inputs: Any, knobs: Mapping[str, Tensor], draws: Draws | None = None
    ) -> Any:
        """Call the formula with its own knobs."""
        own: dict[str, Any] = {key: knobs[name] for key, name in self.knobs.items()}
        if self.wants_draws:
            own["draws"] = draws
        return self.call(*inputs, **own)


class Objective(nn.Module):
    """loss(x^, x) + sum of weight * regularizer; the only place that weighs terms.

    Always called whole; a pure function of (parameters, buffers, batch, noise, knobs).
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: Callable[..., Tensor],
        reduction: Reduction,
        regularizers: Mapping[str, Callable[..., Tensor]],
        corruption: Callable[..., Tensor] | None = None,
        autocast: torch.dtype | None = None,
        below: nn.Module | None = None,
        binarize: bool = False,
    ) -> None:
        """Join the parts.

        Args:
            model: (x, draws) -> Outputs.
            loss: (out, model, *, knobs) -> [B, ...], one value per element.
            reduction: Whether an example's loss is summed or averaged over elements.
            regularizers: By name, (out, model, *, knobs) -> [B] or [].
            corruption: (x, draws, *, knobs) -> x~, or (x~, emphasis) with the weight of
                each element's loss, [B, *shape]; or None.
            autocast: Type of the model's arithmetic in training, where it is not that
                of the weights; losses and terms keep full precision.
            below: What x passes through first, unchanged by training: the model then
                reconstructs its outputs; or None.
            binarize: Whether x are probabilities of ones, which are drawn at each use.
        """
        super().__init__()
        self.autocast, self.below, self.binarize = autocast, below, binarize
        self.model = model
        self.loss = Part(loss, "loss")
        self.reduction = reduction
        self.regularizers = nn.ModuleDict(
            {
                name: Part(term, f"regularizer.{name}")
                for name, term in regularizers.items()
            }
        )
        self.corruption = None if corruption is None else Part(corruption, "corruption")
        self._opponent_losses = {
            name: Part(term.opponent_loss, f"regularizer.{name}")
            for name, term in regularizers.items()
            if hasattr(term, "opponent_loss")
        }

    @property
    def opponents(self) -> dict[str, nn.Module]:
        """Regularizers with parameters and a loss of their own, by name."""
        return {name: self.regularizers[name] for name in self._opponent_losses}

    def watched(self, opponent: str) -> tuple[str, ...]:
        """Names of the figures that an opponent's loss comes with."""
        term: Any = self.regularizers[opponent]
        return tuple(getattr(term.call, "watched", ()))

    def units(self) -> dict[str, str]:
        """What each term is measured in, by name; only those that say so."""
        named: dict[str, Any] = {"reconstruction": self.loss, **self.regularizers}
        units = {
            name: part.call.unit
            for name, part in named.items()
            if hasattr(part.call, "unit")
        }
        if self.reduction == "mean":
            units = {n: f"{u} per element" if n == "reconstruction" else u
                     for n, u in units.items()}  # fmt: skip
        elif "reconstruction" in units:
            units["loss"] = units["reconstruction"]
        return units

    def term_knobs(self, name: str) -> list[str]:
        """Knobs of a regularizer and its opponent, without prefix."""
        term: Any = self.regularizers[name]
        opponent = self._opponent_losses.get(name)
        theirs = {} if opponent is None else opponent.knobs
        return list({**term.knobs, **theirs})

    def wanted_activity(self, values: Mapping[str, float]) -> float | None:
        """How active a regularizer wants the units of the code to be, if one does."""
        named: dict[str, Any] = dict(self.regularizers.items())
        for name, part in named.items():
            knob = getattr(part.call, "wanted_activity", None)
            if knob is not None:
                return values[f"regularizer.{name}.{knob}"]
        return None

    def corrupt(
        self, x: Tensor, knobs: Mapping[str, Tensor], draws: Draws | DryDraws
    ) -> tuple[Tensor, Tensor | None]:
        """What the encoder sees of clean inputs x, and what each element's loss weighs.

        Returns:
            x~, [B, *shape], and its emphasis, [B, *shape], or None for 1 everywhere.
        """
        if self.corruption is None:
            return x, None
        corrupted = self.corruption(x, draws, knobs=knobs)
        return corrupted if isinstance(corrupted, tuple) else (corrupted, None)

    def clean(self, x: Tensor) -> Tensor:
        """What the model reconstructs of examples x [B, *shape], before any draw."""
        if self.below is None:
            return x
        with torch.no_grad():
            below: Tensor = self.below(x)
        return below

    def _target(self, x: Tensor, draws: Draws | DryDraws) -> Tensor:
        if self.binarize:
            x = (draws.ask("uniform", *x.shape) < x).to(x)
        return self.clean(x)

    def _pass(
        self, x: Tensor, knobs: Mapping[str, Tensor], draws: Draws | DryDraws
    ) -> Outputs:
        # Only a model with knobs of its own is given them; most take (x, draws).
        own = (knobs,) if getattr(self.model, "knobs", None) else ()
        if self.autocast is None or not self.training:
            outputs: Outputs = self.model(x, draws, *own)
            return outputs
        with torch.autocast(x.device.type, dtype=self.autocast):
            outputs = self.model(x, draws, *own)
        return outputs.to(x.dtype)

    def terms(
        self, x: Tensor, knobs: Mapping[str, Tensor], draws: Draws | DryDraws
    ) -> tuple[dict[str, Tensor], Outputs]:
        """Every term unweighted, before any average over the batch.

        Args:
            x: Clean inputs, [B, *shape], scaled units.
            knobs: All numeric knobs, [] each.
            draws: Source of noise.

        Returns:
            ``reconstruction`` [B] and each regularizer ([B] or []), and the pass.
        """
        x = self._target(x, draws)
        seen, emphasis = self.corrupt(x, knobs, draws)
        out = replace(self._pass(seen, knobs, draws), target=x, seen=seen)
        errors = self.loss(out, self.model, knobs=knobs, draws=draws)
        for raw, recon in out.walk:  # every step of a walk is paid for
            step = replace(out, raw=raw, recon=recon)
            errors = errors + self.loss(step, self.model, knobs=knobs, draws=draws)
        if emphasis is not None:
            errors = errors * emphasis
        errors = errors.flatten(1)
        reduced = errors.sum(1)
        if self.reduction == "mean":  # not mean(1), whose gradient divides each pixel's
            reduced = reduced / errors.shape[1]
        terms = {"reconstruction": reduced}
        for name, term in self.regularizers.items():
            terms[name] = term(out, self.model, knobs=knobs, draws=draws)
        return terms, out

    def total(self, terms: Mapping[str, Any], knobs: Mapping[str, Any]) -> Any:
        """Reconstruction plus each term times its weight, of tensors or numbers."""
        total = terms["reconstruction"]
        for name in self.regularizers:
            total = total + knobs[f"regularizer.{name}.weight"] * terms[name]
        return total

    def forward(
        self,
        x: Tensor,
        knobs: Mapping[str, Tensor],
        draws: Draws | DryDraws,
        update: str = "model",
    ) -> dict[str, Tensor]:
        """The loss of one update on one batch.

        Args:
            x: Clean inputs, [B, *shape].
            knobs: All numeric knobs, [] each.
            draws: Source of noise.
            update: "model", or the name of an opponent.

        Returns:
            ``loss`` [] to be minimised; of the model also each term [], unweighted, of
            an opponent the figures that it watches.
        """
        if update != "model":
            with torch.no_grad():
                x = self._target(x, draws)
                seen, _ = self.corrupt(x, knobs, draws)
                out = replace(self._pass(seen, knobs, draws), target=x, seen=seen)
            opponent_loss = self._opponent_losses[update]
            found = opponent_loss(out, self.model, knobs=knobs, draws=draws)
            loss, watched = found if isinstance(found, tuple) else (found, {})
            return {"loss": loss, **watched}
        terms, _ = self.terms(x, knobs, draws)
        means = {name: term.mean() for name, term in terms.items()}
        return {"loss": self.total(means, knobs), **means}
