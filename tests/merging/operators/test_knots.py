"""KnOTS against a plain decomposition in float64, and its invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible
from merges import merge, prepared_by
from merging.coefficients import filled_options
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.operators.base import Factors, TensorInputs, Values
from merging.operators.knots import shared
from merging.recipe import Recipe

Array = npt.NDArray[np.float64]
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
SHAPES = ((8, 6), (6, 11), (5, 5))


def problem(seed: int, shape: tuple[int, int], dtype: torch.dtype, ranks: tuple[int, ...]) -> tuple[Tensor, Any]:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(*shape, generator=generator).to(dtype)
    return base, [
        Factors(torch.randn(shape[0], rank, generator=generator), torch.randn(rank, shape[1], generator=generator))
        for rank in ranks
    ]


def products(factors: list[Factors]) -> list[Tensor]:
    return [one.b @ one.a for one in factors]


def decomposed(deltas: list[Array], space: str) -> tuple[Array, list[Array]]:
    u, s, vh = np.linalg.svd(np.concatenate(deltas, axis=1), full_matrices=False)
    kept = s > 1e-6 * s[0]
    u, s, vh = u[:, kept], s[kept], vh[kept]
    basis, parts = (u, s[:, None] * vh) if space == "sv" else (u * s, vh)
    return basis, np.split(parts, len(deltas), axis=1)


def trimmed_election(parts: list[Array], weights: list[float], densities: list[float]) -> Array:
    kept = []
    for part, density in zip(parts, densities, strict=True):
        magnitudes = np.sort(np.abs(part).ravel())[::-1]
        least = 0.0 if density >= 1.0 else magnitudes[max(1, int(density * part.size)) - 1]
        kept.append(np.where(np.abs(part) >= least, part, 0.0))
    voting = [part for part, weight in zip(kept, weights, strict=True) if weight]
    sign = np.sign(sum(voting, np.zeros_like(kept[0])))
    above, below = np.zeros_like(sign), np.zeros_like(sign)
    for part, weight in zip(kept, weights, strict=True):
        agrees = (np.sign(part) == sign) & (part != 0.0)
        above += np.where(agrees, weight * part, 0.0)
        below += np.where(agrees, weight, 0.0)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0.0)


@given(
    st.integers(0, 99),
    st.sampled_from(SHAPES),
    st.sampled_from(DTYPES),
    st.sampled_from(["v", "sv"]),
    st.booleans(),
    st.lists(st.sampled_from([0.1, 0.35, 0.7, 1.0]), min_size=3, max_size=3),
)
@settings(max_examples=25)
def test_ties_equals_the_formula(
    seed: int, shape: tuple[int, int], dtype: torch.dtype, space: str, low_rank: bool, densities: list[float]
) -> None:
    base, factors = problem(seed, shape, dtype, (2, 1, 2))
    weights = [1.0, 0.4, 0.8]
    deltas = products(factors)
    merged = merge(
        "knots", base, deltas, factors=factors if low_rank else (), options={"space": space},
        weight=weights, density=densities, lam=0.7,
    )  # fmt: skip
    basis, parts = decomposed([delta.double().numpy() for delta in deltas], space)
    expected = base.double().numpy() + 0.7 * basis @ trimmed_election(parts, weights, densities)
    torch.testing.assert_close(merged.double(), torch.from_numpy(expected), atol=1e-4, rtol=1e-4)


@given(st.integers(0, 99), st.sampled_from(SHAPES), st.sampled_from(["v", "sv"]))
@settings(max_examples=10)
def test_dare_ties_acts_on_the_parts(seed: int, shape: tuple[int, int], space: str) -> None:
    base, factors = problem(seed, shape, torch.float32, (2, 2))
    deltas = products(factors)
    merged = merge(
        "knots", base, deltas, factors=factors, options={"rule": "dare_ties", "space": space}, density=[0.5, 0.6]
    )
    basis, parts = decomposed([delta.double().numpy() for delta in deltas], space)
    inner = merge(
        "dare_ties",
        torch.zeros(parts[0].shape),
        [torch.from_numpy(part).float().contiguous() for part in parts],
        density=[0.5, 0.6],
    )
    expected = base.double() + torch.from_numpy(basis) @ inner.double()
    torch.testing.assert_close(merged.double(), expected, atol=1e-4, rtol=1e-4)


@given(st.integers(0, 99), st.sampled_from(SHAPES), st.sampled_from(["v", "sv"]), st.booleans())
@settings(max_examples=20)
def test_the_parts_reproduce_every_expert(seed: int, shape: tuple[int, int], space: str, low_rank: bool) -> None:
    _, factors = problem(seed, shape, torch.float32, (2, 1, 2))
    deltas = [one.b.double() @ one.a.double() for one in factors]
    found = shared(factors if low_rank else deltas, space, 1e-12)
    for part, delta in zip(found.parts, deltas, strict=True):
        assert part is not None
        assert float((found.basis @ part - delta).norm()) < 1e-8


@given(st.integers(0, 99), st.sampled_from(DTYPES), st.lists(st.floats(0.1, 1.0), min_size=2, max_size=2))
@settings(max_examples=10)
def test_the_mean_is_the_plain_mean(seed: int, dtype: torch.dtype, weights: list[float]) -> None:
    base, factors = problem(seed, (8, 6), dtype, (2, 3))
    deltas = products(factors)
    merged = merge("knots", base, deltas, factors=factors, options={"rule": "mean"}, weight=weights, lam=1.3)
    mean = sum(w * delta.double() for w, delta in zip(weights, deltas, strict=True)) / sum(weights)
    torch.testing.assert_close(merged.double(), base.double() + 1.3 * mean, atol=1e-5, rtol=1e-5)


@given(st.integers(0, 99), st.sampled_from(["ties", "dare_ties"]), st.sampled_from(DTYPES))
@settings(max_examples=10)
def test_one_expert_whole_and_equal_experts_give_the_expert(seed: int, rule: str, dtype: torch.dtype) -> None:
    base, factors = problem(seed, (8, 6), dtype, (2,))
    (delta,) = products(factors)
    for count in (1, 3):
        merged = merge(
            "knots", base, [delta] * count, factors=factors * count, options={"rule": rule}, density=[1.0] * count
        )
        torch.testing.assert_close(merged, base + delta, atol=1e-4, rtol=1e-4)


@given(st.integers(0, 99), st.sampled_from(["ties", "dare_ties"]))
@settings(max_examples=10)
def test_order_nothing_and_an_expert_that_equals_the_base(seed: int, rule: str) -> None:
    base, factors = problem(seed, (8, 6), torch.float32, (2, 2))
    deltas, options = products(factors), {"rule": rule}
    assert torch.equal(merge("knots", base, [None, None], factors=[None, None], options=options), base)
    assert torch.equal(merge("knots", base, deltas, factors=factors, options=options, lam=0.0), base)
    with_none = merge("knots", base, [*deltas, None], factors=[*factors, None], options=options)
    zero = Factors(torch.zeros(8, 2), torch.zeros(2, 6))
    with_zero = merge("knots", base, [*deltas, torch.zeros(8, 6)], factors=[*factors, zero], options=options)
    torch.testing.assert_close(with_none, merge("knots", base, deltas, factors=factors, options=options))
    torch.testing.assert_close(with_none, with_zero, atol=1e-4, rtol=1e-4)
    if rule == "ties":
        backwards = merge("knots", base, deltas[::-1], factors=factors[::-1], options=options)
        forwards = merge("knots", base, deltas, factors=factors, options=options)
        torch.testing.assert_close(forwards, backwards, atol=1e-4, rtol=1e-4)


def test_trimming_over_all_layers_differs_from_trimming_each() -> None:
    operator = get_operator("knots")
    tensors, everything = [], {}
    for index, scale in enumerate((1.0, 0.01)):
        base, factors = problem(index, (8, 6), torch.float32, (2, 2))
        factors = [Factors(scale * one.b, one.a) for one in factors]
        everything[f"w{index}"] = factors
        tensors.append(TensorInputs(f"w{index}", base, ("a", "b"), tuple(products(factors)), 0, tuple(factors)))
    values = Values({"weight": (1.0, 1.0), "density": (0.3, 0.3)}, {"lambda": 1.0})
    for scope in ("global", "tensor"):
        options = filled_options(operator, {"threshold_scope": scope, "space": "sv"})
        ready = prepared_by(operator, tensors, options)
        change = operator.apply(ready["w1"], values) - tensors[1].base
        # Everything in the small layer lies below what the large layer's elements leave room for.
        assert bool(change.any()) == (scope == "tensor")
        # A tensor that is no linear weight takes no part in the count.
        norm = TensorInputs("norm", torch.ones(50), ("a", "b"), (torch.ones(50), None), 0, (None, None))
        again = prepared_by(operator, [*tensors, norm], options)
        for tensor in tensors:
            assert torch.equal(operator.apply(again[tensor.name], values), operator.apply(ready[tensor.name], values))


def test_weights_in_a_fused_tensor_are_decomposed_apart() -> None:
    base = torch.zeros(12, 5)
    deltas = [torch.randn(12, 5, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    options = {"threshold_scope": "tensor"}
    fused = merge("knots", base, deltas, name="layers.0.self_attn.qkv_proj.weight", options=options, density=[1.0] * 2)
    parts = [
        merge("knots", base[:4], [delta[rows : rows + 4] for delta in deltas], options=options, density=[1.0] * 2)
        for rows in (0, 4, 8)
    ]
    torch.testing.assert_close(fused, torch.cat(parts), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["model.norm.weight", "model.embed_tokens.weight"])
def test_what_is_no_linear_weight_takes_the_mean_or_stays(name: str) -> None:
    base = torch.ones(6, 4) if "embed" in name else torch.ones(6)
    deltas = [torch.full_like(base, 0.2), torch.full_like(base, 0.6)]
    mean = merge("knots", base, deltas, name=name, weight=[1.0, 3.0], lam=0.5)
    torch.testing.assert_close(mean, base + 0.25)
    assert torch.equal(merge("knots", base, deltas, name=name, options={"rest": "base"}), base)
    with pytest.raises(Infeasible, match="cannot be normalized"):
        merge("knots", base, deltas, name=name, weight=[0.0, 0.0])


def test_an_adapter_of_the_head_is_decomposed_and_its_replacement_is_not() -> None:
    base, factors = problem(3, (8, 6), torch.float32, (2, 2))
    options = {"rest": "base", "threshold_scope": "tensor"}
    by_factors = merge("knots", base, products(factors), name="lm_head.weight", factors=factors, options=options)
    assert not torch.equal(by_factors, base)
    replaced = merge(
        "knots", base, products(factors), name="lm_head.weight", factors=(None, factors[1]), options=options
    )
    assert torch.equal(replaced, base)


@pytest.mark.parametrize("rule", ["ties", "dare_ties"])
def test_whole_models_streamed_equal_resident(lora_models: ModelSet, same: Any, rule: str) -> None:
    recipe = Recipe(
        "knots", ("a", "b"), "layer", options={"rule": rule},
        coefficients={"density": {"a": (0.2, 0.4, 0.6, 1.0), "b": (0.5,)}, "lambda": (0.9,)},
    )  # fmt: skip
    resident = dict(Materializer(lora_models).tensors(recipe))
    assert same(resident, dict(Materializer(lora_models, resident=False).tensors(recipe)))
