"""The sparsify-and-elect family written out slowly in float64, straight from the formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

ELECTIONS = st.fixed_dictionaries(
    {
        "elect_on": st.sampled_from(("raw", "weighted")),
        "consensus": st.sampled_from(("sum", "count")),
        "on_draw": st.sampled_from(("base", "positive")),
        "normalize": st.booleans(),
        "divisor": st.sampled_from(("absolute", "signed")),
    }
)


def elected(vectors: Sequence[Tensor], weights: Sequence[float], options: Mapping[str, Any]) -> Tensor:
    """Elect a sign for each element and merge what agrees with it."""
    stacked = torch.stack([vector.double() for vector in vectors])
    by_expert = torch.tensor(weights, dtype=torch.float64).view(-1, *[1] * (stacked.ndim - 1))
    weighted = stacked * by_expert
    voting = weighted if options["elect_on"] == "weighted" else stacked * (by_expert != 0)
    total = (voting.sign() if options["consensus"] == "count" else voting).sum(0)
    sign = torch.where(total >= 0, 1.0, -1.0).double() if options["on_draw"] == "positive" else total.sign()
    agrees = (voting.sign() == sign) & (voting != 0)
    merged = (weighted * agrees).sum(0)
    if not options["normalize"]:
        return merged
    divisor = ((by_expert if options["divisor"] == "signed" else by_expert.abs()) * agrees).sum(0)
    return merged / torch.where(divisor == 0, 1.0, divisor)


def added(vectors: Sequence[Tensor], weights: Sequence[float], *, normalize: bool = False) -> Tensor:
    """Add weighted vectors."""
    total = sum(weights) if normalize else 1.0
    merged = sum(weight / total * vector.double() for vector, weight in zip(vectors, weights, strict=True))
    assert isinstance(merged, Tensor)
    return merged


def restored(vector: Tensor, thin: Tensor) -> Tensor:
    """Multiply what is left of a vector by what its L1 norm has lost."""
    after = float(thin.double().abs().sum())
    return thin.double() * (float(vector.double().abs().sum()) / after if after else 1.0)


def coarse(shape: tuple[int, ...], seed: int, steps: int = 8) -> Tensor:
    """Draw a vector whose elements are multiples of one step, as differences of 16-bit numbers are: many are equal."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul(steps).round().div(steps)
