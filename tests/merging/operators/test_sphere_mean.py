"""Multi-SLERP and the Karcher mean against iterations on the whole vectors, and the angles they are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError
from merges import merge
from merging.blocks import BLOCK
from merging.operators.gram import gram, products_along, squared_norm, vectors_of
from merging.operators.inputs import TensorInputs
from tensors import Problem, check_damage, check_shared_rules, problem, problems

ON = ("weights", "task_vectors")
shares = st.lists(st.floats(0.05, 1.0), min_size=4, max_size=4)


def arguments(case: Problem, vectors: str) -> list[Tensor]:
    return [v.flatten() for v in (case.weights() if vectors == "weights" else case.vectors())]


def placed(case: Problem, vectors: str, mean: Tensor) -> Tensor:
    return mean.view(case.base.shape) + (case.base.double() if vectors == "task_vectors" else 0.0)


def multislerp(vectors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The published steps: units, tangent space at their normalized mean, mean of projections, back."""
    units = [v / (v.norm() + 1e-8) for v in vectors]
    mean = sum((w * u for w, u in zip(weights, units, strict=True)), torch.zeros_like(units[0]))
    mean = mean / mean.norm()
    tangent = torch.zeros_like(mean)
    for weight, unit in zip(weights, units, strict=True):
        tangent += weight * (unit - unit.dot(mean) * mean)
    length = tangent.norm() + 1e-8
    size = float(sum(w * v.norm() for w, v in zip(weights, vectors, strict=True)))
    found: Tensor = size * (length.cos() * mean + length.sin() / length * tangent)
    return found


def karcher(vectors: Sequence[Tensor], weights: Sequence[float], steps: int = 10, tol: float = 1e-5) -> Tensor:
    total = sum(weights)
    units = [v / v.norm() for v in vectors]
    mean = sum((w / total * u for w, u in zip(weights, units, strict=True)), torch.zeros_like(units[0]))
    mean = mean / mean.norm()
    for _ in range(steps):
        tangent = torch.zeros_like(mean)
        for weight, unit in zip(weights, units, strict=True):
            cosine = unit.dot(mean).clamp(-1.0, 1.0)
            angle = cosine.arccos()
            if angle >= tol:
                tangent += weight / total * angle / angle.sin() * (unit - cosine * mean)
        length = tangent.norm()
        if length < tol:
            break
        mean = length.cos() * mean + length.sin() / length * tangent
        mean = mean / mean.norm()
    size = float(sum(w * v.norm() for w, v in zip(weights, vectors, strict=True)))
    found: Tensor = size / total * mean
    return found


@given(problems(), shares, st.booleans(), st.sampled_from(ON))
@settings(max_examples=25)
def test_multislerp_is_the_published_procedure(case: Problem, weight: list[float], normalize: bool, on: str) -> None:
    weight = weight[: len(case.deltas)]
    merged = merge("multislerp", case.base, case.deltas, weight=weight, options={"vectors": on, "normalize": normalize})
    used = [w / sum(weight) for w in weight] if normalize else weight
    case.close(merged, placed(case, on, multislerp(arguments(case, on), used)))


@given(problems(), shares, st.sampled_from(ON))
@settings(max_examples=25)
def test_karcher_from_inner_products_is_the_iteration_on_vectors(case: Problem, weight: list[float], on: str) -> None:
    weight = weight[: len(case.deltas)]
    merged = merge("karcher", case.base, case.deltas, weight=weight, options={"vectors": on})
    case.close(merged, placed(case, on, karcher(arguments(case, on), weight)))


@given(problems(), st.sampled_from(("multislerp", "karcher")), st.sampled_from(ON))
@settings(max_examples=20)
def test_shared_rules(case: Problem, method: str, on: str) -> None:
    check_shared_rules(method, case, exact=on == "task_vectors", options={"vectors": on})


@given(problems(2, 2), st.sampled_from(ON))
@settings(max_examples=15)
def test_karcher_of_two_is_slerp_half_way_between_directions_at_the_mean_length(case: Problem, on: str) -> None:
    first, second = arguments(case, on)
    angle = (first.dot(second) / first.norm() / second.norm()).arccos()
    middle = (angle / 2).sin() / angle.sin() * (first / first.norm() + second / second.norm())
    expected = placed(case, on, (first.norm() + second.norm()) / 2 * middle)
    case.close(merge("karcher", case.base, case.deltas, options={"vectors": on}), expected)


@given(problems(2, 4), shares)
@settings(max_examples=15)
def test_karcher_with_many_steps_ends_where_angles_balance(case: Problem, weight: list[float]) -> None:
    weight = weight[: len(case.deltas)]
    options = {"vectors": "task_vectors", "max_iter": 200, "tol": 1e-9}
    base = torch.zeros(case.base.shape)
    mean = merge("karcher", base, case.deltas, weight=weight, options=options).double().flatten()
    mean = mean / mean.norm()
    pull = torch.zeros_like(mean)
    for share, vector in zip(weight, arguments(case, "task_vectors"), strict=True):
        unit = vector / vector.norm()
        angle = unit.dot(mean).clamp(-1.0, 1.0).arccos()
        pull += share * angle * (unit - unit.dot(mean) * mean) / max(float(angle.sin()), 1e-12)
    assert float(pull.norm()) < 1e-4


