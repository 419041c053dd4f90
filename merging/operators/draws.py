"""Random draws that decide for every density which elements of a task vector stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from merging.generators import Twister
from merging.operators.base import MergeInputs, Option, Options, TensorInputs
from merging.streams import LEVELS, keep_threshold, uniform_levels

DRAWS = Option(
    "draws",
    "keyed",
    ("keyed", "sequential"),
    "A stream of its own for each tensor and expert, or one for all of them in the order of their names, as "
    "mergekit draws where every density is below 1.",
)

States = Mapping[tuple[str, str], Twister]


@dataclass(frozen=True)
class Draws:
    """One fixed draw per element: element i is kept with probability p where ``levels[i] > origin - slope * p``.

    Args:
        levels: flat; int16, uint8 or fp32.
        origin, slope: of the bound.
        exact: whether every probability is met exactly; otherwise in steps of 1/65536.
    """

    levels: Tensor
    origin: float
    slope: float
    exact: bool

    def probability(self, density: float) -> float:
        """Return the probability that is possible and nearest to a density."""
        return density if self.exact else keep_threshold(density)[1]

    def bound(self, probability: float) -> float:
        """Return what the level of an element that is kept exceeds."""
        return self.origin - self.slope * probability


def sequential_states(inputs: MergeInputs, options: Options) -> States | None:
    """Return the state of one Mersenne Twister before each tensor and expert draws, one number per element.

    The stream is walked through once, by tensor and then expert in the order of their names; tensors and
    experts that nothing is dropped from draw too. None where every tensor has its own stream.
    """
    if options["draws"] != "sequential":
        return None
    generator = Twister.seeded(inputs.seed)
    states: dict[tuple[str, str], Twister] = {}
    for name in inputs.names:
        for model in inputs.models:
            states[name, model] = generator.copy()
            generator.skip(inputs.size(name))
    return states


def draws_of(tensor: TensorInputs, model: str, states: States | None, only: float | None = None) -> Draws:
    """Draw for every element of one expert's task vector.

    Args:
        tensor: whose elements.
        model: the expert.
        states: see :func:`sequential_states`.
        only: the one probability that will be asked for, of which a sequential draw keeps no more than who is kept.
    """
    count = tensor.base.numel()
    if states is None:
        levels = uniform_levels(tensor.seed, tensor.name, model, count)
        # Levels ~u are kept above a bound where draws u are kept below one; torch has one operation for that.
        return Draws(torch.from_numpy(np.invert(levels, out=levels)), LEVELS / 2 - 0.5, float(LEVELS), exact=False)
    twister = states[tensor.name, model].copy()
    if only is not None:
        return Draws(torch.from_numpy(twister.below(only, count)), 0.5, 0.0, exact=True)
    drawn = twister.uniforms(count)
    return Draws(torch.from_numpy(np.negative(drawn, out=drawn)), 0.0, 1.0, exact=True)
