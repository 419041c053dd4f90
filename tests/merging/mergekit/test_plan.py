from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from evomerge.errors import RecipeError
from merging import streaming, threads
from merging.mergekit.config import read_configs
from merging.mergekit.models import open_models
from merging.mergekit.plan import plan_merge
from merging.mergekit.steps import all_references
from merging.names import block_index
from merging.sources import StoredTensor
from merging.streaming import Plan
from merging.weights import TensorSpec, write_weights

SMALL = {"vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2,
         "num_key_value_heads": 1}  # fmt: skip


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> Path:
    root = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("base", "a", "b")):
        tiny_llama(root / name, seed=seed, **SMALL)
    tiny_llama(root / "deep", seed=7, **{**SMALL, "num_hidden_layers": 6})
    tiny_llama(root / "wide", seed=8, **{**SMALL, "hidden_size": 64})
    tiny_llama(root / "untied", seed=9, **{**SMALL, "tie_word_embeddings": False})
    make_lora(root / "lora", root / "base", seed=3, scale=0.2)
    return root


@pytest.fixture
def plan(models: Path) -> Callable[..., Plan]:
    def make(config: dict[str, Any] | str, **options: Any) -> Plan:
        text = config if isinstance(config, str) else yaml.safe_dump(config)
        (read,) = read_configs(text, "merge.yml")
        return plan_merge(read, open_models(all_references(read), (models,), {}), **options)

    return make


def stored(models: Path, name: str) -> dict[str, Tensor]:
    return load_file(models / name / "model.safetensors")


def test_weights_follow_depth_and_names(plan: Callable[..., Plan], models: Path) -> None:
    merged = dict(plan("""
merge_method: task_arithmetic
base_model: base
models:
  - model: base
  - model: a
    parameters:
      weight:
        - {filter: self_attn, value: [0.2, 0.8]}
        - {value: 0.5}
  - model: b
    parameters: {weight: [1, 0, 1]}
parameters: {lambda: [1, 2]}
out_dtype: float32
""").tensors())  # fmt: skip
    base, a, b = (stored(models, name) for name in ("base", "a", "b"))
    assert merged.keys() == base.keys()
    for name, tensor in merged.items():
        block = block_index(name)
        depth = 0.0 if block is None else block / 3
        first = 0.2 + 0.6 * depth if "self_attn" in name else 0.5
        second = abs(1 - 2 * depth)
        start = base[name].double()
        change = first * (a[name].double() - start) + second * (b[name].double() - start)
        torch.testing.assert_close(tensor.double(), start + (1 + depth) * change, rtol=0, atol=1e-6)


def test_settings_of_a_model_come_before_slice_module_and_merge(plan: Callable[..., Plan]) -> None:
    def weights(levels: int) -> tuple[float, ...]:
        own = {"parameters": {"weight": 1}} if levels > 3 else {}
        part: dict[str, Any] = {
            "sources": [
                {"model": "base", "layer_range": [0, 4]},
                {"model": "a", "layer_range": [0, 4], **own},
                {"model": "b", "layer_range": [0, 4]},
            ]
        }
        if levels > 2:
            part["parameters"] = {"weight": 2}
        module: dict[str, Any] = {"slices": [part]}
        if levels > 1:
            module["parameters"] = {"weight": 3}
        found = plan(
            {
                "merge_method": "task_arithmetic", "base_model": "base", "modules": {"default": module},
                "parameters": {"weight": 4},
            }
        )  # fmt: skip
        return found.jobs[0].values.model["weight"]

    assert [weights(levels) for levels in (1, 2, 3, 4)] == [(4, 4), (3, 3), (2, 2), (1, 2)]


def test_a_base_that_is_listed_is_no_expert(plan: Callable[..., Plan]) -> None:
    experts = [{"model": name, "parameters": {"weight": 0.5}} for name in ("a", "b")]
    common = {"merge_method": "ties", "base_model": "base", "parameters": {"density": 0.5}}
    one = dict(plan({**common, "models": experts}).tensors())
    two = dict(plan({**common, "models": [{"model": "base"}, *experts]}).tensors())
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_slerp_goes_from_the_base_to_the_other(plan: Callable[..., Plan], models: Path) -> None:
    config = {"merge_method": "slerp", "base_model": "b", "models": [{"model": "a"}, {"model": "b"}]}
    for t, name in ((0, "b"), (1, "a")):
        merged = dict(plan({**config, "parameters": {"t": t}}).tensors())
        for key, tensor in stored(models, name).items():
            # Task vectors keep what is small beside the base to the precision of fp32 at the base's size.
            torch.testing.assert_close(merged[key].float(), tensor.float(), rtol=0, atol=1e-7)


