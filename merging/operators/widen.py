"""WIDEN: weights per column from how far its magnitude and its direction moved (2408.03092)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from merging.operators.base import (
    WEIGHT_DOC,
    Kernel,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.gram import Vector, products_along
from merging.operators.stacks import constant, matrices_of, scaled_sum


@dataclass(frozen=True)
class _Statistic:
    """How much each expert changed each column, by one measure.

    Args:
        changes: fp64, shape (experts, columns).
        means: their means over the columns, shape (experts, 1).
        scores: softmax of the changes over the experts.
    """

    changes: Tensor
    means: Tensor
    scores: Tensor

    @classmethod
    def of(cls, changes: Tensor, means: Tensor) -> _Statistic:
        """Compute the scores."""
        return cls(changes, means, torch.softmax(changes, dim=0))


@dataclass(frozen=True)
class _Matrix:
    """The statistics of one matrix.

    Args:
        experts: those that are compared, by index.
        statistics: ranks of the changes in magnitude and in direction; for a vector the changes themselves.
        by_row: what is compared are rows (tokens of an embedding), else columns.
    """

    experts: tuple[int, ...]
    statistics: tuple[_Statistic, ...]
    by_row: bool


class Widen(Operator):
    """``base[:, j] + sum_i weight_i * c_ij * delta_i[:, j]`` for every column j of every matrix.

    Each expert's columns are ranked by how much their length changed, and by how much their direction did;
    c_ij is the mean of two scores, each a softmax of the ranks over the experts, or ``calibration`` where the
    rank exceeds ``above_average`` times the mean rank. Columns of the input embedding are tokens. In
    one-dimensional tensors the elements' own changes stand for ranks. The c_ij of a column can sum to more
    than 1.
    """

    name = "widen"
    summary = "Weights each column by how far its length and direction moved, compared over the experts."
    paper = "2408.03092"
    linear_flag = "NL"
    cost = "sort"
    parameters = (
        Parameter("weight", "model", True, 1.0, 0.0, 1.5, WEIGHT_DOC),
        Parameter(
            "above_average", "merge", True, 1.0, 0.5, 2.0,
            "Multiple of an expert's mean rank above which a column counts as important.",
        ),
        Parameter("calibration", "merge", True, 1.0, 0.2, 1.2, "Score of an important column."),
    )  # fmt: skip
    options = (
        Option(
            "unchanged",
            "ignored",
            ("ignored", "ranked"),
            "Experts that leave a matrix alone do not count in it; or, as the paper's code has it, they are ranked "
            "by position and lower the scores of the others.",
        ),
    )

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the statistics of each matrix."""
        if all(delta is None for delta in tensor.deltas):
            return None
        parts = [None if delta is None else matrices_of(tensor, delta) for delta in tensor.deltas]
        by_row = tensor.layout.role == "embedding"
        found = []
        for index, base in enumerate(matrices_of(tensor, tensor.base)):
            own = [None if part is None else part[index] for part in parts]
            ranked = options["unchanged"] == "ranked"
            experts = tuple(i for i, part in enumerate(own) if ranked or (part is not None and bool(part.any())))
            changed = [own[i] for i in experts]
            statistics: tuple[_Statistic, ...] = ()
            if experts:
                statistics = _of_vector(base, changed) if tensor.base.ndim < 2 else _of_matrix(base, changed, by_row)
            found.append(_Matrix(experts, statistics, by_row))
        return tuple(found)

    def binds_late(self, options: Options) -> bool:
        """Say yes: every row or column has a factor of its own."""
        return True

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind weights, threshold and calibration; see :meth:`Operator.kernel`."""
        if prepared.data is None:
            return None
        weights = values.model["weight"]
        factors: list[list[Tensor]] = [[] for _ in weights]
        for matrix in prepared.data:
            scores = _scores(matrix, values.merge["above_average"], values.merge["calibration"])
            for i, weight in enumerate(weights):
                own = scores.get(i)
                factors[i].append(constant(0.0) if own is None else own.mul(weight).float())
        return scaled_sum(prepared.inputs, None, factors)


def _scores(matrix: _Matrix, above_average: float, calibration: float) -> dict[int, Tensor]:
    """Return the factor c of each compared expert, of a shape that broadcasts over the matrix."""
    if not matrix.experts:
        return {}
    total = torch.zeros_like(matrix.statistics[0].scores)
    for one in matrix.statistics:
        total += torch.where(one.changes > above_average * one.means, calibration, one.scores)
    mean = total / len(matrix.statistics)
    return {i: own[:, None] if matrix.by_row else own[None, :] for i, own in zip(matrix.experts, mean, strict=True)}


def _of_vector(base: Tensor, changed: Sequence[Tensor | None]) -> tuple[_Statistic]:
    zero = torch.zeros(base.numel(), dtype=torch.float64)
    changes = torch.stack([zero if part is None else part.reshape(-1).double().abs() for part in changed])
    return (_Statistic.of(changes, changes.mean(dim=1, keepdim=True)),)


def _of_matrix(base: Tensor, changed: Sequence[Tensor | None], by_row: bool) -> tuple[_Statistic, ...]:
    vectors: list[Vector] = [(base,), *(() if part is None else (part,) for part in changed)]
    count = len(vectors)
    pairs = [(0, 0), *((0, i) for i in range(1, count)), *((i, i) for i in range(1, count))]
    shape = (base.shape[0], base.shape[1])
    products = products_along(vectors, pairs, shape, "row" if by_row else "column")
    lengths, directions = _changes(products[0], products[1:count], products[count:])
    return _ranks(lengths), _ranks(directions)


def _changes(base: Tensor, mixed: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    """Return the changes in length and direction from ``|b|^2``, ``<b, d>`` and ``|d|^2`` without cancellation.

    The direction of a zero column counts as orthogonal to every other direction and equal to another zero's.
    """
    square = (base + 2.0 * mixed + change).clamp_min(0.0)
    before, after = base.sqrt(), square.sqrt()
    both = before + after
    lengths = torch.where(both > 0.0, (2.0 * mixed + change).abs() / both, 0.0)
    defined = (base > 0.0) & (square > 0.0)
    cosine = torch.where(defined, (base + mixed) / (before * after), 0.0)
    squared_sine = (base * change - mixed.square()).clamp_min(0.0) / (base * square)
    turned = torch.where(cosine > 0.0, squared_sine / (1.0 + cosine), 1.0 - cosine)
    return lengths, torch.where(defined, turned, torch.where(both > 0.0, 1.0, 0.0))


def _ranks(changes: Tensor) -> _Statistic:
    """Rank each expert's columns, equal ones by position, as fractions in [0, 1)."""
    count = changes.shape[1]
    order = torch.argsort(changes, dim=1, stable=True)
    places = torch.arange(count, dtype=torch.float64).expand_as(changes)
    ranks = torch.empty_like(changes).scatter_(1, order, places) / count
    # Written so that the middle rank of an odd number is equal to the mean to the last bit.
    return _Statistic.of(ranks, torch.full((len(changes), 1), (count - 1) / 2.0, dtype=torch.float64) / count)
