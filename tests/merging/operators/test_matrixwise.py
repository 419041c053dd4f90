"""What all operators that merge matrix by matrix have in common."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import ModelError, RecipeError
from merges import merge, prepared_by
from merging.coefficients import filled_options
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.operators import get_operator
from merging.operators.base import Factors, TensorInputs
from merging.operators.spectra import full_triplets, matrices_of, polar, triplets
from merging.recipe import Recipe

CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tsv_m", {}),
    ("tsv_m", {"variant": "lossless"}),
    ("tsv_m", {"polar": "ridge"}),
    ("r_tsvm", {}),
    ("iso_c", {}),
    ("iso_cts", {}),
    ("iso_cts", {"common_fraction": 0.4}),
    ("wudi", {"iterations": 20, "lr": 1e-4}),
    ("optmerge", {"iterations": 20, "lr": 1e-4}),
    ("optmerge", {"variant": "lora", "iterations": 50}),
    ("optmerge", {"variant": "modality"}),
    ("swudi", {}),
    ("swudi", {"variant": "aswudi"}),
)
SHAPES = ((6, 6), (12, 7), (5, 11), (1, 4), (9, 2))
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
EMBEDDING = "model.embed_tokens.weight"
over_cases = pytest.mark.parametrize(("method", "options"), CASES, ids=lambda case: str(case))
seeds = st.integers(0, 10_000)


def draw(seed: int, count: int, *shape: int, size: float = 0.02) -> list[Tensor]:
    return list(size * torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed)))


def adapters(seed: int, count: int, shape: tuple[int, int], rank: int) -> list[Factors]:
    generator = torch.Generator().manual_seed(seed)
    return [
        Factors(
            0.1 * torch.randn(shape[0], rank, generator=generator), torch.randn(rank, shape[1], generator=generator)
        )
        for _ in range(count)
    ]


@over_cases
@settings(max_examples=8)
@given(seeds, st.sampled_from(SHAPES), st.sampled_from(DTYPES), st.integers(1, 4))
def test_unchanged_models_and_lambda_zero_give_the_base_and_a_streamed_merge_the_same_bits(
    method: str, options: dict[str, Any], seed: int, shape: tuple[int, int], dtype: torch.dtype, count: int
) -> None:
    base, *deltas = draw(seed, count + 1, *shape)
    base = base.to(dtype)
    zeros = [torch.zeros(shape)] * count
    assert torch.equal(merge(method, base, [None] * count, options=options), base.float())
    assert torch.equal(merge(method, base, zeros, options=options), base.float())
    assert torch.equal(merge(method, base, deltas, options=options, lam=0.0), base.float())
    merged = merge(method, base, deltas, options=options, lam=0.7)
    assert merged.shape == base.shape
    assert bool(torch.isfinite(merged).all())
    assert torch.equal(merged, merge(method, base, deltas, options=options, lam=0.7, once=True))


@over_cases
@settings(max_examples=6)
@given(seeds, st.sampled_from(SHAPES[:3]))
def test_no_change_is_a_change_of_zeros_and_order_means_nothing(
    method: str, options: dict[str, Any], seed: int, shape: tuple[int, int]
) -> None:
    base, first, second = draw(seed, 3, *shape)
    absent = merge(method, base, [first, None, second], options=options)
    assert torch.equal(absent, merge(method, base, [first, torch.zeros(shape), second], options=options))
    turned = merge(method, base, [second, first, None], options=options)
    torch.testing.assert_close(absent, turned, atol=2e-6, rtol=0.0)


@over_cases
@settings(max_examples=6)
@given(seeds, st.sampled_from(SHAPES[:3]))
def test_the_result_is_linear_in_lambda(
    method: str, options: dict[str, Any], seed: int, shape: tuple[int, int]
) -> None:
    base, *deltas = draw(seed, 3, *shape)
    whole, half = (merge(method, base, deltas, options=options, lam=lam) - base for lam in (1.0, 0.5))
    torch.testing.assert_close(half, 0.5 * whole, atol=1e-7, rtol=1e-5)


@over_cases
@settings(max_examples=6)
@given(seeds, st.integers(1, 3), st.sampled_from(((24, 18), (13, 40))))
def test_adapters_merge_in_their_own_coordinates_as_in_the_full_ones(
    method: str, options: dict[str, Any], seed: int, count: int, shape: tuple[int, int]
) -> None:
    factors = adapters(seed, count, shape, 3)
    deltas = [f.b @ f.a for f in factors]
    base = torch.zeros(shape)
    full = merge(method, base, deltas, options=options)
    thin = merge(method, base, deltas, factors=factors, options=options)
    size = float(full.abs().max())
    assert size > 0.0
    # Adam takes steps of a fixed length, so an element whose gradient is zero up to rounding may take one more.
    allowed = 2e-5 * size + 2 * float(options.get("lr", 0.0))
    torch.testing.assert_close(thin, full, atol=allowed, rtol=0.0)
    absent = merge(method, base, [*deltas, None], factors=[*factors, None], options=options)
    torch.testing.assert_close(absent, merge(method, base, [*deltas, None], options=options), atol=allowed, rtol=0.0)


@over_cases
def test_a_stack_of_projections_comes_apart(method: str, options: dict[str, Any]) -> None:
    base, *deltas = draw(3, 3, 10, 6)
    name = "model.layers.0.mlp.gate_up_proj.weight"
    merged = merge(method, base, deltas, name=name, options=options)
    for half in (slice(0, 5), slice(5, 10)):
        alone = merge(method, base[half], [delta[half] for delta in deltas], options=options)
        torch.testing.assert_close(merged[half], alone, atol=1e-7, rtol=0.0)
    experts = "model.layers.0.mlp.experts.gate_proj"
    stacked = merge(method, base.view(2, 5, 6), [d.view(2, 5, 6) for d in deltas], name=experts, options=options)
    torch.testing.assert_close(stacked.view(10, 6), merged, atol=1e-7, rtol=0.0)


@over_cases
def test_one_projection_of_a_stack_may_be_unchanged(method: str, options: dict[str, Any]) -> None:
    base, *deltas = draw(9, 3, 10, 6)
    deltas[1][5:] = 0.0
    name = "model.layers.0.mlp.gate_up_proj.weight"
    merged = merge(method, base, deltas, name=name, options=options)
    alone = merge(method, base[5:], [deltas[0][5:], None], options=options)
    torch.testing.assert_close(merged[5:], alone, atol=1e-7, rtol=0.0)


def test_fused_adapters_come_apart_too() -> None:
    factors = adapters(4, 2, (24, 18), 2)
    base, deltas = torch.zeros(24, 18), [f.b @ f.a for f in factors]
    name = "model.layers.0.mlp.gate_up_proj.weight"
    thin = merge("tsv_m", base, deltas, name=name, factors=factors)
    torch.testing.assert_close(thin, merge("tsv_m", base, deltas, name=name), atol=1e-5, rtol=0.0)


def test_adapters_of_transposed_weights_merge_in_full_coordinates() -> None:
    factors = adapters(4, 2, (16, 16), 2)
    deltas = tuple(f.b @ f.a for f in factors)
    name, config = "h.0.mlp.c_proj.weight", {"model_type": "gpt2", "n_head": 1}
    inputs = TensorInputs(name, torch.zeros(16, 16), ("a", "b"), deltas, factors=tuple(factors), config=config)
    (matrices,) = matrices_of(inputs)
    assert matrices.left is None
    torch.testing.assert_close(matrices.dense[0], deltas[0].T)


@over_cases
def test_embeddings_and_vectors_follow_their_options(method: str, options: dict[str, Any]) -> None:
    base, *deltas = draw(5, 4, 8, 6)
    mean = base + 0.5 * sum(deltas) / 3
    for name in (EMBEDDING, "lm_head.weight"):
        excluded = merge(method, base, deltas, name=name, options={**options, "embeddings": "base"})
        assert torch.equal(excluded, base)
        averaged = merge(method, base, deltas, name=name, lam=0.5, options={**options, "embeddings": "mean"})
        torch.testing.assert_close(averaged, mean)
        included = merge(method, base, deltas, name=name, options={**options, "embeddings": "merge"})
        assert torch.equal(included, merge(method, base, deltas, options=options))
    vector = [delta[0] for delta in deltas]
    averaged = merge(method, base[0], vector, lam=0.5, options={**options, "vectors": "mean"})
    torch.testing.assert_close(averaged, mean[0])
    assert torch.equal(merge(method, base[0], vector, options={**options, "vectors": "base"}), base[0])


def test_the_papers_defaults_for_embeddings_and_vectors() -> None:
    defaults = {method: filled_options(get_operator(method), {}) for method, _ in CASES}
    assert {m for m, o in defaults.items() if o["embeddings"] == "base"} == {"wudi", "optmerge", "swudi"}
    assert {m for m, o in defaults.items() if o["vectors"] == "base"} == {"optmerge"}


@over_cases
def test_a_change_that_is_not_finite_is_an_error_of_the_model(method: str, options: dict[str, Any]) -> None:
    base, first, second = draw(6, 3, 4, 4)
    second[1, 2] = math.nan
    with pytest.raises(ModelError, match=r"model b: its change to t holds NaN"):
        merge(method, base, [first, second], options=options)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("tsv_m", {"rank_factor": 0.0}),
        ("r_tsvm", {"weight_clip": 0.5}),
        ("r_tsvm", {"rank_factor": -1.0}),
        ("iso_cts", {"common_fraction": 1.5}),
        ("wudi", {"lr": 0.0}),
        ("wudi", {"iterations": -1}),
        ("wudi", {"iterations": 100_000}),
        ("optmerge", {"lr": -1.0}),
        ("optmerge", {"rank_factor": 0.0}),
        ("swudi", {"t": 0.0}),
        ("swudi", {"keep": 1.01}),
    ],
)
def test_options_out_of_range_are_refused(method: str, options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(RecipeError, match=rf"recipe.options.{name}: {method} found"):
        merge(method, torch.zeros(2, 2), [torch.ones(2, 2)], options=options)


def test_triplets_and_polar_factor_against_the_full_decomposition() -> None:
    for shape in ((9, 5), (5, 9), (7, 7)):
        (matrix,) = draw(7, 1, *shape)
        found, full = triplets(matrix, 1e-6), full_triplets(matrix)
        torch.testing.assert_close(found.s, full.s)
        torch.testing.assert_close(found.product(), matrix.double())
        torch.testing.assert_close(polar(matrix, 1e-6), full.u @ full.v.T)
        assert len(triplets(matrix, 1e-6, limit=2).s) == 2
        assert len(triplets(matrix, 1e-6, scale=1e9).s) == 0
    low = torch.outer(torch.arange(1.0, 6.0), torch.ones(4))
    assert len(triplets(low, 1e-6).s) == 1
    unit = low / low.norm()
    torch.testing.assert_close(polar(low, 1e-6), unit.double(), atol=1e-6, rtol=0.0)


def test_a_lora_merge_equals_the_merge_of_its_dense_changes(lora_models: ModelSet) -> None:
    for method in ("tsv_m", "iso_c", "swudi"):
        operator = get_operator(method)
        merged = dict(Materializer(lora_models).tensors(Recipe(method, ("a", "b"))))
        name = "model.layers.0.mlp.up_proj.weight"
        base = lora_models.base_tensor(name)
        deltas = [lora_models.delta(name, model) for model in ("a", "b")]
        dense = merge(method, base, deltas).to(base.dtype)
        torch.testing.assert_close(merged[name], dense, atol=1e-6, rtol=0.0)
        assert operator.needs_factors


@pytest.mark.parametrize("method", ["tsv_m", "iso_cts", "swudi"])
def test_shipped_adapters_of_a_real_model(smollm2: Path, method: str) -> None:
    root = Path(__file__).parents[3] / "examples" / "experts"
    experts = [ModelRef(name, str(root / name)) for name in ("arithmetic", "json")]
    models, name = ModelSet.open(ModelRef("base", str(smollm2)), experts), "model.layers.3.self_attn.q_proj.weight"
    labels = ("arithmetic", "json")
    deltas = tuple(models.delta(name, label) for label in labels)
    factors = tuple(models.factors(name, label) for label in labels)
    base = torch.zeros(models.tensor_info(name).shape)
    operator = get_operator(method)
    options = filled_options(operator, {})
    routes = [
        prepared_by(operator, [TensorInputs(name, base, labels, deltas, factors=given)], options)[name].data
        for given in ((), factors)
    ]
    for full, thin in zip(*routes, strict=True):
        torch.testing.assert_close(thin, full, atol=1e-5 * float(full.abs().max()), rtol=0.0)
