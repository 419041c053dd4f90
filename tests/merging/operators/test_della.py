"""DELLA against the written-out method, its probabilities, ranks and draws."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from elections import ELECTIONS, added, coarse, elected, restored
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import SEED, merge, prepared_by
from merging.coefficients import filled_options
from merging.loops import Flat
from merging.operators import get_operator
from merging.operators.base import TensorInputs, Values
from merging.operators.fills import Rated
from merging.operators.kernels import ChoiceKernel
from merging.operators.ranks import magnitude_ranks
from merging.streams import uniform_levels
from merging.vectors import StoredVector
from tensors import Problem, check_shared_rules, problems

METHODS = ("della_linear", "della")


def probabilities(vector: Tensor, density: float, epsilon: float, scope: str) -> Tensor:
    """The paper's keep probability of each element, equal magnitudes in the order of their positions."""
    rows = vector.double().reshape(-1, vector.numel() if scope == "tensor" or vector.ndim < 2 else vector.shape[-1])
    if rows.shape[1] == 1:
        return torch.full(vector.shape, density, dtype=torch.float64)
    epsilon = min(epsilon, density, 1.0 - density)
    ranks = rows.abs().argsort(dim=1, stable=True).argsort(dim=1)
    return (density - epsilon + 2 * epsilon * ranks / (rows.shape[1] - 1)).view(vector.shape)


def dropped(vector: Tensor, p: Tensor, rescale: str, expert: str) -> tuple[Tensor, Tensor]:
    """Drop by the keyed draws; also say where a draw is too near its bound to tell."""
    draws = torch.from_numpy(uniform_levels(SEED, "t", expert, vector.numel())).double().view(vector.shape) + 32768.5
    close = ((draws - 65536 * p).abs() < 0.1) & (p > 0)
    kept = draws < 65536 * p
    thin = torch.where(kept, vector.double(), 0.0)
    if rescale == "l1":
        thin = restored(vector, thin)
    return (torch.where(kept, thin / p, 0.0) if rescale == "inverse_density" else thin), close


@settings(max_examples=25)
@given(
    problems(),
    ELECTIONS,
    st.sampled_from(["inverse_density", "l1", "none"]),
    st.sampled_from(["row", "tensor"]),
    st.data(),
)
@pytest.mark.parametrize("method", METHODS)
def test_equals_the_written_out_method(
    method: str, case: Problem, options: dict[str, Any], rescale: str, scope: str, data: st.DataObject
) -> None:
    count = len(case.deltas)
    weight = data.draw(st.lists(st.sampled_from([0.5, 1.0, 1.75]), min_size=count, max_size=count))
    # Multiples of 1/65536, in which keyed draws act.
    density = data.draw(st.lists(st.sampled_from([0.125, 0.5, 0.9375]), min_size=count, max_size=count))
    epsilon = data.draw(st.lists(st.sampled_from([0.0, 0.0625, 0.1, 0.4]), min_size=count, max_size=count))
    thin, close = [], torch.zeros(case.base.shape, dtype=torch.bool)
    for vector, share, window, expert in zip(case.deltas, density, epsilon, "abcd", strict=False):
        one, near = dropped(vector, probabilities(vector, share, window, scope), rescale, expert)
        thin.append(one)
        close |= near
    chosen: dict[str, Any] = {"rescale": rescale, "exempt_1d": False, "threshold_scope": scope}
    if method == "della":
        chosen |= options
        expected = elected(thin, weight, options)
    else:
        chosen["normalize"] = options["normalize"]
        expected = added(thin, weight, normalize=options["normalize"])
    found = merge(method, case.base, case.deltas, weight=weight, density=density, epsilon=epsilon, options=chosen)
    expected = case.base.double() + expected
    case.close(torch.where(close, expected.float(), found), expected, tolerance=2e-5)


@pytest.mark.parametrize("method", METHODS)
def test_without_a_window_it_is_dare(method: str) -> None:
    base, first, second = torch.zeros(30, 40), coarse((30, 40), 1), coarse((30, 40), 2)
    settings_: dict[str, Any] = {"density": [0.3, 0.71], "weight": [1.0, 0.5]}
    found = merge(method, base, [first, second], epsilon=[0.0, 0.0], **settings_)
    assert torch.equal(
        found,
        merge(method.replace("della", "dare") if "_" in method else "dare_ties", base, [first, second], **settings_),
    )


