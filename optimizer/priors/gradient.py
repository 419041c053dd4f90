"""A prior from the gradient of the reference answers' likelihood in the search's own coordinates.

The derivative of a loss in a coefficient is the dot product of its gradient in the weights with the task vector, so one
backward pass through the merge at the start gives it for every coordinate and every item of a batch, without a gradient
of any weight (see :mod:`merging.calibration.directions`). Per-item gradients give the empirical Fisher information as
well, which says in which directions the merge is sensitive.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from evals.tasks import TaskDefinition
from evomerge.errors import Infeasible
from merging.calibration.coefficients import Mixture
from merging.calibration.data import Batch
from merging.calibration.directions import Directions, sequence_losses
from merging.calibration.model import LiveModel
from merging.models import ModelSet
from optimizer.priors.examples import reference_batches
from optimizer.priors.gaussians import fisher_prior
from optimizer.priors.surrogate import Surrogate, inputs_of, surrogate
from optimizer.search.interface import Prior, Vector
from optimizer.space import Genome

_SIZES = (1.0, 0.5, 0.25)


@dataclass(frozen=True)
class GradientOptions:
    """How much is spent.

    Args:
        items: search items whose reference answers are propagated back, over all tasks.
        max_tokens: longest item; longer prompts lose their beginning.
        device: ``cpu`` or ``cuda``; the model takes 4 bytes for each parameter there.
    """

    items: int = 32
    max_tokens: int = 1024
    device: str = "cpu"


def gradient_prior(
    genome: Genome, models: ModelSet, tasks: Sequence[TaskDefinition], options: GradientOptions | None = None
) -> Prior:
    """Return the prior of :func:`optimizer.priors.gaussians.fisher_prior` for reference answers of search items.

    The mean goes along the natural gradient by one step in its largest coordinate, a half or a quarter, whichever has
    the best likelihood on the same items, or nowhere if none is better than the start.

    Args:
        genome: centered on the start.
        models: base and experts.
        tasks: of the experiment; only their search items are read.
        options: how much is spent.

    Raises:
        Infeasible: no item has a reference answer, or the loss at the start is not finite.
        ModelError: transformers cannot run the base.
    """
    options = options or GradientOptions()
    inputs = inputs_of(models, genome.models)
    live = LiveModel(models, device=options.device)
    batches, weights = reference_batches(
        tasks, _language_model(live), items=options.items, max_tokens=options.max_tokens
    )
    if not batches:
        raise Infeasible("no search item of any task has a reference answer")
    start = surrogate(genome, np.zeros(genome.dimension), inputs)
    mixture = Mixture(live, inputs, start.ends)
    mixture.write(torch.from_numpy(start.coefficients))
    gradients, losses = item_gradients(Directions(live, inputs, start.ends), start, batches)
    shares = weights / weights.sum()
    before = float(shares @ losses)
    if not (math.isfinite(before) and np.isfinite(gradients).all()):
        raise Infeasible(f"the loss of the reference answers at the start is {before:g} or its gradient is not finite")
    prior = fisher_prior(gradients, weights, "")
    size, after = 0.0, before
    for tried in _SIZES if prior.mean.any() else ():
        mixture.write(torch.from_numpy(surrogate(genome, tried * prior.mean, inputs).coefficients))
        loss = float(shares @ _losses(live, batches))
        if loss < after:
            size, after = tried, loss
    said = (
        f"gradients of {len(losses)} reference answers at the start, whose negative log-likelihood falls from "
        f"{before:.3f} to {after:.3f} nats"
    )
    return replace(prior, mean=size * prior.mean, source=said)


def item_gradients(directions: Directions, at: Surrogate, batches: Sequence[Batch]) -> tuple[Vector, Vector]:
    """Return the gradient of each item's loss in the coordinates, and the losses, where the live model stands.

    Returns:
        Gradients, shape (items, dimension), and losses in nats, summed over the tokens of an answer, shape (items,).
    """
    pairs = [directions.gradients(batch) for batch in batches]
    gradients = [np.einsum("npk,pkd->nd", found.numpy(), at.jacobian) for found, _ in pairs]
    return np.concatenate(gradients), np.concatenate([losses.numpy() for _, losses in pairs])


def _losses(live: LiveModel, batches: Sequence[Batch]) -> Vector:
    with torch.no_grad():
        return np.concatenate([sequence_losses(live, batch).double().cpu().numpy() for batch in batches])


def _language_model(live: LiveModel) -> Any:
    """Return lm-eval's view of the model, which tokenizes as the workers do."""
    from lm_eval.models.huggingface import HFLM

    # It warns that a model in memory cannot be spread over several processes, which nobody wants here.
    logging.getLogger("lm_eval.models.huggingface").setLevel(logging.ERROR)
    return HFLM(pretrained=live.model, tokenizer=live.tokenizer)
