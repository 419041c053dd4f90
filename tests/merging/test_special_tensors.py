"""Every operator on checkpoints with tied embeddings, fused projections, experts and transposed weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from evomerge.errors import ModelError, RecipeError
from merging.layout import layout_of
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.operators import get_operator, operator_names
from merging.recipe import Recipe

LLAMA = {
    "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "pad_token_id": 0, "tie_word_embeddings": False,
}  # fmt: skip
MOE = {"num_experts_per_tok": 2}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "tied": ("Llama", LLAMA | {"tie_word_embeddings": True}),
    "phi3": ("Phi3", LLAMA),
    "mixtral": ("Mixtral", LLAMA | MOE | {"num_local_experts": 3}),
    "qwen3_moe": ("Qwen3Moe", LLAMA | MOE | {"num_experts": 3, "moe_intermediate_size": 12, "head_dim": 4}),
    "gpt_oss": ("GptOss", LLAMA | MOE | {"num_local_experts": 3, "head_dim": 4}),
    "gpt2": ("GPT2", {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 8}),
}
# What an operator says no to, by name: alignment knows the axes of plain decoders, paths need blocks of one kind,
# and one method is defined on adapters alone.
REFUSED = {
    "evo_merging": tuple(FAMILIES),
    "git_rebasin": ("mixtral", "qwen3_moe", "gpt_oss", "gpt2"),
    "layer_path": ("gpt_oss",),
    "ot_fusion": ("mixtral", "qwen3_moe", "gpt_oss", "gpt2"),
}
FEW_STEPS = {"wudi": {"iterations": 2}, "optmerge": {"iterations": 2}}
WITHOUT_DATA = [name for name in operator_names() if get_operator(name).data == "none"]


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelSet]:
    """Open a random bf16 base of a family and three experts near it."""
    root = tmp_path_factory.mktemp("special")

    @cache
    def open_family(family: str) -> ModelSet:
        name, settings = FAMILIES[family]
        torch.manual_seed(0)
        config = getattr(transformers, f"{name}Config")(**settings)
        suffix = "LMHeadModel" if name == "GPT2" else "ForCausalLM"
        base = root / family
        getattr(transformers, name + suffix)(config).to(torch.bfloat16).save_pretrained(base)
        tensors = load_file(base / "model.safetensors")
        experts = [expert(root / f"{family}-{index}", base, tensors, index) for index in range(3)]
        return ModelSet.open(ModelRef("base", str(base)), experts)

    return open_family


def expert(path: Path, base: Path, tensors: dict[str, Tensor], seed: int) -> ModelRef:
    generator = torch.Generator().manual_seed(seed + 1)
    path.mkdir()
    (path / "config.json").write_bytes((base / "config.json").read_bytes())
    changed = {
        name: (tensor.float() + 0.05 * torch.randn(tensor.shape, generator=generator)).to(tensor.dtype)
        for name, tensor in sorted(tensors.items())
    }
    save_file(changed, path / "model.safetensors", metadata={"format": "pt"})
    return ModelRef("abc"[seed], str(path))


def merged(models: ModelSet, method: str) -> dict[str, Tensor]:
    operator = get_operator(method)
    count = max(operator.min_models, min(3, operator.max_models or 3))
    recipe = Recipe(method, tuple("abc"[:count]), options=FEW_STEPS.get(method, {}))
    return dict(Materializer(models).tensors(recipe))


def check(models: ModelSet, result: dict[str, Tensor]) -> None:
    assert tuple(sorted(result)) == models.tensor_names()
    assert models.tied_embeddings == ("lm_head.weight" not in result)
    for name, tensor in result.items():
        info = models.tensor_info(name)
        assert (tuple(tensor.shape), tensor.dtype) == (info.shape, info.dtype), name
        assert tensor.isfinite().all(), name
    assert any(not torch.equal(tensor, models.base_tensor(name)) for name, tensor in result.items())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", WITHOUT_DATA)
def test_every_tensor_keeps_its_name_its_shape_and_its_dtype(
    opened: Callable[[str], ModelSet], family: str, method: str
) -> None:
    models = opened(family)
    if family in REFUSED.get(method, ()):
        with pytest.raises((ModelError, RecipeError), match=r"Llama, Mistral|adapters"):
            merged(models, method)
    else:
        check(models, merged(models, method))


@pytest.mark.parametrize("method", [name for name in WITHOUT_DATA if get_operator(name).needs_factors])
def test_operators_on_factors_keep_every_tensor_of_a_fused_model(
    opened: Callable[[str], ModelSet], make_lora: Callable[..., Path], tmp_path: Path, method: str
) -> None:
    base = opened("phi3").base
    adapters = [
        ModelRef(name, str(make_lora(tmp_path / name, Path(base.path), seed=seed, scale=0.3)))
        for seed, name in enumerate("abc")
    ]
    models = ModelSet.open(base, adapters)
    assert models.delta("model.layers.0.self_attn.qkv_proj.weight", "a") is not None
    check(models, merged(models, method))


def test_the_families_cover_the_policy_table(opened: Callable[[str], ModelSet]) -> None:
    labels: set[str] = set()
    roles: set[str] = set()
    for family in FAMILIES:
        models = opened(family)
        for name in models.tensor_names():
            layout = layout_of(name, models.tensor_info(name).shape, models.config)
            labels.update(layout.labels)
            roles.add(layout.role)
    assert roles == {"matrix", "embedding", "head", "vector"}
    assert {"q", "k", "v", "gate", "up", "expert 0 gate", "expert 2 up", "expert 1"} <= labels


def test_the_tower_and_projector_of_a_multimodal_model_are_the_bases(tmp_path: Path) -> None:
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**vision, image_size=8, patch_size=4),
        text_config=transformers.LlamaConfig(**LLAMA),
    )
    torch.manual_seed(0)
    base = tmp_path / "base"
    transformers.LlavaForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(base)
    tensors = load_file(base / "model.safetensors")
    models = ModelSet.open(ModelRef("base", str(base)), [expert(tmp_path / "a", base, tensors, 0)])
    assert models.num_blocks == 2
    result = dict(Materializer(models).tensors(Recipe("linear", ("a",))))
    copied = {name for name in result if torch.equal(result[name], models.base_tensor(name))}
    assert copied == {name for name in result if "vision" in name or "projector" in name}
    assert any("vision" in name for name in copied) and any("layers.1.mlp" in name for name in set(result) - copied)
