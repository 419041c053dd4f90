"""WIDEN against its steps, column by column, and what its guards change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import merge
from tensors import Problem, check_damage, check_shared_rules, merge_named, problem, problems

MATRICES = ((9, 4), (5, 12), (1, 6), (6, 1))
thresholds, calibrations = st.sampled_from((0.5, 1.0, 1.3)), st.sampled_from((0.2, 1.0, 1.2))


def ranks(changes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Place of each column among its expert's columns in ascending order, equal ones by position."""
    found = np.empty(changes.shape)
    for row, values in enumerate(changes):
        for place, column in enumerate(np.argsort(values, kind="stable")):
            found[row, column] = place
    return found


def scores(values: np.ndarray[Any, Any], above: float, calibration: float) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = np.exp(values) / np.exp(values).sum(0)
    found[values > above * values.mean(1, keepdims=True) + 1e-12] = calibration
    return found


def factors(case: Problem, above: float, calibration: float) -> np.ndarray[Any, Any]:
    """c of each expert and column of a matrix."""
    base, experts = case.base.double().numpy(), [expert.numpy() for expert in case.weights()]
    lengths, turns = [], []
    for expert in experts:
        before, after = np.linalg.norm(base, axis=0), np.linalg.norm(expert, axis=0)
        lengths.append(np.abs(after - before))
        turns.append(1.0 - (base * expert).sum(0) / before / after)
    # A column of one row keeps its direction or turns round: rounding must not order the former.
    both = [ranks(np.stack(one).round(13)) / base.shape[1] for one in (lengths, turns)]
    found: np.ndarray[Any, Any] = np.mean([scores(one, above, calibration) for one in both], axis=0)
    return found


def reference(case: Problem, above: float, calibration: float) -> Tensor:
    total: Tensor = case.base.double()
    for own, vector in zip(factors(case, above, calibration), case.vectors(), strict=True):
        total = total + torch.from_numpy(own) * vector
    return total


@given(problems(1, 4, shapes=((9, 4), (5, 12), (8, 7))), thresholds, calibrations)
@settings(max_examples=25)
def test_the_steps_on_matrices(case: Problem, above: float, calibration: float) -> None:
    merged = merge("widen", case.base, case.deltas, above_average=above, calibration=calibration)
    case.close(merged, reference(case, above, calibration))


@given(problems(1, 4, shapes=((9, 4), (5, 12))))
@settings(max_examples=10)
def test_columns_of_the_embedding_are_tokens(case: Problem) -> None:
    turned = Problem(case.base.T.contiguous(), tuple(delta.T.contiguous() for delta in case.deltas))
    merged = merge_named("widen", "model.embed_tokens.weight", turned, {})
    case.close(merged.T, reference(case, 1.0, 1.0))
    head = merge_named("widen", "lm_head.weight", case, {})
    case.close(head, reference(case, 1.0, 1.0))


@given(problems(1, 4, shapes=((7,), (40,))), thresholds, calibrations)
@settings(max_examples=15)
def test_vectors_compare_their_elements(case: Problem, above: float, calibration: float) -> None:
    changes = np.stack([vector.abs().numpy() for vector in case.vectors()])
    expected = case.base.double()
    for own, vector in zip(scores(changes, above, calibration), case.vectors(), strict=True):
        expected = expected + torch.from_numpy(own) * vector
    case.close(merge("widen", case.base, case.deltas, above_average=above, calibration=calibration), expected)


@given(problems(), st.sampled_from(("ignored", "ranked")))
@settings(max_examples=20)
def test_shared_rules(case: Problem, unchanged: str) -> None:
    check_shared_rules("widen", case, options={"unchanged": unchanged})


@given(problems(2, 3))
@settings(max_examples=15)
def test_an_expert_equal_to_the_base_changes_nothing_unless_it_is_ranked(case: Problem) -> None:
    without = merge("widen", case.base, case.deltas)
    assert torch.equal(merge("widen", case.base, [*case.deltas, None]), without)


def test_the_literal_version_lets_an_idle_expert_lower_the_others() -> None:
    case = problem(3, (4, 9), 2)
    ranked = merge("widen", case.base, [*case.deltas, None], options={"unchanged": "ranked"})
    assert not torch.equal(ranked, merge("widen", case.base, case.deltas))
    # Ranks of equal changes go by position, 0/9 to 8/9.
    three = Problem(case.base, (*case.deltas, torch.zeros(4, 9)))
    case.close(ranked, reference(three, 1.0, 1.0))


@given(problems(2, 4, shapes=MATRICES), thresholds, calibrations)
@settings(max_examples=15)
def test_weights_lie_between_zero_and_one_or_the_calibration(case: Problem, above: float, calibration: float) -> None:
    weight = [1.0] + [0.0] * (len(case.deltas) - 1)
    merged = merge("widen", case.base, case.deltas, weight=weight, above_average=above, calibration=calibration)
    share = (merged.double() - case.base.double()) / case.deltas[0].double()
    big = case.deltas[0].abs() > 1e-2
    assert float(share[big].min()) > -1e-3
    assert float(share[big].max()) < max(1.0, calibration) + 1e-3


def test_weights_scale_each_expert() -> None:
    case = problem(5, (6, 8), 2)
    apart = [merge("widen", case.base, case.deltas, weight=weight) for weight in ([0.5, 0.0], [0.0, -2.0])]
    both = merge("widen", case.base, case.deltas, weight=[0.5, -2.0])
    torch.testing.assert_close(both - case.base, sum(apart) - 2 * case.base, atol=1e-6, rtol=1e-5)


def test_columns_of_zeros_have_no_direction_but_are_merged() -> None:
    base = torch.tensor([[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]])
    first = torch.tensor([[1.0, -1.0, 0.0], [1.0, -2.0, 0.0]])
    merged = merge("widen", base, [first, None])
    # Only one expert is compared, so every score is a softmax of one or the calibration: 1.
    assert torch.equal(merged, base + first)
    second = merge("widen", base, [first, 0.5 * first])
    assert bool(torch.isfinite(second).all())


@pytest.mark.parametrize("size", [1e-6, 1e-4])
def test_small_turns_are_ranked_without_cancellation(size: float) -> None:
    """1 - cos is below 1e-9 here; twice the turn of column 1 must still rank above that of column 0."""
    base = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    delta = size * torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 0.5]])
    other = size * torch.tensor([[0.0, 0.0, 0.0], [2.0, 1.0, 4.0]])
    merged = merge("widen", base, [delta, other], above_average=10.0).double() - base.double()
    turns, lengths = np.array([[1, 2, 0], [1, 0, 2]]) / 3, np.array([[1, 2, 0], [1, 0, 2]]) / 3
    found = np.mean([scores(one, 10.0, 1.0) for one in (turns, lengths)], axis=0)
    expected = sum(torch.from_numpy(c) * d.double() for c, d in zip(found, (delta, other), strict=True))
    torch.testing.assert_close(merged, expected, atol=size * 1e-5, rtol=0.0)


@pytest.mark.parametrize("unchanged", ["ignored", "ranked"])
def test_damaged_experts_show(unchanged: str) -> None:
    check_damage("widen", 3, options={"unchanged": unchanged})
