"""The merge as a sum of task vectors: what every expert's coefficient is, tensor by tensor, around a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from merging.chunks import plan_chunks
from merging.coefficients import filled_options, lines_factor, values_of
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.names import block_index
from merging.operators import get_operator
from merging.operators.arithmetic import normalized
from merging.operators.base import MergeInputs, TensorInputs
from merging.recipe import Recipe
from optimizer.search.interface import Vector
from optimizer.space import Genome

Ends = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Surrogate:
    """Coefficients ``c`` of ``base + sum_i c_i * delta_i`` in every part of every tensor.

    Args:
        ends: by tensor name, where its parts end; rows are these parts in this order.
        coefficients: at the point, shape (parts, experts).
        jacobian: their derivatives in the standardized coordinates, shape (parts, experts, dimension).
    """

    ends: Ends
    coefficients: Vector
    jacobian: Vector


def is_summed(recipe: Recipe) -> bool:
    """Return whether a recipe's merge is a weighted sum of task vectors, as they are or behind a mask."""
    operator = get_operator(recipe.method)
    weights = any(one.name == "weight" and one.scope == "model" for one in operator.all_parameters())
    # Without division by their sum, weights of the experts themselves scale the base as well.
    scales_base = not operator.needs_base and not filled_options(operator, recipe.options).get("normalize")
    return weights and operator.linear_flag in ("LIN", "LIN/M") and not scales_base


def surrogate(genome: Genome, point: Vector, inputs: MergeInputs) -> Surrogate:
    """Return the weighted sum that a merge is, or resembles: masks keep a random or fixed part of every task vector.

    ``c_i = f * lambda * w_i``, with the weights divided by their sum where the method does so, and f the LiNeS factor.
    """
    recipe = genome.decode(point)
    slots = _slots(Granularity.parse(recipe.granularity), inputs)
    options = filled_options(get_operator(recipe.method), recipe.options)
    divides = bool(options.get("normalize")) and recipe.method != "fisher"
    changes = genome.jacobian(point)
    values, jacobian = [], []
    known: dict[tuple[tuple[int, ...], int | None], tuple[Vector, Vector]] = {}
    for name, parts in slots.items():
        for _, own in parts:
            key = (own, block_index(name))
            if key not in known:
                known[key] = _part(recipe, genome, changes, own, name, inputs.num_blocks, divides)
            values.append(known[key][0])
            jacobian.append(known[key][1])
    ends = {name: tuple(end for end, _ in parts) for name, parts in slots.items()}
    return Surrogate(ends, np.array(values), np.array(jacobian))


def inputs_of(models: ModelSet, names: Sequence[str], seed: int = 0) -> MergeInputs:
    """Return the inputs of a merge, read whenever they are asked for."""

    def load(name: str) -> TensorInputs:
        deltas = tuple(models.delta(name, expert) for expert in names)
        return TensorInputs(name, models.base_tensor(name), tuple(names), deltas, seed, config=models.config)

    merged = tuple(name for name in models.tensor_names() if models.is_merged(name))
    sizes = {name: int(np.prod(models.tensor_info(name).shape, dtype=np.int64)) for name in merged}
    return MergeInputs(merged, tuple(names), models.num_blocks, load, seed, models, sizes=sizes)


def _slots(granularity: Granularity, inputs: MergeInputs) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """Return the parts of every tensor: where each ends, and its slots."""
    if granularity.chunks is None:
        return {
            name: [(inputs.size(name), granularity.slots_of(name, inputs.num_blocks))]
            for name in inputs.names
            if inputs.size(name)
        }
    plan = plan_chunks(inputs, granularity.chunks)
    return {name: [(piece.stop, (piece.slot,)) for piece in pieces] for name, pieces in plan.pieces.items()}


def _part(
    recipe: Recipe,
    genome: Genome,
    changes: Mapping[tuple[str, str | None], Vector],
    slots: tuple[int, ...],
    name: str,
    num_blocks: int,
    divides: bool,
) -> tuple[Vector, Vector]:
    """Return the coefficients of one part, shape (experts,), and their derivatives, shape (experts, dimension)."""
    found = values_of(recipe, recipe.models, slots)
    weights = np.array(found.model.get("weight", (1.0,) * len(recipe.models)))
    scale, factor = found.merge.get("lambda", 1.0), lines_factor(found, name, num_blocks)

    def change(parameter: str, owner: str | None) -> Vector:
        rows = changes.get((parameter, owner), np.zeros((1, genome.dimension)))
        mean: Vector = rows[0] if len(rows) == 1 else rows[list(slots)].mean(axis=0)
        return mean

    moved = np.array([change("weight", model) for model in recipe.models])
    if divides:
        total = weights.sum()
        weights = np.array(normalized(weights.tolist()))
        moved = (moved - weights[:, None] * moved.sum(axis=0)) / total
    depth = 0.0 if (block := block_index(name)) is None or num_blocks < 2 else block / (num_blocks - 1)
    tilted = change("lines_alpha", None) + depth * change("lines_beta", None)
    whole = scale * weights
    jacobian = factor * scale * moved + np.outer(weights, factor * change("lambda", None) + scale * tilted)
    return factor * whole, jacobian
