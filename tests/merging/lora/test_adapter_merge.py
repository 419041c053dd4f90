"""A merge written as an adapter is the dense merge, as real PEFT loads it."""

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

from evomerge.errors import Infeasible, InvalidInput, ModelError, RecipeError, StateConflict
from merging.lora.merge import merge_adapters
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

PREFIX = "base_model.model."
Q = "model.layers.1.self_attn.q_proj"
UP = "model.layers.2.mlp.up_proj"
SIZES = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96}
LAYERED = {"weight": {"a": (0.2, -0.4, 0.6, 1.0), "b": (0.5,)}, "lines_alpha": (0.8,), "lines_beta": (0.3,)}


def opened(base: Path, **experts: Path) -> ModelSet:
    return ModelSet.open(ModelRef("base", str(base)), [ModelRef(name, str(path)) for name, path in experts.items()])


def edited(path: Path, tensors: Callable[[dict[str, Tensor]], object] = lambda t: None, **config: Any) -> Path:
    found = load_file(path / "adapter_model.safetensors")
    tensors(found)
    save_file(found, path / "adapter_model.safetensors")
    settings = json.loads((path / "adapter_config.json").read_text())
    (path / "adapter_config.json").write_text(json.dumps(settings | config))
    return path


def run_by_peft(base: Path, adapter: Path, weights: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return fp32 logits of the base, of the base with other weights, and of the base with a PEFT adapter."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    tokens = torch.arange(3, 27).view(2, 12)

    def run(model: Any) -> Tensor:
        with torch.no_grad():
            found: Tensor = model.eval()(tokens).logits
        return found

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        own = {name: tensor.clone() for name, tensor in model.state_dict().items() if name in weights}
        plain = run(model)
        model.load_state_dict(weights, strict=False)
        merged = run(model)
        model.load_state_dict(own, strict=False)
        adapted = run(PeftModel.from_pretrained(model, adapter))
    assert not [one for one in caught if "missing" in str(one.message).lower()]
    return plain, merged, adapted


def dense(models: ModelSet, recipe: Recipe) -> dict[str, Tensor]:
    return dict(Materializer(models, resident=False).tensors(recipe, dtype=torch.float32))


def check_forward(models: ModelSet, recipe: Recipe, out: Path) -> None:
    plain, merged, adapted = run_by_peft(Path(models.base.path), out, dense(models, recipe))
    change = float((merged - plain).abs().max())
    assert change > 0.1
    assert float((adapted - merged).abs().max()) < 1e-3 * change


def reread(models: ModelSet, out: Path, recipe: Recipe, **tolerance: float) -> None:
    """Every tensor that the adapter makes of the base is the dense merge's."""
    again = opened(Path(models.base.path), merged=out)
    for name, expected in dense(models, recipe).items():
        delta = again.delta(name, "merged")
        base = models.base_tensor(name).float()
        torch.testing.assert_close(base if delta is None else base + delta, expected, **tolerance)


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("task_arithmetic", {"granularity": "layer", "coefficients": LAYERED}),
        ("task_arithmetic", {"coefficients": {"lambda": (0.5,)}, "options": {"normalize": True}}),
        ("linear", {"granularity": "group:2+module", "coefficients": {"weight": {"a": (0.1, 0.2, 0.3, 0.4)}}}),
        ("linear", {"coefficients": {"weight": {"a": (0.25,), "b": (0.75,)}}, "options": {"normalize": False}}),
    ],
)
def test_linear_merges_are_exact(lora_models: ModelSet, tmp_path: Path, method: str, fields: dict[str, Any]) -> None:
    recipe = Recipe(method, ("a", "b"), **fields)
    result = merge_adapters(lora_models, recipe, tmp_path / "out")
    assert result.exact and result.error == 0.0 and set(result.ranks.values()) == {8}
    assert len(result.ranks) == 28 and result.saved == ()
    reread(lora_models, result.path, recipe, atol=2e-6, rtol=1e-6)
    config = json.loads((result.path / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] == 8
    assert sorted(config["target_modules"]) == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )
    assert result.bytes == sum(path.stat().st_size for path in result.path.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_peft_runs_an_exact_merge(lora_models: ModelSet, tmp_path: Path) -> None:
    recipe = Recipe("task_arithmetic", ("a", "b"), "layer", LAYERED)
    check_forward(lora_models, recipe, merge_adapters(lora_models, recipe, tmp_path / "out").path)


def test_peft_runs_adapters_of_different_shape_rank_and_scale(family: Any, make_lora: Any, tmp_path: Path) -> None:
    """Ranks 4 and 2, one module in one adapter only, rank-stabilized scale, a layer that nobody changes."""

    def without(tensors: dict[str, Tensor]) -> None:
        for key in [key for key in tensors if "layers.3" in key or UP in key]:
            del tensors[key]

    small = edited(make_lora(tmp_path / "small", family.base, seed=5, rank=2, scale=0.2), without, use_rslora=True)
    large = edited(
        Path(shutil.copytree(family.lora[0], tmp_path / "large")),
        lambda t: [t.pop(key) for key in list(t) if "layers.3" in key],
    )
    models = opened(family.base, a=small, b=large)
    recipe = Recipe("task_arithmetic", ("a", "b"), coefficients={"weight": {"a": (0.7,), "b": (-0.9,)}})
    result = merge_adapters(models, recipe, tmp_path / "out")
    assert result.ranks[f"{UP}.weight"] == 4 and result.ranks[f"{Q}.weight"] == 6
    check_forward(models, recipe, result.path)
    reread(models, result.path, recipe, atol=2e-6, rtol=1e-6)


@pytest.mark.parametrize("method", ["ties", "dare_ties", "dare_linear", "knots", "evo_merging"])
def test_other_methods_at_full_rank_are_the_dense_merge(lora_models: ModelSet, tmp_path: Path, method: str) -> None:
    recipe = Recipe(method, ("a", "b"), "layer")
    result = merge_adapters(lora_models, recipe, tmp_path / "out", 64)
    assert not result.exact and result.error < 1e-5
    reread(lora_models, result.path, recipe, atol=2e-5, rtol=1e-5)


def test_peft_runs_a_truncated_merge_with_the_error_it_reports(lora_models: ModelSet, tmp_path: Path) -> None:
    recipe = Recipe("ties", ("a", "b"), coefficients={"density": {"a": (0.5,), "b": (0.5,)}})
    result = merge_adapters(lora_models, recipe, tmp_path / "out", 6)
    assert set(result.ranks.values()) == {6} and 0.05 < result.error < 0.9
    again, lost, whole = opened(Path(lora_models.base.path), merged=result.path), 0.0, 0.0
    for name, merged in dense(lora_models, recipe).items():
        change = merged - lora_models.base_tensor(name).float()
        if name not in result.errors:
            assert not change.any()
            continue
        delta = again.delta(name, "merged")
        assert delta is not None
        miss, size = float((change - delta).norm()), float(change.norm())
        assert result.errors[name] == pytest.approx(miss / size, rel=1e-3)
        lost, whole = lost + miss**2, whole + size**2
    assert result.error == pytest.approx((lost / whole) ** 0.5, rel=1e-3)
    _, merged, adapted = run_by_peft(Path(lora_models.base.path), result.path, dense(lora_models, recipe))
    assert not torch.allclose(adapted, merged, atol=1e-3)


def test_chunks_cut_through_tensors_and_keep_the_rank(lora_models: ModelSet, tmp_path: Path) -> None:
    recipe = Recipe("task_arithmetic", ("a", "b"), "chunks:5", {"weight": {"a": (0.1, 0.5, 0.9, 1.3, -0.4)}})
    with pytest.raises(RecipeError, match="granularity chunks:5 has no exact adapter"):
        merge_adapters(lora_models, recipe, tmp_path / "out")
    result = merge_adapters(lora_models, recipe, tmp_path / "out", 8)
    assert result.error < 1e-5
    reread(lora_models, result.path, recipe, atol=2e-5, rtol=1e-5)


def test_truncating_a_linear_merge_and_storing_in_16_bits(lora_models: ModelSet, tmp_path: Path) -> None:
    recipe = Recipe("linear", ("a", "b"))
    whole = merge_adapters(lora_models, recipe, tmp_path / "whole", 8)
    half = merge_adapters(lora_models, recipe, tmp_path / "half", 8, dtype="bfloat16")
    cut = merge_adapters(lora_models, recipe, tmp_path / "cut", 5)
    assert whole.exact and half.exact and not cut.exact
    assert whole.error == 0.0 < 1e-4 < half.error < 1e-2 < cut.error
    assert half.bytes < 0.6 * whole.bytes
    stored = load_file(half.path / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}


@pytest.mark.parametrize("method", ["task_arithmetic", "ties"])
def test_replaced_modules_are_merged_as_a_whole(tmp_path: Path, tiny_llama: Any, make_lora: Any, method: str) -> None:
    """One adapter replaces head and final norm, the other adds low rank to the head."""
    base = tiny_llama(tmp_path / "untied", tie_word_embeddings=False, **SIZES)
    generator = torch.Generator().manual_seed(9)
    stored = load_file(base / "model.safetensors")
    new = {
        f"{PREFIX}lm_head.weight": stored["lm_head.weight"].float() + 0.1 * torch.randn(320, 64, generator=generator),
        f"{PREFIX}model.norm.weight": torch.full((64,), 1.5),
    }
    factors = {
        f"{PREFIX}lm_head.lora_A.weight": torch.randn(4, 64, generator=generator),
        f"{PREFIX}lm_head.lora_B.weight": torch.randn(320, 4, generator=generator),
    }
    first = edited(
        make_lora(tmp_path / "first", base, seed=1, scale=0.2),
        lambda tensors: tensors.update(new),
        modules_to_save=["lm_head", "norm"],
    )
    second = edited(make_lora(tmp_path / "second", base, seed=2, scale=0.2), lambda tensors: tensors.update(factors))
    models = opened(base, a=first, b=second)
    recipe = Recipe(method, ("a", "b"), coefficients={"weight": {"a": (0.5,), "b": (0.3,)}})
    result = merge_adapters(models, recipe, tmp_path / "out", None if method == "task_arithmetic" else 64)
    assert result.saved == ("lm_head.weight", "model.norm.weight")
    reread(models, result.path, recipe, atol=2e-5, rtol=1e-5)
    check_forward(models, recipe, result.path)
    alone = Recipe("task_arithmetic", ("a", "b"), coefficients={"weight": {"a": (0.0,)}})
    only_low = merge_adapters(models, alone, tmp_path / "alone")
    assert only_low.saved == () and only_low.ranks["lm_head.weight"] == 4


def test_transposed_layers_are_written_as_peft_stores_them(family: Any, tmp_path: Path) -> None:
    """Square projections only: a Llama base has no transposed layers, so the mathematics is checked."""
    paths = []
    for index in range(2):
        path = Path(shutil.copytree(family.lora[index], tmp_path / f"lora-{index}"))
        edited(path, lambda t: [t.pop(key) for key in list(t) if "q_proj" not in key], fan_in_fan_out=True)
        paths.append(path)
    models = opened(family.base, a=paths[0], b=paths[1])
    recipe = Recipe("task_arithmetic", ("a", "b"))
    result = merge_adapters(models, recipe, tmp_path / "out")
    reread(models, result.path, recipe, atol=2e-6, rtol=1e-6)
    stored = load_file(result.path / "adapter_model.safetensors")
    own = load_file(paths[0] / "adapter_model.safetensors")
    assert torch.equal(stored[f"{PREFIX}{Q}.lora_A.weight"][:4], own[f"{PREFIX}{Q}.lora_A.weight"])
    edited(paths[1], fan_in_fan_out=False)
    with pytest.raises(RecipeError, match="disagree in fan_in_fan_out"):
        merge_adapters(opened(family.base, a=paths[0], b=paths[1]), recipe, tmp_path / "other")


def refuse(
    kind: type[Exception], match: str, models: ModelSet, recipe: Recipe, out: Path, *rest: Any, **named: Any
) -> None:
    with pytest.raises(kind, match=match):
        merge_adapters(models, recipe, out, *rest, **named)
    assert not out.exists() and not list(out.parent.glob(f".{out.name}*"))


def test_what_no_adapter_can_be_is_refused(mixed_models: ModelSet, lora_models: ModelSet, tmp_path: Path) -> None:
    out, pair = tmp_path / "out", ("a", "b")
    refuse(RecipeError, "a is no LoRA adapter", mixed_models, Recipe("linear", ("a", "c")), out)
    refuse(RecipeError, "no expert is named 'z'", lora_models, Recipe("linear", ("a", "z")), out)
    refuse(RecipeError, "ties at granularity global has no exact adapter", lora_models, Recipe("ties", pair), out)
    refuse(RecipeError, "rank: found 0", lora_models, Recipe("ties", pair), out, 0)
    refuse(InvalidInput, "dtype: found 'int8'", lora_models, Recipe("linear", pair), out, dtype="int8")
    refuse(RecipeError, "the merge changes no linear layer", lora_models, _weights(0.0, 0.0), out)
    scaled = Recipe("linear", pair, options={"normalize": False})
    refuse(RecipeError, "sum to 2, which scales the base itself", lora_models, scaled, out)
    refuse(RecipeError, "changes model.embed_tokens.weight, which none", lora_models, scaled_by_chunks(), out, 4)
    refuse(Infeasible, "cannot be normalized", lora_models, Recipe("linear", pair, coefficients=_sum_zero()), out)
    refuse(Infeasible, "not finite in torch.float16", lora_models, _weights(1e6, 1e6), out, dtype="float16")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(StateConflict, match="is not empty"):
        merge_adapters(lora_models, Recipe("linear", pair), tmp_path / "full")


def _weights(first: float, second: float) -> Recipe:
    return Recipe("task_arithmetic", ("a", "b"), coefficients={"weight": {"a": (first,), "b": (second,)}})


def _sum_zero() -> dict[str, Any]:
    return {"weight": {"a": (0.5,), "b": (-0.5,)}}


def scaled_by_chunks() -> Recipe:
    return Recipe("linear", ("a", "b"), "chunks:2", options={"normalize": False})


def test_nan_is_found_before_anything_is_written(family: Any, tmp_path: Path) -> None:
    broken = edited(
        Path(shutil.copytree(family.lora[0], tmp_path / "nan")),
        lambda tensors: tensors[f"{PREFIX}{Q}.lora_A.weight"].fill_(float("nan")),
    )
    models = opened(family.base, a=broken, b=family.lora[1])
    refuse(ModelError, "holds NaN", models, Recipe("linear", ("a", "b")), tmp_path / "out")


def test_the_shipped_experts_merge_exactly_as_peft_runs_them(smollm2: Path, tmp_path: Path) -> None:
    experts = Path(__file__).resolve().parents[3] / "examples" / "experts"
    models = opened(smollm2, arithmetic=experts / "arithmetic", json=experts / "json")
    recipe = Recipe(
        "task_arithmetic", ("arithmetic", "json"), coefficients={"weight": {"arithmetic": (0.7,), "json": (0.6,)}}
    )
    result = merge_adapters(models, recipe, tmp_path / "out")
    assert result.exact and result.error == 0.0 and len(result.ranks) == 210
    check_forward(models, recipe, result.path)