@pytest.mark.parametrize("method", ["multislerp", "karcher"])
def test_equally_long_experts_give_a_mean_of_their_length(method: str) -> None:
    case = problem(1, (BLOCK + 11,), 3)
    deltas = [delta / delta.norm() for delta in case.deltas]
    merged = merge(method, torch.zeros_like(deltas[0]), deltas, options={"vectors": "task_vectors"})
    assert abs(float(merged.norm()) - 1.0) < 1e-5


def test_a_zero_expert_counts_in_the_length_of_a_karcher_mean_only() -> None:
    base, delta = torch.zeros(4), torch.tensor([3.0, 0.0, 4.0, 0.0])
    merged = merge("karcher", base, [delta, None], options={"vectors": "task_vectors"})
    torch.testing.assert_close(merged, delta / 2)


@pytest.mark.parametrize("method", ["multislerp", "karcher"])
def test_an_expert_of_weight_zero_does_not_count(method: str) -> None:
    case = problem(2, (6, 5), 3)
    options = {"vectors": "task_vectors"}
    without = merge(method, case.base, case.deltas[:2], weight=[0.3, 0.6], options=options)
    torch.testing.assert_close(
        merge(method, case.base, case.deltas, weight=[0.3, 0.6, 0.0], options=options), without, atol=1e-6, rtol=1e-6
    )
    # Only the expert of weight zero changes this tensor.
    idle = merge(method, case.base, [None, case.deltas[0]], weight=[1.0, 0.0], options=options)
    assert torch.equal(idle, case.base)


def test_opposite_experts_have_no_direction_between_them() -> None:
    base, delta = torch.ones(3), torch.tensor([1.0, 2.0, 2.0])
    with pytest.raises(Infeasible, match="cancel"):
        merge("multislerp", base, [delta, -2 * delta])
    linear = merge("multislerp", base, [delta, -2 * delta], options={"compat": "mergekit"})
    torch.testing.assert_close(linear, base - delta / 2)
    # The Karcher mean starts from the first expert then and stays there.
    stays = merge("karcher", base, [delta, -2 * delta], options={"vectors": "task_vectors"})
    torch.testing.assert_close(stays, base + 1.5 * delta)


@pytest.mark.parametrize("method", ["multislerp", "karcher"])
def test_weights_that_sum_to_zero_are_infeasible(method: str) -> None:
    with pytest.raises(Infeasible, match="sum to 0"):
        merge(method, torch.ones(3), [torch.ones(3), torch.ones(3)], weight=[0.0, 0.0])


@pytest.mark.parametrize(
    ("method", "option", "value"),
    [("karcher", "max_iter", 0), ("karcher", "tol", 0.0), ("karcher", "tol", math.nan), ("multislerp", "eps", -1e-8)],
)
def test_options_that_make_no_sense_are_refused(method: str, option: str, value: float) -> None:
    with pytest.raises(RecipeError, match="expected a number above 0") as caught:
        merge(method, torch.ones(3), [torch.ones(3)], options={option: value})
    assert caught.value.field == f"recipe.options.{option}"


@given(problems(2, 4, shapes=((BLOCK + 5,), (3, 7), (300, 301))), st.booleans())
@settings(max_examples=6)
def test_inner_products(case: Problem, on_weights: bool) -> None:
    inputs = TensorInputs("t", case.base, tuple("abcd"[: len(case.deltas)]), (None, *case.deltas[1:]))
    vectors = case.weights() if on_weights else case.vectors()
    vectors[0] = case.base.double() if on_weights else torch.zeros_like(vectors[0])
    flat = torch.stack([vector.flatten() for vector in vectors])
    found = torch.from_numpy(gram(vectors_of(inputs, on_weights), case.base.numel()))
    torch.testing.assert_close(found, flat @ flat.T, atol=1e-9, rtol=1e-12)
    assert math.isclose(squared_norm(case.deltas[1]), float(case.deltas[1].double().square().sum()), rel_tol=1e-12)
    if case.base.ndim == 2:
        parts = vectors_of(inputs, on_weights)
        for along, axis in (("row", 1), ("column", 0)):
            pairs = ((0, 1), (1, 1))
            products = products_along(parts, pairs, (case.base.shape[0], case.base.shape[1]), along)  # type: ignore[arg-type]
            expected = torch.stack([(vectors[i] * vectors[j]).sum(axis) for i, j in pairs])
            torch.testing.assert_close(products, expected, atol=1e-9, rtol=1e-12)


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize("method", ["multislerp", "karcher"])
def test_damaged_experts_show(method: str, on: str) -> None:
    check_damage(method, 3, options={"vectors": on})
