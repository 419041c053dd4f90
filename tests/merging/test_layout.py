"""Splitting stored tensors into (out, in) weights: exact inverses, and the parts are what the models use them as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merging.layout import layout_of
from merging.names import block_index, is_buffer, is_tower, is_vocabulary

SMALL = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA = SMALL | {"intermediate_size": 24, "num_key_value_heads": 2, "pad_token_id": 0}
GPT = {"vocab_size": 40, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 16}
QWEN_NEXT = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 3,
    "linear_value_head_dim": 5,
}
DEEPSEEK = {"num_attention_heads": 4, "qk_nope_head_dim": 6, "v_head_dim": 5, "kv_lora_rank": 12, "qk_rope_head_dim": 4}
WRITES_HIDDEN = ("down_proj", "o_proj", "4h_to_h", "out_proj", "mlp.c_proj", "fc_out")
# transformers compiles a part of GPT-BigCode with a deprecated function when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
# Every model whose attention has one fused weight: class, configuration, name of the weight.
FUSED_ATTENTION = {
    "phi3": ("Phi3", LLAMA, "qkv_proj"),
    "gpt_neox": ("GPTNeoX", SMALL | {"intermediate_size": 24}, "query_key_value"),
    "bloom": ("Bloom", GPT | {"hidden_size": 32}, "query_key_value"),
    "falcon-40b": ("Falcon", SMALL | {"new_decoder_architecture": True, "num_kv_heads": 2}, "query_key_value"),
    "falcon-7b": ("Falcon", SMALL | {"multi_query": True}, "query_key_value"),
    "falcon-rw": ("Falcon", SMALL | {"multi_query": False}, "query_key_value"),
    "persimmon": ("Persimmon", SMALL | {"intermediate_size": 24}, "query_key_value"),
    "gpt2": ("GPT2", GPT, "c_attn"),
    "gpt_bigcode-mqa": ("GPTBigCode", GPT | {"multi_query": True}, "c_attn"),
    "gpt_bigcode": ("GPTBigCode", GPT | {"multi_query": False}, "c_attn"),
    "codegen": ("CodeGen", GPT | {"n_ctx": 16, "rotary_dim": 4}, "qkv_proj"),
    "mpt": ("Mpt", {"vocab_size": 40, "d_model": 32, "n_layers": 2, "n_heads": 4, "expansion_ratio": 1}, "Wqkv"),
}
GATED = {
    "phi3": ("Phi3", LLAMA),
    "glm4": ("Glm4", LLAMA | {"head_dim": 8}),
    "mixtral": ("Mixtral", LLAMA | {"num_local_experts": 3}),
    "qwen3_moe": ("Qwen3Moe", LLAMA | {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 12}),
    "granitemoe": ("GraniteMoe", LLAMA | {"num_local_experts": 3, "num_experts_per_tok": 2}),
    "llama4": ("Llama4", LLAMA | {"num_local_experts": 3, "num_experts_per_tok": 1, "intermediate_size_mlp": 24}),
}  # fmt: skip


def tiny(name: str, settings_of: dict[str, Any], seed: int = 0) -> Any:
    """Make a small random model with every bias zero."""
    stem = "Llama4Text" if name == "Llama4" else name
    config = getattr(transformers, f"{stem}Config")(**settings_of)
    torch.manual_seed(seed)
    suffix = "LMHeadModel" if name == "GPT2" else "ForCausalLM"
    model = getattr(transformers, name + suffix)(config).eval()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
        elif parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


@torch.no_grad()
def logits(model: Any) -> Tensor:
    found: Tensor = model(torch.tensor([[1, 5, 9, 30, 2]]), use_cache=False).logits
    return found


@torch.no_grad()
def rewrite(model: Any, ending: str, change: Callable[[str, Tensor], Tensor]) -> int:
    """Apply a change to every part of every weight with a name; returns the number of weights."""
    count = 0
    for name, parameter in model.named_parameters():
        if name.removesuffix(".weight").endswith(ending):
            layout = layout_of(name, tuple(parameter.shape), model.config.to_dict())
            parts = [change(label, part) for label, part in zip(layout.labels, layout.split(parameter), strict=True)]
            parameter.copy_(layout.fuse(parts))
            count += 1
    return count


@pytest.mark.parametrize("family", FUSED_ATTENTION)
def test_without_values_attention_ignores_queries_and_keys(family: str) -> None:
    name, settings_of, weight = FUSED_ATTENTION[family]
    model = tiny(name, settings_of)
    plain = logits(model)
    assert rewrite(model, weight, lambda label, part: part.flip(0) if label != "v" else part) == 2
    assert not torch.allclose(logits(model), plain, atol=1e-3)
    rewrite(model, weight, lambda label, part: torch.zeros_like(part) if label == "v" else part)
    without = logits(model)
    assert not torch.allclose(without, plain, atol=1e-3)
    rewrite(model, weight, lambda label, part: part if label == "v" else torch.randn_like(part))
    assert torch.equal(logits(model), without)


@pytest.mark.parametrize("family", GATED)
def test_without_up_the_gate_means_nothing(family: str) -> None:
    name, settings_of = GATED[family]
    model = tiny(name, settings_of)
    plain = logits(model)
    rewrite(model, "gate_up_proj", lambda label, part: torch.zeros_like(part) if label.endswith("up") else part)
    without = logits(model)
    assert not torch.allclose(without, plain, atol=1e-3)
    assert rewrite(model, "gate_up_proj", lambda label, part: part if label.endswith("up") else part + 1.0) == 2
    assert torch.equal(logits(model), without)


@pytest.mark.parametrize("family", [*FUSED_ATTENTION, *(name for name in GATED if name not in FUSED_ATTENTION)])
def test_every_tensor_of_every_family_splits_and_fuses(family: str) -> None:
    name, settings_of, *_ = (FUSED_ATTENTION | GATED)[family]
    model = tiny(name, settings_of)
    config = model.config.to_dict()
    for tensor_name, tensor in model.state_dict().items():
        layout = layout_of(tensor_name, tuple(tensor.shape), config)
        parts = layout.split(tensor)
        assert len(parts) == len(layout.labels)
        assert torch.equal(layout.fuse(parts), tensor)
        if layout.role == "matrix":
            assert all(part.ndim == 2 and part.is_contiguous() for part in parts)
            writes = any(word in tensor_name for word in WRITES_HIDDEN)
            assert all(part.shape[0 if writes else 1] == 32 for part in parts)


@pytest.mark.parametrize(
    ("name", "shape", "config", "labels", "part"),
    [
        ("model.layers.0.mlp.experts.gate_up_proj", (2, 32, 48), "gpt_oss", ("gate", "up"), (24, 32)),
        ("model.layers.0.mlp.experts.gate_up_proj", (2, 32, 48), "qwen3_vl_moe_text", ("gate", "up"), (24, 32)),
        ("model.layers.0.mlp.experts.gate_up_proj", (2, 32, 32), "llama4_text", ("gate", "up"), (16, 32)),
        ("model.layers.0.mlp.experts.down_proj", (2, 24, 32), "llama4_text", ("",), (32, 24)),
        ("model.layers.0.mlp.experts.down_proj", (2, 32, 24), "qwen3_moe", ("",), (32, 24)),
        ("model.layers.0.block_sparse_moe.input_linear.weight", (2, 48, 32), "granitemoe", ("gate", "up"), (24, 32)),
        ("model.layers.0.block_sparse_moe.output_linear.weight", (2, 32, 24), "granitemoe", ("",), (32, 24)),
    ],
)
def test_fused_experts_come_apart_as_out_in(
    name: str, shape: tuple[int, ...], config: str, labels: tuple[str, ...], part: tuple[int, int]
) -> None:
    tensor = torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)
    layout = layout_of(name, shape, {"model_type": config, "hidden_size": 32})
    parts = layout.split(tensor)
    assert layout.labels == tuple(f"expert {expert} {label}".strip() for expert in range(2) for label in labels)
    assert all(tuple(one.shape) == part for one in parts)
    assert torch.equal(layout.fuse(parts), tensor)


def test_gpt_oss_gates_are_every_second_output() -> None:
    tensor = torch.randn(2, 32, 48)
    config = {"model_type": "gpt_oss", "hidden_size": 32}
    parts = layout_of("model.layers.0.mlp.experts.gate_up_proj", (2, 32, 48), config).split(tensor)
    assert torch.equal(parts[2], tensor[1, :, ::2].T) and torch.equal(parts[3], tensor[1, :, 1::2].T)


def test_dbrx_experts_are_flattened_and_their_last_weight_is_in_out() -> None:
    config = {"model_type": "dbrx", "ffn_config": {"moe_num_experts": 3}}
    tensor = torch.randn(3 * 24, 32)
    for leaf, expected in (("w1", tensor[24:48]), ("w2", tensor[24:48].T)):
        layout = layout_of(f"transformer.blocks.0.ffn.experts.mlp.{leaf}", (72, 32), config)
        parts = layout.split(tensor)
        assert torch.equal(parts[1], expected) and torch.equal(layout.fuse(parts), tensor)


def test_latent_and_linear_attention() -> None:
    heads = torch.arange(4 * 11 * 2, dtype=torch.float32).reshape(44, 2)
    k, v = layout_of("model.layers.0.self_attn.kv_b_proj.weight", (44, 2), DEEPSEEK).split(heads)
    assert torch.equal(k, heads.view(4, 11, 2)[:, :6].reshape(24, 2))
    assert torch.equal(v, heads.view(4, 11, 2)[:, 6:].reshape(20, 2))
    latent = layout_of("model.layers.0.self_attn.kv_a_proj_with_mqa.weight", (16, 32), DEEPSEEK)
    assert [len(part) for part in latent.split(torch.randn(16, 32))] == [12, 4]
    fused = torch.randn(2 * (3 + 3 + 10 + 10), 8)
    parts = layout_of("model.layers.0.linear_attn.in_proj_qkvz.weight", tuple(fused.shape), QWEN_NEXT).split(fused)
    assert torch.equal(parts[2], fused.view(2, 26, 8)[:, 6:16].reshape(20, 8))
    gates = layout_of("model.layers.0.linear_attn.in_proj_ba.weight", (8, 8), QWEN_NEXT)
    assert gates.labels == ("b", "a")


@pytest.mark.parametrize(
    ("name", "shape", "role"),
    [
        ("model.norm.weight", (8,), "vector"),
        ("model.layers.0.self_attn.q_norm.weight", (4, 8), "vector"),
        ("model.layers.0.mlp.experts.gate_up_proj_bias", (4, 8), "vector"),
        ("model.layers.0.mamba.A_log", (4, 8), "vector"),
        ("model.layers.0.mlp.gate.weight", (4, 8), "vector"),
        ("model.layers.0.mlp.router.weight", (4, 8), "vector"),
        ("model.layers.0.block_sparse_moe.gate.weight", (4, 8), "vector"),
        ("model.layers.0.mlp.shared_expert_gate.weight", (1, 8), "vector"),
        ("model.layers.0.block_sparse_moe.router.layer.weight", (4, 8), "vector"),
        ("model.layers.0.mlp.experts.0.gate_proj.weight", (4, 8), "matrix"),
        ("model.layers.0.block_sparse_moe.experts.0.w1.weight", (4, 8), "matrix"),
        ("model.layers.0.mlp.gate_proj.weight", (4, 8), "matrix"),
        ("model.embed_tokens.weight", (4, 8), "embedding"),
        ("transformer.wpe.weight", (4, 8), "embedding"),
        ("lm_head.weight", (4, 8), "head"),
        ("lm_head.bias", (4,), "vector"),
    ],
)
def test_roles(name: str, shape: tuple[int, ...], role: str) -> None:
    layout = layout_of(name, shape, {})
    assert layout.role == role and layout.labels == ("",)


def test_convolutions_are_out_by_everything_else() -> None:
    for shape in ((6, 3, 2, 2), (6, 1, 4), (6, 3, 2, 2, 2)):
        layout = layout_of("model.layers.0.mixer.conv1d.weight", shape, {})
        tensor = torch.randn(shape)
        (part,) = layout.split(tensor)
        assert part.shape == (6, tensor[0].numel())
        assert torch.equal(layout.fuse((part,)), tensor)


@pytest.mark.parametrize("name", ["self_attn.qkv_proj", "attention.query_key_value", "mlp.gate_up_proj"])
def test_a_weight_that_does_not_divide_is_one_matrix(name: str) -> None:
    layout = layout_of(f"model.layers.0.{name}.weight", (31, 8), {"num_attention_heads": 4, "num_key_value_heads": 2})
    assert layout.labels == ("",)


def test_a_multimodal_model_keeps_its_language_model_in_a_section() -> None:
    config = {"text_config": {"num_attention_heads": 4, "num_key_value_heads": 1}, "num_attention_heads": 9}
    layout = layout_of("model.language_model.layers.0.self_attn.qkv_proj.weight", (48, 8), config)
    assert [len(part) for part in layout.split(torch.randn(48, 8))] == [32, 8, 8]


def test_names_of_buffers_towers_and_vocabulary_tensors() -> None:
    assert is_buffer("h.0.attn.bias") and is_buffer("gpt_neox.layers.0.attention.masked_bias")
    assert not is_buffer("h.0.attn.c_attn.bias")
    for name in ("visual.blocks.0.attn.qkv.weight", "model.vision_tower.encoder.layers.3.mlp.fc1.weight"):
        assert is_tower(name) and block_index(name) is None
    assert is_tower("multi_modal_projector.linear_1.bias")
    assert not is_tower("model.language_model.layers.2.mlp.up_proj.weight")
    assert block_index("model.language_model.layers.2.mlp.up_proj.weight") == 2
    assert all(map(is_vocabulary, ("model.embed_tokens.weight", "lm_head.weight", "lm_head.bias", "embed_out.weight")))
    assert not is_vocabulary("transformer.wpe.weight")


@settings(max_examples=25, deadline=None)
@given(
    leaf=st.sampled_from(["qkv_proj", "query_key_value", "c_attn", "Wqkv", "wqkv", "gate_up_proj"]),
    family=st.sampled_from(["llama", "gpt2", "falcon", "codegen", "gpt_bigcode", "gpt_oss"]),
    groups=st.integers(1, 3),
    per_group=st.integers(1, 3),
    size=st.integers(1, 3),
    columns=st.integers(1, 5),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_fuse_inverts_split(
    leaf: str, family: str, groups: int, per_group: int, size: int, columns: int, dtype: torch.dtype
) -> None:
    heads = groups * per_group
    config = {"model_type": family, "num_attention_heads": heads, "num_key_value_heads": groups}
    rows = (heads + 2 * groups) * size
    shape = (columns, rows) if family == "gpt2" and leaf == "c_attn" else (rows, columns)
    tensor = torch.randn(shape).to(dtype)
    layout = layout_of(f"model.layers.0.self_attn.{leaf}.weight", shape, config)
    parts = layout.split(tensor)
    assert sum(part.numel() for part in parts) == tensor.numel()
    assert torch.equal(layout.fuse(parts), tensor) and layout.fuse(parts).dtype is dtype
    # The other way round: parts that are changed come back as they were changed.
    changed = [torch.randn_like(part) for part in parts]
    again = layout.split(layout.fuse(changed))
    assert all(torch.equal(one, other) for one, other in zip(changed, again, strict=True))
