"""Git Re-Basin on small real Llama models."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from evomerge.errors import ModelError
from merging.alignment.axes import matrices_of
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

BLOCKS, HIDDEN, QUERIES, KEYS, SIZE, WIDTH = 2, 24, 4, 2, 8, 32


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path]) -> Path:
    return tiny_llama(
        tmp_path_factory.mktemp("rebasin") / "first",
        vocab_size=320, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=BLOCKS,
        num_attention_heads=QUERIES, num_key_value_heads=KEYS,
    )  # fmt: skip


def shuffled(weights: dict[str, Tensor], seed: int, *, residual: bool) -> dict[str, Tensor]:
    """Permute neurons, written out by hand, without the code under test."""
    generator = torch.Generator().manual_seed(seed)

    def random(count: int) -> Tensor:
        return torch.randperm(count, generator=generator)

    def heads(order: Tensor) -> Tensor:
        return torch.cat([torch.arange(SIZE) + SIZE * int(index) for index in order])

    moved = dict(weights)
    for block in range(BLOCKS):
        layer = f"model.layers.{block}"
        hidden, keys = random(HIDDEN), random(KEYS)
        inside = [random(QUERIES // KEYS) for _ in range(KEYS)]
        queries = torch.cat([inside[int(key)] + int(key) * (QUERIES // KEYS) for key in keys])
        for name in ("gate_proj", "up_proj"):
            moved[f"{layer}.mlp.{name}.weight"] = moved[f"{layer}.mlp.{name}.weight"][hidden]
        moved[f"{layer}.mlp.down_proj.weight"] = moved[f"{layer}.mlp.down_proj.weight"][:, hidden]
        attention = f"{layer}.self_attn"
        moved[f"{attention}.q_proj.weight"] = moved[f"{attention}.q_proj.weight"][heads(queries)]
        for name in ("k_proj", "v_proj"):
            moved[f"{attention}.{name}.weight"] = moved[f"{attention}.{name}.weight"][heads(keys)]
        moved[f"{attention}.o_proj.weight"] = moved[f"{attention}.o_proj.weight"][:, heads(queries)]
    if residual:
        order = random(WIDTH)
        for name, tensor in moved.items():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                moved[name] = tensor[order]
            else:
                moved[name] = tensor[order] if tensor.ndim == 1 else tensor[:, order]
    return {name: tensor.contiguous() for name, tensor in moved.items()}


def copy_with(source: Path, out: Path, weights: dict[str, Tensor]) -> Path:
    out.mkdir()
    for file in source.iterdir():
        if file.suffix != ".safetensors":
            (out / file.name).write_bytes(file.read_bytes())
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    return out


def merged(base: Path, second: Path, t: float, resident: bool = True, **options: Any) -> dict[str, Tensor]:
    models = ModelSet.open(ModelRef("base", str(base)), [ModelRef("a", str(base)), ModelRef("b", str(second))])
    recipe = Recipe("git_rebasin", ("a", "b"), coefficients={"t": (t,)}, options=options, seed=3)
    return dict(Materializer(models, resident=resident).tensors(recipe))


def logits(directory: Path, weights: dict[str, Tensor]) -> Tensor:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig.from_pretrained(directory)).eval()
    state = {name: tensor.float() for name, tensor in weights.items()}
    model.load_state_dict(state | {"lm_head.weight": state["model.embed_tokens.weight"]})
    with torch.no_grad():
        found: Tensor = model(torch.arange(12)[None]).logits
    return found


@pytest.mark.parametrize("residual", [False, True])
def test_a_random_permutation_is_undone_exactly(original: Path, tmp_path: Path, residual: bool) -> None:
    weights = load_file(original / "model.safetensors")
    # Untrained norm gains are all one and tell the dimensions of the residual stream apart no further.
    other = shuffled(weights, seed=1, residual=residual)
    assert any(not torch.equal(other[name], weights[name]) for name in weights)
    found = merged(original, copy_with(original, tmp_path / "second", other), 1.0, residual=residual)
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_the_permuted_model_is_the_same_function(original: Path, tmp_path: Path, tiny_llama: Any) -> None:
    stranger = tiny_llama(
        tmp_path / "stranger", seed=9, vocab_size=320, hidden_size=WIDTH, intermediate_size=HIDDEN,
        num_hidden_layers=BLOCKS, num_attention_heads=QUERIES, num_key_value_heads=KEYS,
    )  # fmt: skip
    own = load_file(stranger / "model.safetensors")
    found = merged(original, stranger, 1.0, residual=True)
    assert any(not torch.equal(found[name], own[name]) for name in own)
    torch.testing.assert_close(logits(stranger, found), logits(stranger, own), atol=1e-4, rtol=1e-4)


def test_matching_brings_strangers_closer_and_the_ends_are_the_models(
    original: Path, tmp_path: Path, tiny_llama: Any
) -> None:
    stranger = tiny_llama(
        tmp_path / "stranger", seed=9, vocab_size=320, hidden_size=WIDTH, intermediate_size=HIDDEN,
        num_hidden_layers=BLOCKS, num_attention_heads=QUERIES, num_key_value_heads=KEYS,
    )  # fmt: skip
    first, second = load_file(original / "model.safetensors"), load_file(stranger / "model.safetensors")
    assert all(torch.equal(tensor, first[name]) for name, tensor in merged(original, stranger, 0.0).items())

    def distance(weights: dict[str, Tensor]) -> float:
        return sum(float((weights[name].float() - first[name].float()).square().sum()) for name in first)

    blocks_only = distance(merged(original, stranger, 1.0))
    everything = distance(merged(original, stranger, 1.0, residual=True))
    assert everything < blocks_only < distance(second)


def test_the_mlp_permutation_is_the_best_of_all(tmp_path: Path, tiny_llama: Any) -> None:
    small = {
        "vocab_size": 320, "hidden_size": 16, "intermediate_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1,
    }  # fmt: skip
    first, second = (tiny_llama(tmp_path / str(seed), seed=seed, **small) for seed in (1, 2))
    one, two = (load_file(path / "model.safetensors") for path in (first, second))
    found = merged(first, second, 1.0)
    mlp = {name: name.endswith("down_proj.weight") for name in one if ".mlp." in name}

    def inner(order: list[int]) -> float:
        return sum(
            float((one[n].float() * (two[n][:, order] if columns else two[n][order]).float()).sum())
            for n, columns in mlp.items()
        )

    best = list(max(itertools.permutations(range(4)), key=lambda order: inner(list(order))))
    for name, columns in mlp.items():
        assert torch.equal(found[name], two[name][:, best] if columns else two[name][best])


def test_a_streamed_merge_equals_a_resident_one(original: Path, tmp_path: Path) -> None:
    other = shuffled(load_file(original / "model.safetensors"), seed=4, residual=False)
    second = copy_with(original, tmp_path / "second", other)
    resident, streamed = merged(original, second, 0.4), merged(original, second, 0.4, resident=False)
    assert all(torch.equal(resident[name], streamed[name]) for name in resident)


def test_an_unknown_architecture_is_refused_by_tensor() -> None:
    with pytest.raises(ModelError, match=r"transformer\.h\.0\.mlp\.c_fc\.weight"):
        matrices_of("transformer.h.0.mlp.c_fc.weight", (8, 32), {})
