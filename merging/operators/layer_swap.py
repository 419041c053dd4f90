"""Layer swapping: outer blocks of a language expert around the middle blocks of a task expert (2410.01335)."""

from __future__ import annotations

import math
from typing import Any

from evomerge.errors import Infeasible
from merging.names import block_index
from merging.operators.arithmetic import weighted_sum
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


class LayerSwap(Operator):
    """Blocks from the bottom: language, average of both, task, average of both, language.

    The first expert is the language expert, the second the task expert. Widths are rounded to whole blocks,
    so that a continuous search can move them. Where they exceed the model, the language blocks come first,
    then the lower transition.
    """

    name = "layer_swap"
    summary = "Puts the outer blocks of a language expert around the middle blocks of a task expert."
    paper = "2410.01335"
    min_models = max_models = 2
    by_span = True
    linear_flag = "LIN"
    ordered = True
    parameters = (
        Parameter("bottom", "merge", False, 5.0, 2.0, 10.0, "Blocks of the language expert at the bottom."),
        Parameter("top", "merge", False, 2.0, 0.0, 6.0, "Blocks of the language expert at the top."),
        Parameter("bottom_transition", "merge", False, 1.0, 0.0, 3.0, "Averaged blocks above the bottom ones."),
        Parameter("top_transition", "merge", False, 1.0, 0.0, 3.0, "Averaged blocks below the top ones."),
    )
    options = (
        Option(
            "outside",
            "language",
            ("language", "task", "base"),
            "Where embeddings, final norm and head come from; the paper does not say.",
        ),
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Return the number of blocks."""
        return inputs.num_blocks

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the tensor's block (None outside the blocks) and the number of blocks."""
        return block_index(tensor.name), survey

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind widths; see :meth:`Operator.kernel`."""
        block, num_blocks = prepared.data
        if block is None:
            outside = str(prepared.options["outside"])
            shares = {"language": (1.0, 0.0), "task": (0.0, 1.0), "base": (0.0, 0.0)}[outside]
            return weighted_sum(prepared.inputs, 1.0, shares)
        bottom, top, lower, upper = (_blocks(name, values) for name in _WIDTHS)
        from_top = num_blocks - 1 - block
        if block < bottom or from_top < top:
            share = 1.0
        elif block < bottom + lower or from_top < top + upper:
            share = 0.5
        else:
            share = 0.0
        return weighted_sum(prepared.inputs, 1.0, (share, 1.0 - share))


_WIDTHS = tuple(parameter.name for parameter in LayerSwap.parameters)


def _blocks(name: str, values: Values) -> int:
    """Round a width to whole blocks, halves upwards."""
    width = math.floor(values.merge[name] + 0.5)
    if width < 0:
        raise Infeasible(f"{name} {values.merge[name]:g} is a negative number of blocks")
    return width
