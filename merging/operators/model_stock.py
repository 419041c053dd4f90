"""Model Stock: how far to go from the base to the average of its fine-tunes (2403.19522)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor

from merging.operators.arithmetic import weighted_sum
from merging.operators.base import LAMBDA, Kernel, Operator, Option, Options, Prepared, TensorInputs, Values
from merging.operators.gram import Vector, gram, products_along, vectors_of
from merging.operators.stacks import matrices_of, scaled_sum

_TOOL_FLOOR = 1e-6


class ModelStock(Operator):
    """``base + lambda * t * mean_i(delta_i)``, ``t = N c / (1 + (N - 1) c)``, c the mean cosine of all pairs.

    The mean is over the N experts, those that leave a tensor alone included (they have cosine 0 with all
    others). It is meant for several fine-tunes on one task: between experts of different tasks, whose task
    vectors are nearly orthogonal, t is nearly 0 and the result nearly the base. ``lambda`` is ours: 1 is the paper.
    """

    name = "model_stock"
    summary = "Goes from the base to the experts' average as far as their angles say."
    paper = "2403.19522"
    min_models = 2
    by_span = True
    linear_flag = "NL"
    parameters = (LAMBDA,)
    options = (
        Option("angle", "tensor", ("tensor", "row"), "What one angle is measured over: a tensor, or each row of it."),
        Option(
            "ratio",
            "clamped",
            ("clamped", "literal"),
            "Keep t in [0, 1]; or (mergekit) take what the formula gives, 0 where it divides by zero, after "
            "raising products of norms to at least 1e-6.",
        ),
    )
    mergekit: ClassVar[Options] = {"ratio": "literal"}

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return t / N: a tensor of one element, or one tensor of shape (rows, 1) per matrix."""
        if all(vector is None for vector in tensor.vectors):
            return None
        literal = options["ratio"] == "literal"
        if tensor.base.ndim < 2 or options["angle"] == "tensor":
            products = torch.from_numpy(gram(vectors_of(tensor, on_weights=False), tensor.base.numel()))
            return _share(products[:, :, None], literal)
        deltas = [None if delta is None else matrices_of(tensor, delta) for delta in tensor.deltas]
        found = []
        for index, base in enumerate(matrices_of(tensor, tensor.base)):
            vectors: list[Vector] = [() if parts is None else (parts[index],) for parts in deltas]
            found.append(_share(_row_products(vectors, (base.shape[0], base.shape[1])), literal)[:, None])
        return tuple(found)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind lambda; see :meth:`Operator.kernel`."""
        inputs, shares, scale = prepared.inputs, prepared.data, values.merge["lambda"]
        if shares is None or scale == 0.0:
            return None
        if isinstance(shares, Tensor):
            return weighted_sum(inputs, 1.0, [scale * float(shares)] * len(inputs.models))
        return scaled_sum(inputs, None, [[share.mul(scale).float() for share in shares]] * len(inputs.models))


def _row_products(vectors: Sequence[Vector], shape: tuple[int, int]) -> Tensor:
    """Return the inner products of each row, shape (N, N, rows); only the upper triangle is filled."""
    count = len(vectors)
    pairs = [(i, j) for i in range(count) for j in range(i, count)]
    products = torch.zeros(count, count, shape[0], dtype=torch.float64)
    for (i, j), product in zip(pairs, products_along(vectors, pairs, shape, "row"), strict=True):
        products[i, j] = product
    return products


def _share(products: Tensor, literal: bool) -> Tensor:
    """Return t / N from inner products of shape (N, N, angles), as shape (angles,)."""
    count = len(products)
    norms = torch.stack([products[i, i].sqrt() for i in range(count)])
    cosine = torch.zeros_like(norms[0])
    pairs = list(combinations(range(count), 2))
    for i, j in pairs:
        size = norms[i] * norms[j]
        divisor = size.clamp_min(_TOOL_FLOOR) if literal else torch.where(size > 0.0, size, 1.0)
        cosine += (products[i, j] / divisor).clamp(-1.0, 1.0)
    cosine /= len(pairs)
    divisor = 1.0 + (count - 1) * cosine
    singular = divisor.abs() < _TOOL_FLOOR
    share = torch.where(singular, 0.0, cosine / torch.where(singular, 1.0, divisor))
    # Written so that NaN stays NaN.
    return share if literal else torch.where(cosine < 0.0, 0.0, share).clamp_max(1.0 / count)
