"""Layer paths on small real Llama models, run by transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config

from evomerge.errors import Infeasible, ModelError, RecipeError
from merging.deep_models import with_depth
from merging.depth import check_stackable, config_with_blocks, is_output_projection, with_block
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.operators import get_operator
from merging.recipe import Recipe

BLOCKS = 3


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path]) -> ModelSet:
    root = tmp_path_factory.mktemp("paths")
    base, a, b = (
        tiny_llama(root / name, seed=seed, vocab_size=320, num_hidden_layers=BLOCKS)
        for seed, name in enumerate(("base", "a", "b"))
    )
    return ModelSet.open(ModelRef("base", str(base)), [ModelRef("a", str(a)), ModelRef("b", str(b))])


def path(*steps: int, scale: dict[int, float] | None = None, **options: Any) -> Recipe:
    """A recipe of the steps at these positions (0 to 2 are a's blocks, 3 to 5 b's)."""
    count = 2 * BLOCKS * options.get("repeats", 1)
    include = tuple(1.0 if index in steps else 0.0 for index in range(count))
    scales = tuple((scale or {}).get(index, 1.0) for index in range(count))
    return Recipe("layer_path", ("a", "b"), coefficients={"include": include, "scale": scales}, options=options)


def run(models: ModelSet, weights: dict[str, Tensor]) -> Tensor:
    config = LlamaConfig(**{k: v for k, v in models.config.items() if k not in ("architectures", "dtype")})
    assert config.num_hidden_layers == models.depth
    model = LlamaForCausalLM(config).eval()
    state = {name: tensor.float() for name, tensor in weights.items()}
    model.load_state_dict(state | {"lm_head.weight": state["model.embed_tokens.weight"]})
    with torch.no_grad():
        logits: Tensor = model(torch.arange(20)[None]).logits
    return logits


def by_hand(models: ModelSet, steps: list[tuple[str, int]], scales: list[float]) -> Tensor:
    """Run blocks one after the other, multiplying the hidden state before each, as the paper describes it."""
    runners: dict[str, LlamaForCausalLM] = {}
    for name in ("base", "a", "b"):
        config = LlamaConfig(**{k: v for k, v in models.config.items() if k not in ("architectures", "dtype")})
        config.num_hidden_layers = BLOCKS
        runners[name] = LlamaForCausalLM(config).eval()
        state = {}
        for tensor in models.tensor_names():
            delta = models.delta(tensor, name) if name != "base" else None
            value = models.base_tensor(tensor).float()
            state[tensor] = value if delta is None else value + delta
        runners[name].load_state_dict(state | {"lm_head.weight": state["model.embed_tokens.weight"]})
    body = runners["base"].model
    with torch.no_grad():
        hidden = body.embed_tokens(torch.arange(20)[None])
        positions = torch.arange(20)[None]
        rotary = body.rotary_emb(hidden, position_ids=positions)
        for (name, block), scale in zip(steps, scales, strict=True):
            layer = runners[name].model.layers[block]
            hidden = layer(hidden * scale, attention_mask=None, position_ids=positions, position_embeddings=rotary)
        logits: Tensor = runners["base"].lm_head(body.norm(hidden))
    return logits


def merged(models: ModelSet, recipe: Recipe, **kind: Any) -> dict[str, Tensor]:
    return dict(Materializer(models, **kind).tensors(recipe))


def test_a_path_of_one_model_in_order_is_that_model(models: ModelSet) -> None:
    found = merged(models, path(0, 1, 2, ends="first"))
    expert = merged(models, Recipe("task_arithmetic", ("a",)))
    assert all(torch.equal(found[name], expert[name]) for name in expert)


@pytest.mark.parametrize(("steps", "depth"), [((0, 1, 5), 3), ((0, 3, 4, 5, 2), 3), ((1,), 1), ((0, 1, 2, 3, 4, 5), 6)])
def test_blocks_run_in_the_order_of_the_path(models: ModelSet, steps: tuple[int, ...], depth: int) -> None:
    order = sorted(steps)
    found = with_depth(models, len(order))
    expected = by_hand(models, [("ab"[step // BLOCKS], step % BLOCKS) for step in order], [1.0] * len(order))
    torch.testing.assert_close(run(found, merged(found, path(*steps))), expected, atol=2e-4, rtol=2e-4)


def test_the_scale_of_the_hidden_state_is_folded_into_standard_weights(models: ModelSet) -> None:
    scale = {0: 1.3, 1: 0.7, 4: 1.2, 5: 0.8}
    found = with_depth(models, 4)
    weights = merged(found, path(0, 1, 4, 5, scale=scale))
    expected = by_hand(models, [("a", 0), ("a", 1), ("b", 1), ("b", 2)], [1.3, 0.7, 1.2, 0.8])
    folded = float((run(found, weights) - expected).abs().max())
    unscaled = float((run(found, merged(found, path(0, 1, 4, 5))) - expected).abs().max())
    # Rounding 1 / scale times a weight to bf16, and the norms' epsilon, are all that differs.
    assert folded < 0.1 * unscaled


def test_a_deeper_engine_runs_shorter_paths_and_plain_merges_unchanged(models: ModelSet) -> None:
    deep, short = with_depth(models, 5), with_depth(models, 2)
    recipe = path(2, 3)
    torch.testing.assert_close(run(deep, merged(deep, recipe)), run(short, merged(short, recipe)), atol=0, rtol=0)
    plain = Recipe("task_arithmetic", ("a", "b"), "layer", {"weight": {"a": (0.2, 0.4, 0.6)}})
    torch.testing.assert_close(run(deep, merged(deep, plain)), run(models, merged(models, plain)), atol=0, rtol=0)


def test_blocks_can_be_taken_again(models: ModelSet) -> None:
    found = with_depth(models, 4)
    recipe = path(0, 1, 2, 7, repeats=2)
    expected = by_hand(models, [("a", 0), ("a", 1), ("a", 2), ("a", 1)], [1.0] * 4)
    torch.testing.assert_close(run(found, merged(found, recipe)), expected, atol=2e-4, rtol=2e-4)


def test_a_streamed_path_equals_a_resident_one(models: ModelSet) -> None:
    found = with_depth(models, 4)
    recipe = path(0, 2, 3, 4, scale={2: 1.1}, ends="last")
    resident, streamed = merged(found, recipe), merged(found, recipe, resident=False)
    assert all(torch.equal(resident[name], streamed[name]) for name in resident)


def test_paths_that_cannot_be_made_are_infeasible(models: ModelSet) -> None:
    with pytest.raises(Infeasible, match="empty"):
        merged(models, path())
    with pytest.raises(Infeasible, match="4 blocks"):
        merged(models, path(0, 1, 2, 3))
    with pytest.raises(Infeasible, match="not positive"):
        merged(models, path(0, 1, scale={1: 0.0}))


def test_the_number_of_values_is_the_number_of_steps(models: ModelSet) -> None:
    with pytest.raises(RecipeError, match="found 5 values, expected 1 or 6"):
        merged(models, Recipe("layer_path", ("a", "b"), coefficients={"include": (1.0,) * 5}))
    slots = get_operator("layer_path").steps(("a", "b"), BLOCKS, {"repeats": 2})
    assert [slot.label for slot in slots][:4] == [
        "pass 0 a block 0", "pass 0 a block 1", "pass 0 a block 2", "pass 0 b block 0",
    ]  # fmt: skip
    assert [slot.defaults["include"] for slot in slots] == [0.7] * 3 + [0.3] * 9


def test_names_and_configuration_follow_the_blocks() -> None:
    assert with_block("model.layers.3.mlp.experts.5.down_proj.weight", 12) == (
        "model.layers.12.mlp.experts.5.down_proj.weight"
    )
    assert with_block("lm_head.weight", 2) == "lm_head.weight"
    assert is_output_projection("model.layers.3.mlp.experts.5.down_proj.weight")
    assert not is_output_projection("model.layers.3.mlp.up_proj.weight")
    config = {"num_hidden_layers": 3, "layer_types": ["f", "s", "f"], "architectures": ["X"], "max_window_layers": 3}
    assert config_with_blocks(config, [0, 1, 1, 2]) == config | {
        "num_hidden_layers": 4, "layer_types": ["f", "s", "s", "f"],
    }  # fmt: skip
    nested = config_with_blocks({"text_config": dict(config)}, [2])
    assert nested["text_config"]["layer_types"] == ["f"]


def test_architectures_whose_blocks_cannot_be_rearranged_are_refused() -> None:
    names = [f"model.layers.0.{name}.weight" for name in ("self_attn.o_proj", "mlp.down_proj")]
    check_stackable("m", json.loads(Qwen2Config(num_hidden_layers=1).to_json_string(use_diff=False)), names)
    with pytest.raises(ModelError, match="normalizes what a block adds"):
        check_stackable("m", {}, [*names, "model.layers.0.post_feedforward_layernorm.weight"])
    with pytest.raises(ModelError, match="several kinds"):
        check_stackable("m", {"layer_types": ["full_attention", "sliding_attention"]}, names)
    with pytest.raises(ModelError, match="output projections"):
        check_stackable("m", {}, ["model.layers.0.mlp.fc2.weight"])