@pytest.mark.parametrize(("density", "epsilon"), [(0.5, 0.2), (0.1, 0.3), (0.95, 0.15)])
@pytest.mark.parametrize("columns", [1, 2, 50])
def test_the_mean_keep_rate_is_the_density_and_large_changes_are_kept_more_often(
    density: float, epsilon: float, columns: int
) -> None:
    vector = torch.rand(100_000 // columns, columns, generator=torch.Generator().manual_seed(0)) + 0.5
    options = {"rescale": "none"}
    merged = merge(
        "della_linear", torch.zeros_like(vector), [vector], density=[density], epsilon=[epsilon], options=options
    )
    kept = merged != 0
    assert torch.equal(merged[kept], vector[kept])
    # The variance of a Bernoulli sum is largest where all probabilities are equal.
    deviation = math.sqrt(density * (1 - density) / vector.numel())
    assert abs(float(kept.double().mean()) - density) < 5 * deviation
    if columns == 50:
        window = min(epsilon, density, 1 - density)
        upper = vector >= vector.median(dim=1, keepdim=True).values
        gap = float(kept[upper].double().mean() - kept[~upper].double().mean())
        assert abs(gap - window) < 0.02


def test_it_is_unbiased_over_seeds() -> None:
    vector = torch.linspace(-1.0, 1.0, 64).reshape(8, 8)
    runs = [
        merge("della_linear", torch.zeros(8, 8), [vector], density=[0.5], epsilon=[0.2], seed=seed)
        for seed in range(1500)
    ]
    # The smallest probability is 0.3, so no element's standard error exceeds |delta| * sqrt(0.7 / 0.3 / runs).
    error = (torch.stack(runs).mean(0) - vector).abs()
    assert bool((error <= 5 * vector.abs() * math.sqrt(0.7 / 0.3 / 1500)).all())


@pytest.mark.parametrize(("shape", "length"), [((7, 9), 9), ((3, 4, 5), 5), ((2, 33_000), 33_000), ((70, 1000), 1000)])
def test_ranks_are_stable_and_count_from_zero(shape: tuple[int, ...], length: int) -> None:
    vector = coarse(shape, 3, steps=20)
    rows = vector.reshape(-1, length).abs()
    expected = rows.argsort(dim=1, stable=True).argsort(dim=1).view(-1)
    assert torch.equal(magnitude_ranks(vector.reshape(-1), length).long(), expected)
    unstable = rows.argsort(dim=1).argsort(dim=1).view(-1)
    assert torch.equal(magnitude_ranks(vector.reshape(-1), length, as_torch=True).long(), unstable)


def test_ranks_hold_where_one_element_dwarfs_a_row_and_where_most_are_zero() -> None:
    crowded = 1e-9 * (1.0 + torch.rand(400, generator=torch.Generator().manual_seed(1)))
    rows = torch.stack([torch.cat([crowded[:399], torch.tensor([1e3])]), crowded * (torch.arange(400) % 40 == 0)])
    expected = rows.argsort(dim=1, stable=True).argsort(dim=1).view(-1)
    assert torch.equal(magnitude_ranks(rows.view(-1), 400).long(), expected)


@pytest.mark.parametrize("divides", [True, False])
@pytest.mark.parametrize("exact", [True, False])
def test_compiled_loops_keep_what_the_fill_keeps(divides: bool, exact: bool) -> None:
    size, seeds = 3000, torch.Generator().manual_seed(6)
    base = torch.randn(size, generator=seeds).bfloat16()
    vector = StoredVector((base.float() + torch.randn(size, generator=seeds) / 50).bfloat16(), base)
    levels = -torch.rand(size, generator=seeds) if exact else torch.randint(-32768, 32768, (size,)).short()
    ranks = torch.randperm(size, generator=seeds).int()
    bound = (0.0, 1.0) if exact else (32767.5, 65536.0)
    fills = [Rated(one, levels, ranks, size - 1, 0.2, 0.3, *bound, divides) for one in (vector, vector[:])]
    expected, found = torch.empty(size), torch.empty(size)
    fills[1](slice(0, size), expected)
    assert 0 < expected.count_nonzero() < size
    for fill in fills:
        ChoiceKernel(Flat(base), [fill], [1.0])(slice(0, size), found)
        assert torch.equal(found, base.float() + expected)
        fill(slice(0, size), found)
        assert torch.equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=8)
@given(case=problems(2, 3))
def test_shared_rules(method: str, case: Problem) -> None:
    check_shared_rules(method, case, density=[1.0] * len(case.deltas))
    for options in ({}, {"compat": "mergekit"}, {"threshold_scope": "tensor"}):
        once = merge(method, case.base, case.deltas, options=options, once=True)
        assert torch.equal(once, merge(method, case.base, case.deltas, options=options))


def test_under_mergekit_it_draws_what_torch_bernoulli_draws() -> None:
    operator = get_operator("della_linear")
    options = filled_options(operator, {"compat": "mergekit", "rescale": "none", "equal_magnitudes": "torch_sort"})
    vectors = {"a": coarse((40, 33), 1), "b": coarse((64,), 2)}
    inputs = [TensorInputs(n, torch.zeros(v.shape), ("x",), (v,), seed=4) for n, v in vectors.items()]
    prepared = prepared_by(operator, inputs, options)
    values = Values({"weight": (1.0,), "density": (0.45,), "epsilon": (0.15,)}, {"lambda": 1.0})
    generator = torch.Generator().manual_seed(4)
    for name, vector in vectors.items():
        rows = vector.view(-1, vector.shape[-1])
        ranks = rows.abs().argsort(dim=1).argsort(dim=1).float()
        mask = torch.bernoulli(ranks / (rows.shape[1] - 1) * 2 * 0.15 + (0.45 - 0.15), generator=generator)
        assert torch.equal(operator.apply(prepared[name], values), (rows * mask).view(vector.shape))
