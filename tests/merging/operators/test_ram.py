"""RAM and RAM+ against the written-out method."""

from __future__ import annotations

import math

import pytest
import torch
from elections import coarse
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merges import merge, prepared_by
from merging.coefficients import filled_options
from merging.operators import get_operator
from merging.operators.base import TensorInputs, Values
from tensors import Problem, check_damage, check_shared_rules, problems

METHODS = ("ram", "ramplus_tl")


def slow(deltas: list[Tensor], epsilon: float, r: float, alpha: float, overlap: list[float] | None = None) -> Tensor:
    """Unique parts amplified, shared parts averaged."""
    stacked = torch.stack([delta.double() for delta in deltas])
    active = stacked.abs() > torch.tensor(epsilon).double()
    count = active.sum(0)
    merged = torch.zeros_like(stacked[0])
    for index, (vector, mine) in enumerate(zip(stacked, active, strict=True)):
        rho = ratio(mine, count) if overlap is None else overlap[index]
        gain = 1.0 + r * min(rho, alpha)
        merged += vector * mine * torch.where(count == 1, gain, 1.0 / count.clamp_min(1))
    return merged


def ratio(mine: Tensor, count: Tensor) -> float:
    shared, own = int((mine & (count > 1)).sum()), int((mine & (count == 1)).sum())
    return shared / own if own else math.inf if shared else 0.0


@settings(max_examples=25)
@given(
    problems(),
    st.sampled_from([0.0, 1e-5, 0.3, 1.0]),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.sampled_from([0.2, 1.0]),
)
@pytest.mark.parametrize("method", METHODS)
def test_equals_the_written_out_method(method: str, case: Problem, epsilon: float, r: float, alpha: float) -> None:
    settings_ = {} if method == "ram" else {"r": r, "alpha": alpha}
    found = merge(method, case.base, case.deltas, lam=0.7, options={"epsilon": epsilon}, **settings_)
    expected = slow(list(case.deltas), epsilon, settings_.get("r", 0.0), alpha)
    case.close(found, case.base.double() + 0.7 * expected)


def test_known_answers() -> None:
    """Element 0 is unchanged, 1 and 2 belong to one expert each, 3 and 4 to both."""
    first, second = torch.tensor([[0.0, 1.0, 0.0, 2.0, 4.0]]), torch.tensor([[0.0, 0.0, -2.0, 4.0, 0.5]])
    base = torch.zeros(1, 5)
    assert torch.equal(merge("ram", base, [first, second]), torch.tensor([[0.0, 1.0, -2.0, 3.0, 2.25]]))
    # Both share two elements and own one: rho is 2, which alpha limits to 0.5.
    plus = merge("ramplus_tl", base, [first, second], r=0.5, alpha=0.5)
    assert torch.equal(plus, torch.tensor([[0.0, 1.25, -2.5, 3.0, 2.25]]))


@pytest.mark.parametrize("method", METHODS)
def test_one_expert_alone_is_the_expert(method: str) -> None:
    base, vector = torch.ones(5, 5), coarse((5, 5), 1)
    assert torch.equal(merge(method, base, [vector]), base + vector)


def test_overlap_over_the_whole_model() -> None:
    operator = get_operator("ramplus_tl")
    options = filled_options(operator, {"overlap_scope": "global"})
    generator = torch.Generator().manual_seed(0)
    deltas = {
        name: [torch.randn(shape, generator=generator) * (torch.rand(shape, generator=generator) < 0.5) for _ in "xyz"]
        for name, shape in (("a", (20, 30)), ("b", (300,)))
    }
    deltas["b"][2].zero_()
    counts = {name: (torch.stack(vectors) != 0).sum(0) for name, vectors in deltas.items()}
    everything = torch.cat([count.flatten() for count in counts.values()])
    overlap = [
        ratio(torch.cat([deltas[name][index].flatten() != 0 for name in deltas]), everything) for index in range(3)
    ]
    inputs = [
        TensorInputs(
            name,
            torch.zeros(vectors[0].shape),
            ("x", "y", "z"),
            (vectors[0], vectors[1], None if name == "b" else vectors[2]),
        )
        for name, vectors in deltas.items()
    ]
    prepared = prepared_by(operator, inputs, options)
    values = Values({}, {"r": 0.3, "alpha": 1.4, "lambda": 1.0})
    for name, vectors in deltas.items():
        expected = slow(vectors, 1e-5, 0.3, 1.4, overlap)
        torch.testing.assert_close(operator.apply(prepared[name], values).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=8)
@given(case=problems(2, 3))
def test_shared_rules(method: str, case: Problem) -> None:
    check_shared_rules(method, case)


@pytest.mark.parametrize("method", METHODS)
def test_damage_shows(method: str) -> None:
    check_damage(method, 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epsilon", [-1e-9, math.inf, math.nan])
def test_an_epsilon_that_compares_nothing_is_refused(method: str, epsilon: float) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.options\.epsilon"):
        merge(method, torch.zeros(2), [torch.ones(2)], options={"epsilon": epsilon})
