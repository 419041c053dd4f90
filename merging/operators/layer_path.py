"""Layer paths: a model made of whole blocks of several models, in any number (data-flow space, 2403.13187)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from evomerge.errors import Infeasible
from merging.depth import check_stackable, is_output_projection, with_block
from merging.names import block_index
from merging.operators.base import (
    Kernel,
    MergeInputs,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    StepSlot,
    TensorInputs,
    Values,
)


@dataclass(frozen=True)
class Step:
    """One block on the path.

    Args:
        expert: position of the model among the recipe's models.
        block: its block.
        factor: what the block adds to the residual stream is multiplied by this.
    """

    expert: int
    block: int
    factor: float


@dataclass(frozen=True)
class Sources:
    """Where the tensors of one output tensor can come from: ``of(block)`` reads that block's tensor."""

    of: Callable[[int], TensorInputs]
    num_blocks: int
    depth: int
    output: int | None


class LayerPath(Operator):
    """Blocks of the experts in sequence, each step taken or left out, with the state scaled before each step.

    The steps are all blocks of the first expert, then all of the second and so on, ``repeats`` times over. A
    step is on the path where its ``include`` is at least 0.5. ``scale`` multiplies the hidden state that a
    step reads; because every block reads through a norm that ignores scale, the same function is an
    unscaled path whose block outputs are divided by the product of the scales so far (up to the norm's
    epsilon), and that is what is written: a standard checkpoint.

    A model opened with more blocks than the path needs keeps the rest as blocks that add nothing.
    """

    name = "layer_path"
    summary = "Strings whole blocks of the experts together, some left out, some taken again, with scaled inputs."
    paper = "2403.13187"
    needs_base = False
    linear_flag = "NL"
    ordered = True
    composes_depth = True
    parameters = (
        Parameter(
            "include", "step", False, 0.5, 0.0, 1.0, "The step is on the path where this is at least 0.5.",
            domain="unit",
        ),
        Parameter(
            "scale", "step", False, 1.0, 0.5, 1.5, "Multiplies the hidden state before the step; must be positive."
        ),
    )  # fmt: skip
    options = (
        Option("repeats", 1, None, "How often the whole sequence of blocks is on offer."),
        Option(
            "max_blocks", 0, None,
            "Longest path that a search may make, which its engine is built for; 0 is the base's own number of blocks.",
        ),
        Option(
            "ends", "base", ("base", "first", "last"),
            "Whose embedding, final norm and head are used: the base's, or an expert's of the recipe.",
        ),
    )  # fmt: skip

    def steps(self, models: Sequence[str], num_blocks: int, options: Options) -> tuple[StepSlot, ...]:
        """Return every step on offer; a search starts near the first expert as it is."""
        return tuple(
            StepSlot(
                f"pass {turn} {model} block {block}",
                {"include": 0.7 if turn == 0 and expert == 0 else 0.3, "scale": 1.0},
            )
            for turn in range(int(options["repeats"]))
            for expert, model in enumerate(models)
            for block in range(num_blocks)
        )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Return how to read any tensor: a block of the result comes from another block of a model.

        Raises:
            ModelError: the architecture's blocks cannot be rearranged.
        """
        if inputs.model_set is not None:
            check_stackable(f"model {inputs.model_set.base.name}", inputs.model_set.config, inputs.names)
        return inputs

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Find the tensors of all blocks that this one can be made of."""
        inputs: MergeInputs = survey
        name = tensor.name
        held: dict[int, TensorInputs] = {}

        def of(block: int) -> TensorInputs:
            if block not in held:
                held[block] = inputs.load(with_block(name, block))
            return held[block]

        if not inputs.once and block_index(name) is not None:
            for block in range(inputs.num_blocks):
                of(block)
        return Sources(of, inputs.num_blocks, inputs.depth or inputs.num_blocks, block_index(name))

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Copy the block that the path has at this place.

        Raises:
            Infeasible: the path is empty, longer than the opened model, or a scale is not positive.
        """
        sources: Sources = prepared.data
        if sources.output is None:
            return _end(prepared)
        path = path_of(values.steps, len(prepared.inputs.models), sources.num_blocks)
        if len(path) > sources.depth:
            raise Infeasible(f"the path has {len(path)} blocks, the model was opened with {sources.depth}")
        writes = is_output_projection(prepared.inputs.name)
        if sources.output >= len(path):
            return _zeros if writes else None
        step = path[sources.output]
        source = sources.of(step.block)
        return _copy(source, source.deltas[step.expert], step.factor if writes else 1.0)


def path_of(steps: Mapping[str, Sequence[float]], num_models: int, num_blocks: int) -> tuple[Step, ...]:
    """Return the blocks on the path.

    Args:
        steps: ``include`` and ``scale``, one value per step on offer.
        num_models: experts of the recipe.
        num_blocks: blocks of each.

    Raises:
        Infeasible: no step is included, or the scale of an included one is not positive.
    """
    path: list[Step] = []
    product = 1.0
    for index, (include, scale) in enumerate(zip(steps["include"], steps["scale"], strict=True)):
        if include < 0.5:
            continue
        if scale <= 0.0:
            raise Infeasible(f"step {index} has scale {scale:g}, which is not positive")
        product *= scale
        expert, block = divmod(index % (num_models * num_blocks), num_blocks)
        path.append(Step(expert, block, 1.0 / product))
    if not path:
        raise Infeasible("the path is empty: no step has include of 0.5 or more")
    return tuple(path)


def _end(prepared: Prepared) -> Kernel | None:
    ends = prepared.options["ends"]
    if ends == "base":
        return None
    delta = prepared.inputs.deltas[0 if ends == "first" else -1]
    return None if delta is None else _copy(prepared.inputs, delta, 1.0)


def _copy(source: TensorInputs, delta: Tensor | None, factor: float) -> Kernel:
    base = source.base.reshape(-1)
    change = None if delta is None else delta.view(-1)

    def kernel(span: slice, out: Tensor) -> None:
        out.copy_(base[span])
        if change is not None:
            out.add_(change[span])
        if factor != 1.0:
            out.mul_(factor)

    return kernel


def _zeros(span: slice, out: Tensor) -> None:
    out.zero_()
