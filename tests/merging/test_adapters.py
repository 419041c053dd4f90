"""Adapters are exact task vectors, or they are refused by name."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from evomerge.errors import ModelError
from merging.models import ModelRef, ModelSet

PREFIX = "base_model.model."
Q = "model.layers.1.self_attn.q_proj"
SIZES = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96}


@pytest.fixture
def adapter(family: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(family.lora[0], tmp_path / "adapter"))


def edit_config(path: Path, **changes: Any) -> None:
    config = json.loads((path / "adapter_config.json").read_text())
    (path / "adapter_config.json").write_text(json.dumps(config | changes))


def edit_tensors(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(path / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, path / "adapter_model.safetensors")


def merged_by_peft(base: Path, adapter: Path) -> dict[str, Tensor]:
    """Load the base in fp32, merge the adapter with PEFT, return all weights."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    weights: dict[str, Tensor] = merged.state_dict()
    return weights


def check_against_peft(base: Path, adapter: Path) -> set[str]:
    """Compare every tensor; return the names of those that the adapter changes."""
    models = ModelSet.open(ModelRef("base", str(base)), [ModelRef("expert", str(adapter))])
    expected, changed = merged_by_peft(base, adapter), set()
    for name in models.tensor_names():
        ours, delta = models.base_tensor(name).float(), models.delta(name, "expert")
        if delta is not None:
            changed.add(name)
            assert delta.dtype == torch.float32
            ours = ours + delta
        torch.testing.assert_close(ours, expected[name], atol=1e-6, rtol=1e-5)
        assert (delta is None) == torch.equal(models.base_tensor(name).float(), expected[name])
    return changed


def test_plain_adapter_equals_peft(family: Any) -> None:
    changed = check_against_peft(family.base, family.lora[0])
    assert len(changed) == 4 * 7
    assert f"{Q}.weight" in changed


def test_rank_stabilized_scale_and_patterns_equal_peft(family: Any, adapter: Path) -> None:
    key = f"{PREFIX}model.layers.2.mlp.up_proj.lora_"

    def smaller_rank(tensors: dict[str, Tensor]) -> None:
        tensors[f"{key}A.weight"] = tensors[f"{key}A.weight"][:2].clone()
        tensors[f"{key}B.weight"] = tensors[f"{key}B.weight"][:, :2].clone()

    edit_tensors(adapter, smaller_rank)
    edit_config(
        adapter,
        use_rslora=True,
        rank_pattern={r"layers\.2\.mlp\.up_proj": 2},
        alpha_pattern={"q_proj": 3, "model.layers.0.mlp.gate_proj": 5.5, "proj": 1000},
    )
    check_against_peft(family.base, adapter)


def test_real_model_adapter_equals_peft(smollm2: Path, make_lora: Callable[..., Path], tmp_path: Path) -> None:
    adapter = make_lora(tmp_path / "adapter", smollm2, seed=3, rank=8)
    models = ModelSet.open(ModelRef("base", str(smollm2)), [ModelRef("expert", str(adapter))])
    expected = merged_by_peft(smollm2, adapter)
    for name in ("model.layers.0.self_attn.k_proj.weight", "model.layers.29.mlp.down_proj.weight"):
        delta = models.delta(name, "expert")
        assert delta is not None
        torch.testing.assert_close(models.base_tensor(name).float() + delta, expected[name], atol=1e-6, rtol=1e-5)
    assert models.delta("model.embed_tokens.weight", "expert") is None


def test_modules_to_save_are_full_replacements(tmp_path: Path, tiny_llama: Any, make_lora: Any) -> None:
    base = tiny_llama(tmp_path / "untied", tie_word_embeddings=False, **SIZES)
    adapter = make_lora(tmp_path / "adapter", base, scale=0.2)
    head = torch.randn(320, 64)
    edit_tensors(adapter, lambda tensors: tensors.update({f"{PREFIX}lm_head.weight": head}))
    edit_config(adapter, modules_to_save=["lm_head"])
    assert "lm_head.weight" in check_against_peft(base, adapter)


def test_fan_in_fan_out_is_transposed(family: Any, adapter: Path) -> None:
    """Square projections only: a Llama base has no transposed layers, so the mathematics is checked."""

    def only_q(tensors: dict[str, Tensor]) -> None:
        for key in [key for key in tensors if "q_proj" not in key]:
            del tensors[key]

    edit_tensors(adapter, only_q)
    plain = family.open(a=adapter).delta(f"{Q}.weight", "a")
    edit_config(adapter, fan_in_fan_out=True)
    transposed = family.open(a=adapter).delta(f"{Q}.weight", "a")
    assert plain is not None and transposed is not None
    assert torch.equal(transposed, plain.T)
    assert transposed.is_contiguous()


def add(key: str, tensor: Tensor) -> Callable[[dict[str, Tensor]], object]:
    return lambda tensors: tensors.update({key: tensor})


