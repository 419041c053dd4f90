"""DARE against the written-out method, and the two ways to draw."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from elections import ELECTIONS, added, elected, restored
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import SEED, merge, prepared_by
from merging.coefficients import filled_options
from merging.operators import get_operator
from merging.operators.base import TensorInputs, Values
from merging.streams import uniform_levels
from tensors import Problem, check_shared_rules, problems

DENSITIES = st.sampled_from([0.1, 0.5, 0.93, 1.0])


def dropped(vector: Tensor, density: float, rescale: str, expert: str) -> Tensor:
    """Drop by the keyed draws: uniform over 65536 values, kept below the density's share of them."""
    if density >= 1.0:
        return vector.double()
    draws = torch.from_numpy(uniform_levels(SEED, "t", expert, vector.numel())).double() + 32768
    levels = max(1, round(density * 65536))
    thin = vector.double() * (draws < levels).view(vector.shape)
    if rescale == "l1":
        return restored(vector, thin)
    return thin * 65536 / levels if rescale == "inverse_density" else thin


@settings(max_examples=25)
@given(problems(), ELECTIONS, st.sampled_from(["inverse_density", "l1", "none"]), st.data())
@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_equals_the_written_out_method(
    method: str, case: Problem, options: dict[str, Any], rescale: str, data: st.DataObject
) -> None:
    count = len(case.deltas)
    weight = data.draw(st.lists(st.sampled_from([0.5, 1.0, 1.75]), min_size=count, max_size=count))
    density = data.draw(st.lists(DENSITIES, min_size=count, max_size=count))
    thin = [
        dropped(vector, share, rescale, expert)
        for vector, share, expert in zip(case.deltas, density, "abcd", strict=False)
    ]
    chosen: dict[str, Any] = {"rescale": rescale, "exempt_1d": False}
    if method == "dare_ties":
        chosen |= options
        expected = elected(thin, weight, options)
    else:
        chosen["normalize"] = options["normalize"]
        expected = added(thin, weight, normalize=options["normalize"])
    found = merge(method, case.base, case.deltas, weight=weight, density=density, lam=0.7, options=chosen)
    case.close(found, case.base.double() + 0.7 * expected)


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
@settings(max_examples=8)
@given(case=problems(2, 3))
def test_shared_rules(method: str, case: Problem) -> None:
    check_shared_rules(method, case, density=[1.0] * len(case.deltas))
    for options in ({}, {"compat": "mergekit"}):
        once = merge(method, case.base, case.deltas, options=options, once=True)
        assert torch.equal(once, merge(method, case.base, case.deltas, options=options))


def test_sequential_draws_are_one_bernoulli_stream_over_tensors_and_experts() -> None:
    """What a program that calls torch.bernoulli tensor by tensor, expert by expert, would draw."""
    operator = get_operator("dare_linear")
    options = filled_options(operator, {"draws": "sequential", "rescale": "none", "exempt_1d": False})
    shapes = {"b": (5, 3), "a": (40,), "c": (70_003,)}
    inputs = [TensorInputs(n, torch.zeros(s), ("x", "y"), (torch.ones(s), None), seed=9) for n, s in shapes.items()]
    prepared = prepared_by(operator, inputs, options)
    values = Values({"weight": (1.0, 1.0), "density": (0.3, 0.6)}, {"lambda": 1.0})
    generator = torch.Generator().manual_seed(9)
    for name in sorted(shapes):
        first = torch.bernoulli(torch.full(shapes[name], 0.3), generator=generator)
        torch.bernoulli(torch.full(shapes[name], 0.6), generator=generator)
        assert torch.equal(operator.apply(prepared[name], values), first)


def test_sequential_draws_keep_more_as_the_density_grows() -> None:
    vector = torch.ones(64, 64)
    options = {"draws": "sequential", "rescale": "none"}
    sparse, dense = (
        merge("dare_linear", torch.zeros_like(vector), [vector], density=[d], options=options) != 0 for d in (0.3, 0.6)
    )
    assert bool((dense | ~sparse).all())
    assert 0.25 < float(sparse.float().mean()) < 0.35


def test_an_element_is_kept_from_the_density_on_that_its_draw_lies_below() -> None:
    level = int(uniform_levels(SEED, "t", "a", 1)[0]) + 32768
    for density, kept in ((level / 65536, False), ((level + 1) / 65536, True)):
        merged = merge("dare_linear", torch.zeros(1, 1), [torch.ones(1, 1)], density=[density])
        assert bool(merged.any()) == kept


def test_next_to_nothing_is_not_rescaled() -> None:
    """Below an L1 norm of 1e-7 mergekit leaves what is kept as it is."""
    vector = torch.full((10, 10), 1e-10)
    merged = merge("dare_linear", torch.zeros(10, 10), [vector], density=[0.5], options={"rescale": "l1"})
    assert set(merged.unique().tolist()) == {0.0, float(vector[0, 0])}
