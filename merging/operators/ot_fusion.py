"""Transformer fusion: transport the neurons of one model onto another's, then average (2310.05719)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from merging.alignment.activations import activations
from merging.alignment.matching import Model
from merging.alignment.transport import Maps, Policy, Settings, Solver, transport
from merging.calibration.options import BATCH_SIZE, DATA_OPTIONS
from merging.operators.base import (
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
from merging.operators.rebasin import expert, interpolate, pair_of


@dataclass(frozen=True)
class Transported:
    """The pair of models with the maps found for the second one."""

    model: Model
    maps: Maps


class OtFusion(Operator):
    """``(1 - t) * first + t * transported second``.

    Maps are found from the input to the output of the model: MLP neurons by their own, attention heads as
    whole heads (key-value heads, then query heads inside them), the residual stream by ``policy``. The paper
    shows image classifiers and BERT; decoders with rotary embeddings are our extension, and without
    fine-tuning the fusion of unrelated models stays far below its parents. For models of one ancestor
    every map is close to the identity. Both models must have the same shapes.
    """

    name = "ot_fusion"
    summary = "Transports the neurons of the second expert onto the first's by optimal transport, then averages."
    paper = "2310.05719"
    needs_base = False
    min_models = max_models = 2
    linear_flag = "NL"
    cost = "iterative"
    seeded = True
    ordered = True
    parameters = (
        Parameter(
            "t", "merge", True, 0.5, 0.0, 1.0, "Position between the first expert (0) and the transported second (1).",
            domain="unit",
        ),
    )  # fmt: skip
    options = (
        Option(
            "compare", "weights", ("weights", "activations"),
            "What makes two neurons alike: their incoming weights, or their activations on calibration data.",
        ),
        Option("solver", "emd", ("emd", "sinkhorn"), "Exact optimal transport, or its entropic smoothing."),
        Option("regularization", 0.06, None, "Strength of Sinkhorn's smoothing, costs being at most 1."),
        Option(
            "policy", "mean", ("mean", "residual", "branch", "identity"),
            "Map of the residual stream behind a block: the mean of stream and branch, one of them, or no map at all.",
        ),
        *DATA_OPTIONS,
        BATCH_SIZE,
    )  # fmt: skip

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Find all maps.

        Raises:
            ModelError: what the axes of a tensor count is not known.
            RecipeError: activations are to be compared and there is no usable calibration data.
        """
        model = pair_of(inputs)
        features = activations(inputs, options, model) if options["compare"] == "activations" else None
        settings = Settings(
            cast(Solver, options["solver"]), float(options["regularization"]), cast(Policy, options["policy"])
        )
        return Transported(model, transport(model, settings, features))

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the task vector of the transported second expert."""
        found: Transported = survey
        matrices = found.model.matrices[tensor.name]
        moved = found.maps.move(expert(tensor, 1), matrices, found.model.config, found.model.heads.size)
        return moved - tensor.base.float()

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind t; see :meth:`Operator.kernel`."""
        return interpolate(prepared, prepared.data, values.merge["t"])
