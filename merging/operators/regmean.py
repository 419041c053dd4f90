"""RegMean: merge each linear layer so that its outputs on the experts' own inputs change least (2212.09849)."""

from __future__ import annotations

import functools

from torch import Tensor

from evomerge.errors import RecipeError
from merging.calibration.gram import gram_matrices, sequential_gram_matrices
from merging.calibration.model import LiveModel
from merging.calibration.options import BATCH_SIZE, DATA_OPTIONS, Calibration, opened
from merging.calibration.regression import mean_delta, regression
from merging.calibration.statistics import Stored, Task
from merging.operators.arithmetic import weighted_sum
from merging.operators.base import (
    LAMBDA,
    Kernel,
    MergeInputs,
    Operator,
    Option,
    Options,
    Prepared,
    TensorInputs,
    Values,
)


class RegMean(Operator):
    """``base + lambda * (merged - base)``, merged by regression in linear layers and the mean everywhere else.

    Embeddings, the head, norms and biases are averaged, and so are matrices that transformers does not apply as
    a linear layer (the stacked experts of a mixture). Gram matrices take 4 bytes times the square of the layer's
    width for each expert and each distinct layer input, in memory while they are collected and on disk; the
    solution is kept in fp32, 4 bytes per element.
    """

    name = "regmean"
    summary = "Merges each linear layer by least squares, so that its outputs on the experts' inputs stay."
    paper = "2212.09849"
    linear_flag = "MAT"
    cost = "calibration"
    data = "text"
    seeded = True
    parameters = (LAMBDA,)
    options = (
        *DATA_OPTIONS,
        BATCH_SIZE,
        Option(
            "off_diagonal", 0.9, None, "Multiplies the Gram matrices beside the diagonal: 1 is plain least squares."
        ),
        Option(
            "sequential",
            False,
            (False, True),
            "RegMean++ (2508.03121): block by block, on the hidden states that the merge so far makes.",
        ),
    )

    def survey(self, inputs: MergeInputs, options: Options) -> tuple[Stored, ...]:
        """Collect the Gram matrices of every expert, or find them in the cache."""
        off_diagonal = float(options["off_diagonal"])
        if not 0.0 <= off_diagonal <= 1.0:
            raise RecipeError("recipe.options.off_diagonal", f"found {off_diagonal}", "use a number in [0, 1]")
        models, calibration = opened(inputs), Calibration.of(options, inputs.seed)
        live = functools.cache(lambda: LiveModel(models, device=calibration.device))
        task = Task(models, live, calibration, calibration.examples(inputs.models))
        if options["sequential"]:
            return sequential_gram_matrices(task, inputs.models, off_diagonal)
        return tuple(gram_matrices(task, expert) for expert in inputs.models)

    def prepare(self, tensor: TensorInputs, options: Options, survey: tuple[Stored, ...]) -> Tensor | None:
        """Return the merged task vector of one tensor at ``lambda`` 1; None where it is zero."""
        grams = [stored.tensor(tensor.name) for stored in survey]
        if all(gram is None for gram in grams):
            return mean_delta(tensor.deltas)
        return regression(grams, tensor.deltas, float(options["off_diagonal"]))

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind lambda; see :meth:`Operator.kernel`."""
        return weighted_sum(prepared.inputs, 1.0, [values.merge["lambda"]], [prepared.data])
