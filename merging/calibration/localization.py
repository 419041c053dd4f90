"""Which elements of a task vector carry its skill, learned from examples (Localize-and-Stitch, 2408.13656)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from evomerge.errors import RecipeError
from merging.blocks import is_finite
from merging.calibration.cache import cached
from merging.calibration.data import IGNORED
from merging.calibration.model import LiveModel
from merging.calibration.statistics import Stored, Task, save


@dataclass(frozen=True)
class MaskTraining:
    """How masks are learned: gradient descent on logits S of the model ``base + sigmoid(S) * delta``.

    Args:
        density: fraction of the task vector, by magnitude over the whole model, that starts inside the mask.
        start: S is this on those elements and its negative elsewhere.
        learning_rate: of the mean negative log-likelihood of the labels, per label; it is large because the
            gradient carries the task vector as a factor.
        steps: each on all examples.
        regularizer: ``paper`` shrinks the sum of sigmoid(S); ``literal`` drives every logit away from zero.
        strength: multiplies sigmoid'(S) in that part of a step, whatever the learning rate is.
    """

    density: float
    start: float
    learning_rate: float
    steps: int
    regularizer: str
    strength: float


def learned_masks(task: Task, expert: str, threshold: Callable[[], float], training: MaskTraining) -> Stored:
    """Return the learned mask of each tensor that an expert changes, as bytes that are 0 or 1, cached.

    An element whose task vector is zero is never in the mask.

    Args:
        task: models and examples, every one with a completion.
        expert: whose task vector.
        threshold: returns the magnitude that belongs to the density; not called where the mask is cached.
        training: settings.

    Raises:
        RecipeError: the settings lead to an empty mask, or to logits that are not finite.
    """
    label = f"model {expert}"

    def compute(directory: Path) -> None:
        live = task.live()
        live.write_base()
        logits = _started(live, expert, threshold(), training.start)
        batches = task.batches(expert)
        for _ in range(training.steps):
            _write(live, expert, logits)
            live.require_gradients(logits)
            count = sum(int((batch.labels[:, 1:] != IGNORED).sum()) for batch in batches)
            for batch in batches:
                (live.loss(batch)[0] / count).backward()  # type: ignore[no-untyped-call]
            _step(live, expert, logits, training)
        live.require_gradients(())
        save(directory, label, _binary(live, expert, logits), {})

    key = {**task.key(expert), **asdict(training)}
    return Stored(label, cached("localization-1", key, compute))


def _binary(live: LiveModel, expert: str, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round sigmoid(S) and leave out what the expert does not change."""
    if not all(is_finite(logit) for logit in logits.values()):
        raise RecipeError(
            "recipe.options.learning_rate",
            f"the mask logits of the expert {expert!r} are not finite",
            "use a smaller learning_rate, and check the expert",
        )
    masks = {name: (logit > 0).logical_and_(_delta(live, name, expert)) for name, logit in logits.items()}
    if not any(mask.any() for mask in masks.values()):
        raise RecipeError(
            "recipe.options.regularizer_strength",
            f"the learned mask of the expert {expert!r} is empty",
            "use a smaller strength, fewer steps or a larger initial_density",
        )
    return {name: mask.to(torch.uint8) for name, mask in masks.items()}


def _delta(live: LiveModel, name: str, expert: str) -> Tensor:
    delta = live.models.delta(name, expert)
    base = live.parameter(name)
    return torch.zeros_like(base) if delta is None else delta.to(base.device)


def _started(live: LiveModel, expert: str, threshold: float, start: float) -> dict[str, Tensor]:
    logits: dict[str, Tensor] = {}
    for name in live.names:
        if live.models.delta(name, expert) is not None:
            largest = _delta(live, name, expert).abs() >= threshold
            logits[name] = largest.float().mul_(2 * start).sub_(start)
    return logits


def _write(live: LiveModel, expert: str, logits: Mapping[str, Tensor]) -> None:
    for name, logit in logits.items():
        base = live.models.base_tensor(name).to(logit.device).float()
        live.write(name, torch.addcmul(base, torch.sigmoid(logit), _delta(live, name, expert)))


def _step(live: LiveModel, expert: str, logits: Mapping[str, Tensor], training: MaskTraining) -> None:
    for name, logit in logits.items():
        parameter = live.parameter(name)
        inside = torch.sigmoid(logit)
        slope = inside.mul_(1.0 - inside)
        away = slope * (1.0 if training.regularizer == "paper" else -logit.sign())
        if parameter.grad is not None:
            slope.mul_(parameter.grad).mul_(_delta(live, name, expert))
            logit.sub_(slope, alpha=training.learning_rate)
            parameter.grad = None
        logit.sub_(away, alpha=training.strength)
