"""SCE against the written-out method in its three variants."""

from __future__ import annotations

import pytest
import torch
from elections import coarse, elected
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import merge
from tensors import Problem, check_damage, check_shared_rules, problems

VARIANTS = ("paper", "official", "mergekit")
RULES = {"elect_on": "raw", "consensus": "sum", "on_draw": "positive", "normalize": True, "divisor": "absolute"}


EQUAL = ("all", "by_position", "torch_topk")


def slow(deltas: list[Tensor], select_topk: float, variant: str, equal: str = "all") -> Tensor:
    """Select, calculate, erase."""
    stacked = torch.stack([delta.double() for delta in deltas])
    masked = stacked
    if select_topk < 1.0:
        variance = stacked.var(0, unbiased=False).float().flatten()
        kept = int(select_topk * int((variance != 0).sum()))
        mask = torch.zeros(len(variance), dtype=torch.bool)
        if kept and equal == "torch_topk":
            mask[torch.topk(variance, kept).indices] = True
        elif kept and equal == "by_position":
            mask[variance.argsort(descending=True, stable=True)[:kept]] = True
        elif kept:
            mask = variance >= variance.sort(descending=True).values[kept - 1]
        masked = stacked * mask.view(stacked.shape[1:])
    energy = masked.square().flatten(1).mean(1)
    total = float(energy.sum())
    weights = (
        energy / total if total and (variant != "mergekit" or total >= 1e-6) else torch.ones(len(deltas)) / len(deltas)
    )
    return elected(list(stacked if variant == "official" else masked), weights.tolist(), RULES)


@settings(max_examples=25)
@given(problems(), st.sampled_from([0.05, 0.3, 0.9, 1.0]), st.sampled_from([1.0, 1e-4]), st.booleans())
@pytest.mark.parametrize("variant", VARIANTS)
def test_equals_the_written_out_method(
    variant: str, case: Problem, select_topk: float, size: float, once: bool
) -> None:
    deltas = [size * delta for delta in case.deltas]
    base = torch.zeros(case.base.shape)
    found = merge("sce", base, deltas, select_topk=select_topk, lam=0.7, options={"variant": variant}, once=once)
    expected = 0.7 * slow(deltas, select_topk, variant)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6 * size)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.5]), st.sampled_from(VARIANTS), st.booleans())
@pytest.mark.parametrize("equal", EQUAL)
def test_selection_among_equal_variances(equal: str, seed: int, select_topk: float, variant: str, once: bool) -> None:
    deltas = [coarse((30, 8), seed + index, steps=2) for index in range(2)]
    options = {"variant": variant, "equal_variances": equal}
    found = merge("sce", torch.zeros(30, 8), deltas, select_topk=select_topk, options=options, once=once)
    torch.testing.assert_close(found.double(), slow(deltas, select_topk, variant, equal), rtol=1e-5, atol=1e-6)


def test_mergekits_preset_selects_exactly_as_many_the_first_of_equal_ones() -> None:
    deltas = [coarse((30, 8), index, steps=2) for index in range(2)]
    found = merge("sce", torch.zeros(30, 8), deltas, select_topk=0.5, options={"compat": "mergekit"})
    torch.testing.assert_close(found.double(), slow(deltas, 0.5, "mergekit", "by_position"), rtol=1e-5, atol=1e-6)


def test_equal_experts_give_the_expert_unless_a_selection_finds_no_difference() -> None:
    base, vector = torch.ones(4, 4), coarse((4, 4), 1)
    for variant in VARIANTS:
        options = {"variant": variant}
        assert torch.equal(merge("sce", base, [vector, vector], select_topk=1.0, options=options), base + vector)
        selected = merge("sce", base, [vector, vector], select_topk=0.5, options=options)
        assert torch.equal(selected, base + vector if variant == "official" else base)


def test_doubling_a_task_vector_quadruples_its_weight() -> None:
    """Both agree everywhere, so the merge is the weighted mean: (1 * 1 + 4 * 2) / 5."""
    vector = torch.ones(3, 3)
    torch.testing.assert_close(merge("sce", torch.zeros(3, 3), [vector, 2 * vector], select_topk=1.0), vector * 9 / 5)


def test_mergekit_weighs_small_task_vectors_equally() -> None:
    vector = torch.full((3, 3), 1e-4)
    merged = merge("sce", torch.zeros(3, 3), [vector, 2 * vector], select_topk=1.0, options={"compat": "mergekit"})
    torch.testing.assert_close(merged, 1.5 * vector)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=8)
@given(case=problems(2, 3))
def test_shared_rules(variant: str, case: Problem) -> None:
    check_shared_rules("sce", case, options={"variant": variant})
    check_shared_rules("sce", case, options={"variant": variant}, select_topk=1.0)


def test_damage_shows() -> None:
    check_damage("sce", 2)
    check_damage("sce", 2, select_topk=1.0)