def test_blocks_are_stacked_and_renumbered(plan: Callable[..., Plan], models: Path, tmp_path: Path) -> None:
    stacked = plan("""
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 3]}]
  - sources: [{model: deep, layer_range: [4, 6], parameters: {scale: {filter: o_proj, value: [0.5, 0.25]}}}]
  - sources: [{model: a, layer_range: [1, 4]}]
""")  # fmt: skip
    merged = dict(stacked.tensors())
    a, deep = stored(models, "a"), stored(models, "deep")
    order = [(a, 0), (a, 1), (a, 2), (deep, 4), (deep, 5), (a, 1), (a, 2), (a, 3)]
    for block, (source, number) in enumerate(order):
        for name, tensor in source.items():
            if block_index(name) == number:
                kept = tensor
                if source is deep and "o_proj" in name:
                    kept = (tensor.float() * (0.5 if number == 4 else 0.25)).bfloat16()
                assert torch.equal(merged[name.replace(f".{number}.", f".{block}.", 1)], kept)
    assert len(merged) == len(a) + 4 * 9
    assert stacked.config["num_hidden_layers"] == 8
    specs = {job.name: TensorSpec(job.shape, job.dtype) for job in stacked.jobs}
    write_weights(tmp_path, specs, stacked.tensors(), 10**9)
    (tmp_path / "config.json").write_text(json.dumps(dict(stacked.config)))
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.isfinite(model(torch.tensor([[1, 2, 3]])).logits).all()


