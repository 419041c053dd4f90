"""Arcee Fusion: take over only the expert's important changes (as in arcee-ai/mergekit; no paper)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from merging.blocks import BLOCK
from merging.operators.base import Kernel, Operator, Option, Options, Parameter, Prepared, TensorInputs, Values
from merging.operators.stacks import Stack

_TOOL_EPS = 1e-8


@dataclass(frozen=True)
class _Importance:
    """How far each row moved, and the quartiles of the importance of all elements.

    Args:
        moved: fp32, shape (rows, columns) without memory of its own; a row's divergence in each column.
        lower, median, upper: quartiles of ``|delta| * moved``.
    """

    moved: Tensor
    lower: np.float32
    median: np.float32
    upper: np.float32


class ArceeFusion(Operator):
    """``base + delta`` where the importance reaches ``median + spread * (upper - lower quartile)``, else base.

    The importance of an element is the magnitude of its change times the Kullback-Leibler divergence of the
    softmax of the expert's row from that of the base's row. Quartiles are over the tensor, whatever its size;
    mergekit estimates them on a random million elements of larger ones.
    """

    name = "arcee_fusion"
    summary = "Takes over an expert's changes where they are large and move their row."
    paper = "none"
    max_models = 1
    linear_flag = "NL"
    cost = "sort"
    parameters = (
        Parameter(
            "spread", "merge", True, 1.5, 0.0, 3.0,
            "Interquartile ranges above the median from which a change counts as important.",
        ),
    )  # fmt: skip
    options = (
        Option(
            "divergence",
            "exact",
            ("exact", "single"),
            "Compute divergences in fp64; or (mergekit) in fp32 with 1e-8 added to each probability, where "
            "rounding decides about small changes.",
        ),
    )
    mergekit: ClassVar[Options] = {"divergence": "single"}

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return the divergence of each row and the quartiles of the importance."""
        (delta,) = tensor.deltas
        if delta is None or not delta.numel():
            return None
        width = tensor.base.shape[-1] if tensor.base.ndim else 1
        changes = delta.view(-1, width)
        moved = _divergences(tensor.base.view(-1, width), changes, options["divergence"] == "single")
        importance = changes.abs().mul_(moved).view(-1).numpy()
        ranks = [int(share * (importance.size - 1)) for share in (0.25, 0.5, 0.75)]
        # numpy's vectorized sort is several times faster than its partition at three places.
        importance.sort()
        lower, median, upper = (importance[rank] for rank in ranks)
        return _Importance(moved.expand(-1, width), lower, median, upper)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind the spread; see :meth:`Operator.kernel`."""
        found, (delta,) = prepared.data, prepared.inputs.deltas
        if found is None or delta is None:
            return None
        base, flat = prepared.inputs.base.view(-1), delta.view(-1)
        stack = Stack((found.moved.shape[0],), found.moved.shape[1])
        # In fp32 step by step, so that elements exactly at the threshold stay on their side.
        threshold = float(found.median + np.float32(values.merge["spread"]) * (found.upper - found.lower))

        def kernel(span: slice, out: Tensor) -> None:
            importance = torch.abs(flat[span])
            for tile in stack.tiles(span):
                at = slice(tile.elements.start - span.start, tile.elements.stop - span.start)
                importance[at].view(tile.shape).mul_(found.moved[tile.rows, tile.columns])
            torch.mul(importance.ge_(threshold), flat[span], out=out)
            out.add_(base[span])

        return kernel


def _divergences(base: Tensor, changes: Tensor, single: bool) -> Tensor:
    """Return KL(softmax(expert row) || softmax(base row)) of each row, fp32, shape (rows, 1)."""
    found = torch.empty(base.shape[0], 1)
    step = max(1, BLOCK // base.shape[1])
    for start in range(0, base.shape[0], step):
        rows = slice(start, start + step)
        origin = base[rows].float()
        expert = origin + changes[rows]
        if single:
            p, q = (torch.softmax(one, dim=-1).add_(_TOOL_EPS) for one in (expert, origin))
            found[rows] = p.mul(torch.log(p / q)).sum(dim=-1, keepdim=True)
            continue
        origin = origin.double()
        p, q = (torch.log_softmax(one, dim=-1) for one in (origin + changes[rows], origin))
        found[rows] = p.exp().mul_(p - q).sum(dim=-1, keepdim=True).clamp_min_(0.0).float()
    return found
