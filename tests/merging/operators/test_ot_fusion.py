"""Transformer fusion by optimal transport on small real Llama models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from evomerge.errors import RecipeError
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

SHAPE = {
    "vocab_size": 49152, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path]) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("ot") / "first", **SHAPE)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, first: Path) -> Path:
    """The same model with the MLP neurons of block 1 and the query heads of block 0 in another order."""
    weights = load_file(first / "model.safetensors")
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    for name in ("gate_proj", "up_proj"):
        weights[f"model.layers.1.mlp.{name}.weight"] = weights[f"model.layers.1.mlp.{name}.weight"][order]
    weights["model.layers.1.mlp.down_proj.weight"] = weights["model.layers.1.mlp.down_proj.weight"][:, order]
    heads = torch.cat([torch.arange(8, 16), torch.arange(8)])
    attention = "model.layers.0.self_attn"
    weights[f"{attention}.q_proj.weight"] = weights[f"{attention}.q_proj.weight"][heads]
    weights[f"{attention}.o_proj.weight"] = weights[f"{attention}.o_proj.weight"][:, heads]
    out = tmp_path_factory.mktemp("ot") / "second"
    out.mkdir()
    for file in first.iterdir():
        if file.suffix != ".safetensors":
            (out / file.name).write_bytes(file.read_bytes())
    contiguous = {name: tensor.contiguous() for name, tensor in weights.items()}
    save_file(contiguous, out / "model.safetensors", metadata={"format": "pt"})
    return out


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ot") / "text.jsonl"
    lines = ["The quick brown fox jumps over the lazy dog.", "One, two, three and four make ten in all."]
    path.write_text("\n".join(json.dumps({"text": line}) for line in lines))
    return str(path)


def fused(first: Path, second: Path, t: float, *, resident: bool = True, **options: Any) -> dict[str, Tensor]:
    models = ModelSet.open(ModelRef("base", str(first)), [ModelRef("a", str(first)), ModelRef("b", str(second))])
    recipe = Recipe("ot_fusion", ("a", "b"), coefficients={"t": (t,)}, options=options, seed=1)
    return dict(Materializer(models, resident=resident).tensors(recipe))


@pytest.mark.parametrize("policy", ["mean", "residual", "branch", "identity"])
def test_a_permuted_model_is_brought_back(first: Path, second: Path, policy: str) -> None:
    weights = load_file(first / "model.safetensors")
    found = fused(first, second, 0.5, policy=policy)
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_activations_bring_a_permuted_model_back_too(first: Path, second: Path, calibration: str) -> None:
    weights = load_file(first / "model.safetensors")
    found = fused(first, second, 1.0, compare="activations", calibration=calibration, samples=16)
    for name, tensor in weights.items():
        torch.testing.assert_close(found[name], tensor, atol=0.0, rtol=0.0)


def test_sinkhorn_becomes_exact_transport_as_its_smoothing_goes(first: Path, second: Path) -> None:
    exact = fused(first, second, 1.0, policy="identity")

    def distance(regularization: float) -> float:
        found = fused(first, second, 1.0, policy="identity", solver="sinkhorn", regularization=regularization)
        return max(float((found[name].float() - exact[name].float()).abs().max()) for name in exact)

    blurred, sharp = distance(1.0), distance(0.005)
    assert sharp < 1e-2 < blurred


def test_maps_of_strangers_are_means_and_the_first_end_is_the_first_model(
    first: Path, tmp_path: Path, tiny_llama: Any
) -> None:
    stranger = tiny_llama(tmp_path / "stranger", seed=5, **SHAPE)
    own, other = load_file(first / "model.safetensors"), load_file(stranger / "model.safetensors")
    start = fused(first, stranger, 0.0)
    assert all(torch.equal(start[name], own[name]) for name in own)
    # Sinkhorn's maps have columns that sum to one, so sums over hidden neurons of a fused gate keep their total.
    found = fused(first, stranger, 1.0, policy="identity", solver="sinkhorn")
    gate = "model.layers.0.mlp.gate_proj.weight"
    torch.testing.assert_close(found[gate].float().mean(0), other[gate].float().mean(0), atol=2e-3, rtol=0.05)
    assert not torch.equal(found[gate], other[gate])


def test_a_streamed_merge_equals_a_resident_one(first: Path, second: Path) -> None:
    resident, streamed = fused(first, second, 0.3), fused(first, second, 0.3, resident=False)
    assert all(torch.equal(resident[name], streamed[name]) for name in resident)


def test_activations_need_data(first: Path, second: Path) -> None:
    with pytest.raises(RecipeError, match="calibration"):
        fused(first, second, 0.5, compare="activations")
