"""Model Breadcrumbs against the written-out method, and at the edges where fractions meet."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from elections import ELECTIONS, added, coarse, elected, restored
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible
from merges import merge
from tensors import Problem, check_damage, check_shared_rules, problems

METHODS = ("breadcrumbs", "breadcrumbs_ties")
DENSITIES = st.sampled_from([0.05, 0.3, 0.7, 1.0])
GAMMAS = st.sampled_from([0.0, 0.01, 0.3, 1.0])


def counts(density: float, gamma: float, size: int, overlap: str) -> tuple[int, int]:
    """How many elements are kept, and how many larger ones go."""
    kept, outliers = int(density * size), int(gamma * size)
    if overlap == "density":
        return kept, min(outliers, size - kept)
    kept = max(1, min(kept, size - outliers))
    return kept, min(outliers, size - kept)


def masked(vector: Tensor, density: float, gamma: float, overlap: str, rule: str, scope: str = "tensor") -> Tensor:
    """Keep what lies between two places of each sorted row."""
    rows = vector.reshape(
        1 if scope == "tensor" or vector.ndim < 2 else -1,
        *([-1] if scope == "tensor" or vector.ndim < 2 else [vector.shape[-1]]),
    )
    size = rows.shape[1]
    kept, outliers = counts(density, gamma, size, overlap)
    order = rows.abs().argsort(dim=1, stable=rule != "torch_sort")
    chosen = order[:, size - outliers - kept : size - outliers]
    mask = torch.zeros(rows.shape, dtype=torch.bool).scatter_(1, chosen, True)
    if rule == "all" and kept:
        inside = rows.abs().gather(1, chosen)
        low, high = inside.amin(1, keepdim=True), inside.amax(1, keepdim=True)
        mask = (rows.abs() >= low) & (rows.abs() <= high)
    return (rows.double() * mask).view(vector.shape)


@settings(max_examples=25)
@given(problems(), ELECTIONS, st.sampled_from(["none", "l1"]), st.sampled_from(["tensor", "row"]), st.data())
@pytest.mark.parametrize("method", METHODS)
def test_equals_the_written_out_method(
    method: str, case: Problem, options: dict[str, Any], rescale: str, scope: str, data: st.DataObject
) -> None:
    count = len(case.deltas)
    weight = data.draw(st.lists(st.sampled_from([0.5, 1.0, 1.75]), min_size=count, max_size=count))
    density = data.draw(st.lists(DENSITIES, min_size=count, max_size=count))
    gamma = data.draw(st.lists(GAMMAS, min_size=count, max_size=count))
    overlap = data.draw(st.sampled_from(["gamma", "density"]))
    thin = [
        masked(vector, share, part, overlap, "by_position", scope)
        for vector, share, part in zip(case.deltas, density, gamma, strict=True)
    ]
    if rescale == "l1":
        thin = [restored(vector, one) for vector, one in zip(case.deltas, thin, strict=True)]
    chosen: dict[str, Any] = {"rescale": rescale, "exempt_1d": False, "threshold_scope": scope, "overlap": overlap}
    if method == "breadcrumbs_ties":
        chosen |= options
        expected = elected(thin, weight, options)
    else:
        chosen["normalize"] = options["normalize"]
        expected = added(thin, weight, normalize=options["normalize"])
    found = merge(method, case.base, case.deltas, weight=weight, density=density, gamma=gamma, lam=0.7, options=chosen)
    case.close(found, case.base.double() + 0.7 * expected)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([(41,), (9, 7), (3, 5, 4)]), DENSITIES, GAMMAS, st.booleans())
@pytest.mark.parametrize("rule", ["all", "by_position", "torch_sort"])
@pytest.mark.parametrize("overlap", ["gamma", "density"])
def test_choice_among_equal_magnitudes(
    overlap: str, rule: str, seed: int, shape: tuple[int, ...], density: float, gamma: float, once: bool
) -> None:
    vector = coarse(shape, seed, steps=3)
    options = {"equal_magnitudes": rule, "overlap": overlap, "exempt_1d": False}
    found = merge(
        "breadcrumbs", torch.zeros(shape), [vector], density=[density], gamma=[gamma], options=options, once=once
    )
    assert torch.equal(found.double(), masked(vector, density, gamma, overlap, rule))


def test_without_outliers_it_is_the_trim_of_ties() -> None:
    vector = coarse((40, 30), 1)
    trimmed = merge("ties", torch.zeros(40, 30), [vector], density=[0.3], options={"threshold_scope": "tensor"})
    assert torch.equal(merge("breadcrumbs", torch.zeros(40, 30), [vector], density=[0.3], gamma=[0.0]), trimmed)


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("scope", ["tensor", "row"])
def test_small_tensors_do_not_vanish(size: int, scope: str) -> None:
    vector = torch.arange(1.0, size + 1).view(1, size)
    for gamma in (0.006, 1.0):
        options = {"threshold_scope": scope}
        merged = merge("breadcrumbs", torch.zeros(1, size), [vector], density=[0.05], gamma=[gamma], options=options)
        assert int((merged != 0).sum()) == 1


def test_equal_outliers_do_not_take_the_tensor_with_them() -> None:
    vector = torch.full((10, 10), -2.0)
    assert torch.equal(merge("breadcrumbs", torch.zeros(10, 10), [vector], density=[0.15], gamma=[0.1]), vector)


def test_under_mergekit_a_tensor_too_small_for_its_density_vanishes_and_density_one_keeps_outliers() -> None:
    small, vector = torch.ones(1, 3), coarse((6, 6), 2)
    options = {"compat": "mergekit"}
    assert not merge("breadcrumbs", torch.zeros(1, 3), [small], density=[0.2], options=options).any()
    whole = merge("breadcrumbs", torch.zeros(6, 6), [vector], density=[1.0], gamma=[0.2], options=options)
    assert torch.equal(whole, vector)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", [{}, {"threshold_scope": "row"}, {"compat": "mergekit"}])
@settings(max_examples=8)
@given(case=problems(2, 3))
def test_shared_rules(method: str, options: dict[str, str], case: Problem) -> None:
    check_shared_rules(method, case, options=options)


@pytest.mark.parametrize("scope", ["tensor", "row"])
def test_outliers_that_are_not_finite_are_not_dropped_in_silence(scope: str) -> None:
    for method in METHODS:
        check_damage(method, 2, gamma=[0.2, 0.2], options={"threshold_scope": scope})
    with pytest.raises(Infeasible, match="task vector of a is not finite"):
        merge("breadcrumbs", torch.zeros(2, 2), [torch.tensor([[1.0, float("inf")], [2.0, 3.0]])])
