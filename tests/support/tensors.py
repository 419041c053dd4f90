"""Random merge problems on bare tensors, and the checks that operators share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible
from merges import merge, prepared_by
from merging.coefficients import filled_options
from merging.operators import get_operator
from merging.operators.base import TensorInputs, Values

SHAPES = ((7,), (1, 6), (9, 4), (5, 12), (2, 3, 5))


@dataclass(frozen=True)
class Problem:
    """A base and task vectors that have a part in common."""

    base: Tensor
    deltas: tuple[Tensor, ...]

    def weights(self) -> list[Tensor]:
        """Return the experts in float64."""
        return [self.base.double() + delta.double() for delta in self.deltas]

    def vectors(self) -> list[Tensor]:
        """Return the task vectors in float64."""
        return [delta.double() for delta in self.deltas]

    def close(self, merged: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
        """Compare an fp32 merge with a float64 reference, relative to the largest value."""
        assert merged.shape == self.base.shape
        limit = tolerance * max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(merged.double(), expected, atol=limit, rtol=0.0)


def problem(seed: int, shape: tuple[int, ...], count: int, dtype: torch.dtype = torch.float32) -> Problem:
    """Draw one problem."""
    generator = torch.Generator().manual_seed(seed)
    base, common, *own = torch.randn(count + 2, *shape, generator=generator).unbind(0)
    size = float(torch.rand((), generator=generator)) + 0.05
    return Problem(base.to(dtype), tuple(size * (one + common) for one in own))


def problems(least: int = 1, most: int = 4, shapes: Sequence[tuple[int, ...]] = SHAPES) -> st.SearchStrategy[Problem]:
    """Return problems of several shapes, dtypes and numbers of experts."""
    dtypes = st.sampled_from((torch.float32, torch.bfloat16, torch.float16))
    return st.builds(problem, st.integers(0, 10**6), st.sampled_from(shapes), st.integers(least, most), dtypes)


def check_shared_rules(method: str, case: Problem, exact: bool = True, **settings: Any) -> None:
    """Check what holds for every operator with a base.

    No expert changes anything: the base comes out, bit for bit unless not ``exact``. A task vector of zeros is
    the same as none. Telling the coefficients before preparing, as a streamed merge does, changes no bit. The
    order of the experts (those that have no coefficients of their own) means nothing unless the operator says so.
    """
    nothing = merge(method, case.base, [None] * len(case.deltas), **settings)
    if exact:
        assert torch.equal(nothing, case.base.float())
    torch.testing.assert_close(nothing, case.base.float(), atol=1e-6, rtol=1e-6)
    missing: list[Tensor | None] = [*case.deltas[:-1], None]
    zero: list[Tensor | None] = [*case.deltas[:-1], torch.zeros(case.base.shape)]
    if len(case.deltas) > 1:
        assert torch.equal(merge(method, case.base, missing, **settings), merge(method, case.base, zero, **settings))
    merged = merge(method, case.base, case.deltas, **settings)
    assert bool(torch.isfinite(merged).all())
    assert torch.equal(merged, merge(method, case.base, case.deltas, once=True, **settings))
    if not get_operator(method).ordered and not any(isinstance(value, list) for value in settings.values()):
        case.close(merge(method, case.base, case.deltas[::-1], **settings), merged.double())


def check_damage(method: str, count: int, **settings: Any) -> None:
    """Check that NaN and infinity in an expert show in the merge or make it infeasible."""
    for value in (math.nan, math.inf, -math.inf):
        case = problem(1, (6, 5), count)
        case.deltas[0][2, 3] = value
        try:
            merged = merge(method, case.base, case.deltas, **settings)
        except Infeasible as error:
            assert "not finite" in str(error)
        else:
            assert not bool(torch.isfinite(merged).all())


def merge_named(
    method: str, name: str, case: Problem, config: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> Tensor:
    """Merge a tensor whose name and model configuration say what it holds, with default coefficients."""
    operator = get_operator(method)
    models = tuple("abcdefgh"[: len(case.deltas)])
    inputs = TensorInputs(name, case.base, models, case.deltas, config=config)
    values = Values(
        {p.name: (p.default,) * len(models) for p in operator.all_parameters() if p.scope == "model"},
        {p.name: p.default for p in operator.all_parameters() if p.scope == "merge"},
    )
    return operator.apply(prepared_by(operator, [inputs], filled_options(operator, options or {}))[name], values)
