"""Localize-and-Stitch: keep only the small part of each task vector that carries its skill (2408.13656)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from torch import Tensor

from evomerge.errors import RecipeError
from merging.calibration.localization import MaskTraining, learned_masks
from merging.calibration.model import LiveModel
from merging.calibration.options import BATCH_SIZE, DATA_OPTIONS, Calibration, opened
from merging.calibration.statistics import Stored, Task
from merging.operators.band import trimmed
from merging.operators.base import (
    LAMBDA,
    Kernel,
    MergeInputs,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.fills import Drawn, Fill, copied
from merging.operators.kernels import MeanKernel, spliced
from merging.operators.thresholds import Population, counted_populations, kept_elements, sorted_magnitudes
from merging.vectors import Vector

_MOST = 1e30
_DENSITY = Parameter(
    "density", "model", True, 0.05, 0.001, 0.2,
    "Fraction of the task vector that is kept by magnitude; learned masks have their own.",
    domain="positive_unit", coding="log",
)  # fmt: skip


class LocalizeAndStitch(Operator):
    """``base + lambda * sum_i mask_i delta_i / max(1, sum_j mask_j)``, element by element.

    A dataless mask holds the elements at least as large as the k-th largest of the expert's whole task vector,
    tensors that it does not change included as zeros; ties with it are all kept, zeros never. A search keeps the
    sorted magnitudes, 4 bytes per changed element and expert; a single merge selects in two passes and keeps
    nothing. A learned mask is found by gradient descent on the expert's labelled examples and costs one byte per
    element and expert on disk; ``density`` cannot change it.
    """

    name = "localize_and_stitch"
    summary = "Keeps the few elements of each task vector that carry its skill and averages where they overlap."
    paper = "2408.13656"
    by_span = True
    linear_flag = "LIN/M"
    cost = "calibration"
    data = "labelled"
    seeded = True
    parameters = (_DENSITY, LAMBDA)
    options = (
        Option(
            "masks",
            "dataless",
            ("dataless", "learned"),
            "Keep the largest elements, which needs no data, or learn what to keep from labelled examples.",
        ),
        *DATA_OPTIONS,
        BATCH_SIZE,
        Option("initial_density", 0.01, None, "Fraction that starts inside a learned mask (the code: 1e-5)."),
        Option("initial_logit", 5.0, None, "Logit of a learned mask's elements at the start, negative outside."),
        Option("learning_rate", 1e7, None, "Of learned masks; large, because task vectors are small."),
        Option("steps", 10, None, "Gradient steps of learned masks, each on all examples."),
        Option(
            "regularizer",
            "paper",
            ("paper", "literal"),
            "Shrink the mask's L1 norm (the paper), or drive its logits away from zero (the published code).",
        ),
        Option("regularizer_strength", 10.0, None, "Size of the regularizer's part of a step."),
    )  # fmt: skip

    def survey(self, inputs: MergeInputs, options: Options) -> tuple[Population | Stored, ...]:
        """Rank every expert's elements, or learn its mask."""
        if options["masks"] == "learned":
            return _learned(inputs, options)
        if inputs.once:
            return counted_populations(inputs, _asked)
        # The task vectors of a search are in memory or mapped anyway.
        tensors = list(inputs)
        total = sum(tensor.base.numel() for tensor in tensors)
        return tuple(
            sorted_magnitudes([v for t in tensors if (v := t.vectors[index]) is not None], total)
            for index in range(len(inputs.models))
        )

    def prepare(
        self, tensor: TensorInputs, options: Options, survey: tuple[Population | Stored, ...]
    ) -> tuple[Population | Tensor | None, ...]:
        """Return each expert's ranking or its mask of this tensor; None where it changes nothing."""
        return tuple(
            None if vector is None else found.tensor(tensor.name) if isinstance(found, Stored) else found
            for found, vector in zip(survey, tensor.vectors, strict=True)
        )

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind densities; see :meth:`Operator.kernel`.

        Raises:
            RecipeError: a density is given for learned masks.
        """
        learned = prepared.options["masks"] == "learned"
        densities, scale = values.model["density"], values.merge["lambda"]
        if learned and any(density != _DENSITY.default for density in densities):
            raise RecipeError(
                "recipe.coefficients.density",
                f"found {densities}, but learned masks have their own density",
                "leave it out, or set masks to dataless",
            )
        fills: list[Fill] = []
        for vector, found, density in zip(prepared.inputs.vectors, prepared.data, densities, strict=True):
            if vector is not None and found is not None:
                fills.append(Drawn(vector, found.view(-1), 0.5) if learned else _largest(vector, found, density))
        if not fills or scale == 0.0:
            return None
        return spliced(fills, lambda uniform: MeanKernel(prepared.inputs.flat, uniform, scale, [1.0] * len(fills)))


def _asked(tensor: TensorInputs) -> Sequence[float] | None:
    return None if tensor.values is None else tensor.values.model["density"]


def _largest(vector: Vector, population: Population, density: float) -> Fill:
    if density >= 1.0:
        return copied(vector)
    return trimmed(vector, population.magnitude(kept_elements(density, population.count)))


def _learned(inputs: MergeInputs, options: Options) -> tuple[Stored, ...]:
    training = _training(options)
    models, calibration = opened(inputs), Calibration.of(options, inputs.seed)
    live = functools.cache(lambda: LiveModel(models, device=calibration.device))
    task = Task(models, live, calibration, calibration.examples(inputs.models, labelled=True))
    everywhere = [training.density] * len(inputs.models)
    populations = functools.cache(lambda: counted_populations(inputs, lambda _: everywhere))

    def threshold(index: int) -> float:
        if training.density >= 1.0:
            return 0.0
        population = populations()[index]
        return population.magnitude(kept_elements(training.density, population.count))

    return tuple(
        learned_masks(task, expert, functools.partial(threshold, index), training)
        for index, expert in enumerate(inputs.models)
    )


def _training(options: Options) -> MaskTraining:
    training = MaskTraining(
        density=float(options["initial_density"]),
        start=float(options["initial_logit"]),
        learning_rate=float(options["learning_rate"]),
        steps=int(options["steps"]),
        regularizer=str(options["regularizer"]),
        strength=float(options["regularizer_strength"]),
    )
    for name, value, least in (
        ("initial_logit", training.start, 0.0),
        ("learning_rate", training.learning_rate, 0.0),
        ("steps", training.steps, 1),
        ("regularizer_strength", training.strength, 0.0),
    ):
        if not least <= value <= _MOST:
            raise RecipeError(f"recipe.options.{name}", f"found {value}", f"use a number in [{least}, {_MOST:g}]")
    if not 0.0 < training.density <= 1.0:
        raise RecipeError("recipe.options.initial_density", f"found {training.density}", "use a number in (0, 1]")
    return training
