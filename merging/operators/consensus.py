"""Sign election and disjoint merge, the second half of TIES (2306.01708), on sparsified task vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from merging.blocks import BLOCK
from merging.operators.base import Kernel, Option, Options, TensorInputs

_TINY = torch.finfo(torch.float32).tiny

Fill = Callable[[slice, Tensor], None]
"""Writes one expert's sparsified task vector for a span into a buffer."""


def copied(flat: Tensor) -> Fill:
    """Return the fill that keeps every element."""

    def fill(span: slice, out: Tensor) -> None:
        out.copy_(flat[span])

    return fill


ELECTION_OPTIONS = (
    Option(
        "elect_on",
        "raw",
        ("raw", "weighted"),
        "Elect each sign on the plain sum of task vectors (the paper) or on the weighted sum.",
    ),
    Option(
        "on_draw",
        "base",
        ("base", "positive"),
        "Where the sum is exactly zero: keep the base value (sign 0 agrees with nobody), or elect plus.",
    ),
    Option(
        "normalize",
        True,
        (True, False),
        "Divide by the absolute weights of the experts that agree (a mean), or only sum.",
    ),
)


@dataclass(frozen=True)
class Elector:
    """One expert in an election: how to get its sparsified task vector, and its non-zero weight."""

    fill: Fill
    weight: float


def consensus_kernel(
    inputs: TensorInputs, electors: Sequence[Elector], scale: float, options: Options
) -> Kernel | None:
    """Return the kernel of ``base + scale * disjoint merge``; None where nothing is merged.

    Each element elects the sign of the sum over experts; the merge takes the values that agree with it.
    Experts of weight zero have no vote. With negative weights the mean divides by absolute weights, so
    that it never divides by a sum near zero.
    """
    if not electors or scale == 0.0:
        return None
    base = inputs.base.view(-1)
    weighted = options["elect_on"] == "weighted"
    vectors = [torch.empty(BLOCK) for _ in electors]
    total_buffer, divisor_buffer = torch.empty(BLOCK), torch.empty(BLOCK)

    def kernel(span: slice, out: Tensor) -> None:
        size = out.numel()
        total, divisor = total_buffer[:size].zero_(), divisor_buffer[:size].zero_()
        for elector, buffer in zip(electors, vectors, strict=True):
            vote = buffer[:size]
            elector.fill(span, vote)
            if weighted:
                vote.mul_(elector.weight)
            total.add_(vote)
        sign = _elected(total, options)
        out.zero_()
        for elector, buffer in zip(electors, vectors, strict=True):
            agreeing = buffer[:size].mul_(sign).clamp_min_(0.0)
            out.add_(agreeing, alpha=1.0 if weighted else elector.weight)
            if options["normalize"]:
                divisor.add_(agreeing.sign_(), alpha=abs(elector.weight))
        out.mul_(sign)
        if options["normalize"]:
            # Where nobody agrees the numerator is zero too; any positive divisor leaves it zero.
            out.div_(divisor.clamp_min_(_TINY))
        if scale != 1.0:
            out.mul_(scale)
        out.add_(total.copy_(base[span]))

    return kernel


def _elected(total: Tensor, options: Options) -> Tensor:
    """Turn the sum over experts into -1, 0 or +1, in place."""
    if options["on_draw"] == "positive":
        return total.ge_(0.0).mul_(2.0).sub_(1.0)
    return total.sign_()
