"""Evo-Merging against its formula, and what the product form does to signs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merges import merge
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators.base import Factors
from merging.recipe import Recipe

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
unit = st.floats(0.0, 1.0)
signed = st.floats(-1.5, 1.5)


def problem(seed: int, dtype: torch.dtype, ranks: tuple[int, ...]) -> tuple[Tensor, list[Factors]]:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(9, 7, generator=generator).to(dtype)
    factors = [
        Factors(torch.randn(9, rank, generator=generator), torch.randn(rank, 7, generator=generator)) for rank in ranks
    ]
    return base, factors


def products(factors: list[Factors]) -> list[Tensor]:
    return [one.b @ one.a for one in factors]


def kept(a: Tensor, alpha: float) -> Tensor:
    """The formula, element by element, in fp64."""
    values = sorted((abs(float(x)) for x in a.reshape(-1)), reverse=True)
    if alpha == 0.0:
        return torch.zeros_like(a, dtype=torch.float64)
    least = values[max(1, int(alpha * len(values))) - 1] if alpha < 1.0 else 0.0
    rows = [[float(x) if abs(float(x)) >= least else 0.0 for x in row] for row in a]
    return torch.tensor(rows, dtype=torch.float64)


@given(
    st.integers(0, 99),
    st.sampled_from(DTYPES),
    st.sampled_from(["exact", "factors"]),
    st.lists(unit, min_size=3, max_size=3),
    st.lists(signed, min_size=3, max_size=3),
)
@settings(max_examples=25)
def test_equals_the_formula(
    seed: int, dtype: torch.dtype, form: str, alphas: list[float], weights: list[float]
) -> None:
    base, factors = problem(seed, dtype, (2, 2, 2))
    terms = [(w, one.b.double(), kept(one.a, alpha)) for w, one, alpha in zip(weights, factors, alphas, strict=True)]
    # What is not kept takes no part at all, its B included.
    terms = [term if alpha else (0.0, *term[1:]) for term, alpha in zip(terms, alphas, strict=True)]
    if form == "exact":
        delta = sum((w * b @ a for w, b, a in terms), torch.zeros(9, 7, dtype=torch.float64))
    else:
        left = sum((w * b for w, b, _ in terms), torch.zeros(9, 2, dtype=torch.float64))
        delta = left @ sum((w * a for w, _, a in terms), torch.zeros(2, 7, dtype=torch.float64))
    merged = merge(
        "evo_merging", base, products(factors), factors=factors, options={"form": form}, alpha=alphas, weight=weights
    )
    torch.testing.assert_close(merged.double(), base.double() + delta, atol=2e-5, rtol=1e-5)
    streamed = merge(
        "evo_merging", base, products(factors), factors=factors, options={"form": form}, alpha=alphas, weight=weights,
        once=True,
    )  # fmt: skip
    assert torch.equal(merged, streamed)


@given(st.integers(0, 99), st.sampled_from(DTYPES), st.lists(signed, min_size=2, max_size=2))
@settings(max_examples=10)
def test_nothing_sparsified_is_task_arithmetic(seed: int, dtype: torch.dtype, weights: list[float]) -> None:
    base, factors = problem(seed, dtype, (3, 1))
    merged = merge("evo_merging", base, products(factors), factors=factors, weight=weights)
    plain = merge("task_arithmetic", base, products(factors), weight=weights)
    torch.testing.assert_close(merged, plain, atol=2e-5, rtol=1e-5)


@given(st.integers(0, 99), unit, unit)
@settings(max_examples=10)
def test_order_of_experts_and_the_base_alone(seed: int, first: float, second: float) -> None:
    base, factors = problem(seed, torch.float32, (2, 2))
    one = merge("evo_merging", base, products(factors), factors=factors, alpha=[first, second], weight=[0.3, -1.2])
    backwards = factors[::-1]
    other = merge(
        "evo_merging", base, products(backwards), factors=backwards, alpha=[second, first], weight=[-1.2, 0.3]
    )
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert torch.equal(merge("evo_merging", base, [None, None], factors=[None, None]), base)
    assert torch.equal(merge("evo_merging", base, products(factors), factors=factors, weight=[0.0, 0.0]), base)
    assert torch.equal(merge("evo_merging", base, products(factors), factors=factors, alpha=[0.0, 0.0]), base)


def test_a_negative_weight_subtracts_only_in_the_exact_form() -> None:
    base, factors = problem(0, torch.float32, (2,))
    (delta,) = products(factors)
    for form, expected in (("exact", base - delta), ("factors", base + delta)):
        merged = merge("evo_merging", base, [delta], factors=factors, options={"form": form}, weight=[-1.0])
        torch.testing.assert_close(merged, expected, atol=1e-5, rtol=1e-5)


def test_equal_magnitudes_at_the_threshold_are_all_kept() -> None:
    a = torch.tensor([[1.0, -1.0, 1.0, 0.5]])
    factors = [Factors(torch.ones(1, 1), a)]
    merged = merge("evo_merging", torch.zeros(1, 4), products(factors), factors=factors, alpha=[0.25])
    assert torch.equal(merged, torch.tensor([[1.0, -1.0, 1.0, 0.0]]))


def test_tensors_replaced_as_a_whole_take_the_weighted_sum() -> None:
    base, factors = problem(1, torch.float32, (2,))
    whole = torch.randn(9, 7)
    deltas = [factors[0].b @ factors[0].a, whole]
    merged = merge("evo_merging", base, deltas, factors=[factors[0], None], weight=[0.5, 2.0], alpha=[1.0, 0.1])
    torch.testing.assert_close(merged, base + 0.5 * deltas[0] + 2.0 * whole, atol=1e-5, rtol=1e-5)
    assert torch.equal(merge("evo_merging", base, [whole]), base + whole)


def test_adapters_of_different_rank_have_no_sum_of_factors() -> None:
    base, factors = problem(2, torch.float32, (2, 3))
    with pytest.raises(RecipeError, match=r"options\.form.*ranks \[2, 3\] on t") as caught:
        merge("evo_merging", base, products(factors), factors=factors, options={"form": "factors"})
    assert "use 'exact'" in caught.value.fix


def test_a_full_checkpoint_is_refused(mixed_models: ModelSet) -> None:
    with pytest.raises(RecipeError, match="works on the factors of LoRA adapters, and a is none"):
        Materializer(mixed_models).prepare(Recipe("evo_merging", ("a", "c")))


def test_whole_models_streamed_equal_resident(lora_models: ModelSet, same: Any) -> None:
    recipe = Recipe(
        "evo_merging", ("a", "b"), "layer",
        coefficients={"alpha": {"a": (0.2, 0.4, 0.6, 1.0), "b": (0.5,)}, "weight": {"a": (-0.5,), "b": (1.2,)}},
    )  # fmt: skip
    resident = dict(Materializer(lora_models).tensors(recipe))
    assert same(resident, dict(Materializer(lora_models, resident=False).tensors(recipe)))
