"""VaRM: shares of the squared change by model, block, matrix and element."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible
from merges import merge, prepared_by
from merging.coefficients import filled_options
from merging.operators import get_operator
from merging.operators.base import TensorInputs, Values
from tensors import Problem, check_damage, check_shared_rules, merge_named, problem, problems

exponents = st.sampled_from((0.0, 0.5, 1.0, 1.7))


def reference(bases: Sequence[Tensor], deltas: Sequence[Sequence[Tensor]], exponent: float) -> list[Tensor]:
    """Merge the tensors of one unit: mean squared change to a power, divided by the sum over experts."""
    energy = torch.stack([sum((d.double().square().sum() for d in own), torch.zeros(())) for own in deltas])
    share = energy**exponent / (energy**exponent).sum()
    return [
        base.double() + sum(w * own[i].double() for w, own in zip(share, deltas, strict=True))
        for i, base in enumerate(bases)
    ]


@given(problems(), exponents)
@settings(max_examples=20)
def test_the_formula_by_matrix(case: Problem, exponent: float) -> None:
    merged = merge("varm", case.base, case.deltas, exponent=exponent)
    case.close(merged, reference([case.base], [[d] for d in case.deltas], exponent)[0])


@given(problems(), exponents)
@settings(max_examples=20)
def test_the_formula_by_element(case: Problem, exponent: float) -> None:
    vectors = torch.stack(case.vectors())
    powers = vectors.square() ** exponent
    expected = case.base.double() + (powers * vectors).sum(0) / powers.sum(0)
    case.close(merge("varm", case.base, case.deltas, exponent=exponent, options={"unit": "parameter"}), expected)


@given(problems(), st.sampled_from(("model", "layer", "matrix", "parameter")), exponents)
@settings(max_examples=20)
def test_shared_rules(case: Problem, unit: str, exponent: float) -> None:
    check_shared_rules("varm", case, exponent=exponent, options={"unit": unit})


NAMES = ("model.embed_tokens.weight", *(f"model.layers.{i}.mlp.{kind}_proj.weight" for i in (0, 1) for kind in "ab"))
UNITS: dict[str, list[tuple[str, ...]]] = {
    "model": [NAMES],
    "layer": [NAMES[:1], NAMES[1:3], NAMES[3:]],
    "matrix": [(name,) for name in NAMES],
}


@pytest.mark.parametrize("unit", UNITS)
def test_units_of_several_tensors(unit: str) -> None:
    cases = {name: problem(seed, (3 + seed, 4), 3) for seed, name in enumerate(NAMES)}
    tensors = [TensorInputs(name, case.base, ("a", "b", "c"), case.deltas) for name, case in cases.items()]
    operator = get_operator("varm")
    prepared = prepared_by(operator, tensors, filled_options(operator, {"unit": unit}))
    for group in UNITS[unit]:
        deltas = [[cases[name].deltas[i] for name in group] for i in range(3)]
        for name, expected in zip(group, reference([cases[n].base for n in group], deltas, 1.0), strict=True):
            cases[name].close(operator.apply(prepared[name], Values({}, {"exponent": 1.0})), expected)


def test_identical_experts_give_the_expert_and_exponent_zero_the_average() -> None:
    case = problem(1, (4, 5), 1)
    delta = case.deltas[0]
    for unit in ("model", "layer", "matrix", "parameter"):
        options = {"unit": unit}
        same = merge("varm", case.base, [delta, delta, delta], options=options)
        torch.testing.assert_close(same, case.base + delta, atol=1e-6, rtol=1e-6)
        plain = merge("varm", case.base, [delta, 2 * delta, None], exponent=0.0, options=options)
        torch.testing.assert_close(plain, case.base + delta, atol=1e-6, rtol=1e-6)


def test_doubling_a_task_vector_multiplies_its_raw_weight_by_four() -> None:
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    merged = merge("varm", torch.zeros(1, 2), [first, 2 * second])
    torch.testing.assert_close(merged, torch.tensor([[1 / 5, 4 / 5 * 2]]))


def test_tiny_changes_do_not_underflow() -> None:
    base, delta = torch.zeros(2, 2), torch.full((2, 2), 1e-12)
    for unit in ("matrix", "parameter"):
        merged = merge("varm", base, [delta, 3 * delta], exponent=2.0, options={"unit": unit})
        torch.testing.assert_close(merged, delta * (1 + 81 * 3) / 82, atol=1e-16, rtol=1e-5)


def test_a_fused_tensor_has_one_unit_per_projection() -> None:
    config = {"num_attention_heads": 2, "num_key_value_heads": 1}
    case = problem(2, (8, 6), 2)
    merged = merge_named("varm", "model.layers.0.self_attn.qkv_proj.weight", case, config)
    for rows in (slice(0, 4), slice(4, 6), slice(6, 8)):
        part = Problem(case.base[rows], tuple(delta[rows] for delta in case.deltas))
        part.close(merged[rows], reference([part.base], [[d] for d in part.deltas], 1.0)[0])


def test_a_negative_exponent_is_infeasible() -> None:
    with pytest.raises(Infeasible, match="negative"):
        merge("varm", torch.ones(2), [torch.ones(2)], exponent=-0.5)


@pytest.mark.parametrize("unit", ["model", "layer", "matrix", "parameter"])
def test_damaged_experts_show(unit: str) -> None:
    check_damage("varm", 3, options={"unit": unit})