CONFIG_CASES: list[tuple[dict[str, Any], str]] = [
    ({"peft_type": "IA3"}, "peft_type 'IA3'"),
    ({"use_dora": True}, "use_dora"),
    ({"lora_bias": True}, "lora_bias"),
    ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
    ({"init_lora_weights": "olora"}, "olora"),
    ({"layer_replication": [[0, 4], [2, 4]]}, "layer_replication"),
    ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
    ({"trainable_token_indices": [1]}, "trainable_token_indices"),
    ({"something_new": {"x": 1}}, "something_new"),
    ({"rank_pattern": {"q_proj": 9}}, "has rank 4, adapter_config.json says 9"),
]


@pytest.mark.parametrize(("changes", "problem"), CONFIG_CASES, ids=[problem for _, problem in CONFIG_CASES])
def test_configurations_that_are_no_plain_lora(
    family: Any, adapter: Path, changes: dict[str, Any], problem: str
) -> None:
    edit_config(adapter, **changes)
    with pytest.raises(ModelError) as caught:
        family.open(expert=adapter)
    assert caught.value.field == "model expert"
    assert problem in caught.value.problem


TENSOR_CASES: list[tuple[str, Callable[[dict[str, Tensor]], object], str]] = [
    ("dora", add(f"{PREFIX}{Q}.lora_magnitude_vector", torch.ones(64)), "is no LoRA factor of a linear layer"),
    ("embedding", add(f"{PREFIX}model.embed_tokens.lora_embedding_A", torch.ones(4, 320)), "embed_tokens"),
    ("factor bias", add(f"{PREFIX}{Q}.lora_B.bias", torch.ones(64)), "lora_B.bias"),
    ("unknown", add(f"{PREFIX}{Q}.weight", torch.ones(64, 64)), "belongs to no module of modules_to_save"),
    ("prefix", add("q_proj.lora_A.weight", torch.ones(4, 64)), "does not start with"),
    ("half", lambda t: t.pop(f"{PREFIX}{Q}.lora_B.weight"), f"{Q}.lora_B.weight is missing"),
    ("rank", add(f"{PREFIX}{Q}.lora_B.weight", torch.ones(64, 3)), "not those of a linear layer"),
    ("convolution", add(f"{PREFIX}{Q}.lora_A.weight", torch.ones(4, 64, 1, 1)), "not those of a linear layer"),
    ("shape", add(f"{PREFIX}{Q}.lora_B.weight", torch.ones(63, 4)), "has shape (63, 64), the base tensor has (64, 64)"),
    (
        "target",
        lambda t: t.update(
            {
                f"{PREFIX}model.layers.9.self_attn.q_proj.lora_A.weight": torch.ones(4, 64),
                f"{PREFIX}model.layers.9.self_attn.q_proj.lora_B.weight": torch.ones(64, 4),
            }
        ),
        "changes model.layers.9.self_attn.q_proj.weight, but the base has no such tensor",
    ),
    (
        "tied head",
        lambda t: t.update(
            {
                f"{PREFIX}lm_head.lora_A.weight": torch.ones(4, 64),
                f"{PREFIX}lm_head.lora_B.weight": torch.ones(320, 4),
            }
        ),
        "the base ties its head to its embedding",
    ),
]


@pytest.mark.parametrize(("change", "problem"), [c[1:] for c in TENSOR_CASES], ids=[c[0] for c in TENSOR_CASES])
def test_tensors_that_are_no_exact_change_of_a_linear_layer(
    family: Any, adapter: Path, change: Callable[[dict[str, Tensor]], object], problem: str
) -> None:
    edit_tensors(adapter, change)
    with pytest.raises(ModelError) as caught:
        family.open(expert=adapter)
    assert problem in caught.value.problem


def test_trained_biases_are_refused_but_the_setting_alone_is_not(family: Any, adapter: Path) -> None:
    edit_config(adapter, bias="lora_only")
    family.open(expert=adapter)
    edit_tensors(adapter, add(f"{PREFIX}{Q}.bias", torch.ones(64)))
    with pytest.raises(ModelError, match=r"q_proj\.bias is a trained bias \(bias='lora_only'\)"):
        family.open(expert=adapter)
    edit_config(adapter, bias="none")
    with pytest.raises(ModelError, match=r"q_proj\.bias belongs to no module"):
        family.open(expert=adapter)


def test_replacing_a_tied_embedding_is_refused(family: Any, adapter: Path) -> None:
    edit_config(adapter, modules_to_save=["embed_tokens"])
    edit_tensors(adapter, add(f"{PREFIX}model.embed_tokens.weight", torch.ones(320, 64)))
    with pytest.raises(ModelError, match="an embedding that the base ties to its head"):
        family.open(expert=adapter)


def test_pickled_adapters_are_refused(family: Any, adapter: Path) -> None:
    torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"only pickle weights \(adapter_model\.bin\)"):
        family.open(expert=adapter)


def test_non_finite_factors_are_found(family: Any, adapter: Path) -> None:
    edit_tensors(adapter, lambda tensors: tensors[f"{PREFIX}{Q}.lora_A.weight"].fill_(float("inf")))
    with pytest.raises(ModelError, match=r"q_proj\.lora_A\.weight holds NaN or infinite"):
        family.open(expert=adapter).check_finite()