def test_per_layer_lists_follow_the_blocks(plan: Callable[..., Plan], models: Path, tmp_path: Path) -> None:
    for name, kinds in (("a", "wxyz"), ("b", "WXYZ")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").symlink_to(models / name / "model.safetensors")
        config = json.loads((models / name / "config.json").read_text())
        (tmp_path / name / "config.json").write_text(json.dumps(config | {"layer_types": list(kinds)}))
    config = {
        "merge_method": "passthrough",
        "slices": [
            {"sources": [{"model": str(tmp_path / "a"), "layer_range": [0, 2]}]},
            {"sources": [{"model": str(tmp_path / "b"), "layer_range": [1, 4]}]},
        ],
    }
    assert plan(config).config["layer_types"] == ["w", "x", "X", "Y", "Z"]


def test_gradients_run_over_each_slice_by_itself(plan: Callable[..., Plan]) -> None:
    source = [{"model": "a", "layer_range": [0, 3]}, {"model": "b", "layer_range": [0, 3]}]
    single = [{"model": "a", "layer_range": [3, 4]}, {"model": "b", "layer_range": [3, 4]}]
    found = plan(
        {"merge_method": "slerp", "base_model": "a", "slices": [{"sources": source}, {"sources": single}],
         "parameters": {"t": [0, 1]}}
    )  # fmt: skip
    by_block = {block_index(job.name): job.values.merge["t"] for job in found.jobs}
    assert by_block == {None: 0.0, 0: 0.0, 1: 0.5, 2: 1.0, 3: 1.0}


def test_filters_see_each_models_own_name(plan: Callable[..., Plan]) -> None:
    found = plan("""
merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 2]}
      - {model: deep, layer_range: [4, 6], parameters: {weight: [{filter: layers.5., value: 7}, {value: 1}]}}
    parameters: {weight: 1, normalize: [{filter: layers.1., value: false}]}
""")  # fmt: skip
    job = next(job for job in found.jobs if job.name.startswith("model.layers.1."))
    assert job.values.model["weight"] == (1.0, 7.0)
    assert job.options["normalize"] is False
    assert found.jobs[0].options["normalize"] is True


def test_output_types(plan: Callable[..., Plan], models: Path) -> None:
    config = {"merge_method": "linear", "models": [{"model": "a"}, {"model": "b"}], "parameters": {"weight": 1}}
    for written, expected in (
        ({}, "bfloat16"),
        ({"dtype": "float16"}, "float16"),
        ({"dtype": "float32", "out_dtype": "float16"}, "float16"),
        ({"out_dtype": "float64"}, "float64"),
    ):
        found = plan(config | written)
        assert {tensor.dtype for _, tensor in found.tensors()} == {getattr(torch, expected)}
        assert found.config["dtype"] == expected


def test_an_adapter_is_its_exact_change(plan: Callable[..., Plan], models: Path) -> None:
    config = {
        "merge_method": "task_arithmetic", "base_model": "base", "out_dtype": "float32",
        "models": [{"model": "base+lora", "parameters": {"weight": 1}}],
    }  # fmt: skip
    merged = dict(plan(config).tensors())
    adapter = load_file(models / "lora" / "adapter_model.safetensors")
    for name, tensor in stored(models, "base").items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        expected = tensor.double()
        if f"{module}.lora_A.weight" in adapter:
            b, a = (adapter[f"{module}.lora_{part}.weight"].double() for part in "BA")
            expected = expected + 2 * b @ a
        torch.testing.assert_close(merged[name].double(), expected, rtol=0, atol=1e-6)
    config |= {"base_model": "base+lora", "models": [{"model": "base", "parameters": {"weight": 1}}]}
    back = dict(plan(config).tensors())
    assert all(
        torch.allclose(back[name], tensor.float(), rtol=0, atol=1e-6) for name, tensor in stored(models, "base").items()
    )


def test_an_untied_base_takes_a_tied_experts_embedding_as_head(plan: Callable[..., Plan], models: Path) -> None:
    config = {
        "merge_method": "task_arithmetic", "base_model": "untied",
        "models": [{"model": "a", "parameters": {"weight": 1}}],
    }  # fmt: skip
    merged = dict(plan(config).tensors())
    assert torch.equal(merged["lm_head.weight"], stored(models, "a")["model.embed_tokens.weight"])


def test_paper_mode_takes_our_defaults(plan: Callable[..., Plan]) -> None:
    config = {"merge_method": "ties", "base_model": "base", "models": [{"model": "a"}], "parameters": {"weight": 1}}
    ours, theirs = plan(config, compat="paper").jobs[0], plan(config).jobs[0]
    assert (ours.options["threshold_scope"], ours.values.model["density"]) == ("global", (0.2,))
    assert (theirs.options["threshold_scope"], theirs.values.model["density"]) == ("tensor", (1.0,))


def test_density_0_keeps_nothing_and_more_than_1_everything(plan: Callable[..., Plan]) -> None:
    models = [{"model": "a", "parameters": {"density": 0}}, {"model": "b", "parameters": {"density": 1.5}}]
    found = plan({"merge_method": "ties", "base_model": "base", "models": models, "parameters": {"weight": 0.5}})
    assert found.jobs[0].values.model == found.jobs[0].values.model | {"weight": (0.0, 0.5), "density": (1.0, 1.0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("merge_method: ties\nmodels: [{model: a, parameters: {weight: 1}}]", "ties needs a base_model"),
        ("merge_method: ties\nbase_model: base\nmodels: [{model: a}]", "needs the parameter weight for a"),
        ("merge_method: ties\nbase_model: base\nmodels: [{model: base}]", "1 or more models besides the base, found 0"),
        ("merge_method: slerp\nbase_model: a\nmodels: [{model: a}]\nparameters: {t: 1}", "exactly 2 models, found 1"),
        ("merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]", "needs the parameter t"),
        (
            "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: 2}",
            r"line 4: parameters.t: 2 is outside \[0, 1\]",
        ),
        ("merge_method: linear\nmodels: [{model: a}, {model: a}]\nparameters: {weight: 1}", "a is listed already"),
        (
            "merge_method: nuslerp\nmodels:\n  - {model: a, parameters: {weight: 2}}\n"
            "  - {model: b, parameters: {weight: -1}}",
            "lead outside the arc",
        ),
        ("merge_method: passthrough\nmodels: [{model: a}, {model: b}]", "1 to|exactly 1 models, found 2"),
        (
            "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [2, 5]}]}]",
            r"slices\[0\].sources\[0\]: layer_range ends at 5, a has 4 blocks",
        ),
        (
            "merge_method: linear\nparameters: {weight: 1}\nslices:\n  - sources:\n"
            "      - {model: a, layer_range: [0, 2]}\n      - {model: b, layer_range: [0, 3]}",
            "runs of different lengths",
        ),
        (
            "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: wide}]",
            "wide has hidden_size 64",
        ),
        (
            "merge_method: ties\nbase_model: base\nparameters: {weight: 1}\nslices:\n  - sources:\n"
            "      - {model: a, layer_range: [0, 2]}",
            "measures from base, which this slice lacks",
        ),
    ],
)
def test_what_does_not_fit_is_refused(plan: Callable[..., Plan], text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        plan(text)


def test_an_architecture_with_rules_by_number_is_not_stacked(
    plan: Callable[..., Plan], models: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").symlink_to(models / "a" / "model.safetensors")
    config = json.loads((models / "a" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"first_k_dense_replace": 2}))
    with pytest.raises(RecipeError, match="decides by first_k_dense_replace"):
        plan(
            {"merge_method": "passthrough", "slices": [{"sources": [{"model": str(tmp_path), "layer_range": [1, 3]}]}]}
        )


def test_few_tensors_are_in_memory_at_once(plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0
    load = StoredTensor.load

    def counted(self: StoredTensor) -> Tensor:
        nonlocal most
        tensor = load(self).clone()
        alive.add(tensor)
        most = max(most, len(alive))
        return tensor

    monkeypatch.setattr(StoredTensor, "load", counted)
    # All of so small a model would be few bytes.
    monkeypatch.setattr(threads, "BATCH_BYTES", 1)
    monkeypatch.setattr(streaming, "AHEAD_BYTES", 1)
    config = {"merge_method": "ties", "base_model": "base", "models": [{"model": "a"}], "parameters": {"weight": 1}}
    found = plan(config)
    for _ in found.tensors():
        pass
    assert len(found.jobs) == 38
    # One base per thread at work, and those whose results wait.
    assert most <= 3 * torch.get_num_threads() + 2
