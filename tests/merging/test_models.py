"""What a set of models must agree in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from evomerge.errors import ModelError
from merging.models import ModelRef, ModelSet

UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def copy(family: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(family.full[0], tmp_path / "copy"))


def edit_config(path: Path, **changes: Any) -> None:
    config = json.loads((path / "config.json").read_text())
    for key, value in changes.items():
        config.pop(key, None)
        if value is not None:
            config[key] = value
    (path / "config.json").write_text(json.dumps(config))


def edit_tensors(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(path / "model.safetensors")
    change(tensors)
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})


def expect(family: Any, expert: Path, problem: str, fix: str = "") -> None:
    with pytest.raises(ModelError) as caught:
        family.open(expert=expert)
    assert caught.value.field == "model expert"
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_facts_of_the_real_base(smollm2: Path) -> None:
    models = ModelSet.open(ModelRef("base", str(smollm2)), [])
    assert models.num_blocks == 30
    assert models.dtype == torch.bfloat16
    assert models.tied_embeddings
    assert len(models.tensor_names()) == 272
    assert list(models.tensor_names()) == sorted(models.tensor_names())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model_type": "qwen2"}, "model_type 'qwen2', the base has 'llama'"),
        ({"architectures": ["Other"]}, "architectures"),
        ({"num_hidden_layers": 8}, "num_hidden_layers 8, the base has 4"),
        ({"vocab_size": 321}, "vocab_size 321, the base has 320"),
    ],
)
def test_configurations_that_differ(family: Any, copy: Path, change: dict[str, Any], problem: str) -> None:
    edit_config(copy, **change)
    expect(family, copy, problem)


def test_vocabulary_error_says_what_to_do(family: Any, tmp_path: Path, tiny_llama: Callable[..., Path]) -> None:
    other = tiny_llama(tmp_path / "other", vocab_size=400, hidden_size=64, intermediate_size=96)
    expect(family, other, "vocab_size 400, the base has 320", "vocabulary")


def test_shapes_that_differ(family: Any, copy: Path) -> None:
    edit_tensors(copy, lambda tensors: tensors.update({UP: torch.zeros(95, 64, dtype=torch.bfloat16)}))
    expect(family, copy, f"tensor {UP} has shape (95, 64), the base has (96, 64)")


def test_missing_and_extra_tensors(family: Any, copy: Path) -> None:
    edit_tensors(copy, lambda tensors: tensors.pop(UP))
    expect(family, copy, f"tensor {UP} is missing (1 in all)")
    edit_tensors(copy, lambda tensors: tensors.update({UP: torch.zeros(96, 64), "model.extra.weight": torch.ones(2)}))
    expect(family, copy, "tensor model.extra.weight does not exist in the base")


def test_missing_blocks(copy: Path) -> None:
    def without_a_block(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if ".layers.2." in name]:
            del tensors[name]

    edit_tensors(copy, without_a_block)
    with pytest.raises(ModelError, match=r"model base: its tensors name 3 decoder blocks, config\.json says 4"):
        ModelSet.open(ModelRef("base", str(copy)), [])


def test_duplicate_names_and_missing_directories(family: Any, tmp_path: Path) -> None:
    base = ModelRef("base", str(family.base))
    twice = [ModelRef("a", str(family.full[0])), ModelRef("a", str(family.full[1]))]
    with pytest.raises(ModelError, match="model a: 2 models have this name"):
        ModelSet.open(base, twice)
    with pytest.raises(ModelError, match="model base: 2 models have this name"):
        ModelSet.open(base, [ModelRef("base", str(family.full[0]))])
    with pytest.raises(ModelError, match=r"model a: .* is no directory"):
        ModelSet.open(base, [ModelRef("a", str(tmp_path / "nowhere"))])
    with pytest.raises(ModelError, match="the base is an adapter"):
        ModelSet.open(ModelRef("base", str(family.lora[0])), [])


def test_deltas_are_exact_differences(full_models: ModelSet, family: Any) -> None:
    base, expert = (load_file(path / "model.safetensors") for path in (family.base, family.full[0]))
    for name in full_models.tensor_names():
        delta = full_models.delta(name, "a")
        difference = expert[name].float() - base[name].float()
        assert torch.equal(torch.zeros_like(difference) if delta is None else delta, difference)
        # Norm gains of both random models are one.
        assert (delta is None) == ("norm" in name)


def test_an_unknown_expert_is_refused(full_models: ModelSet) -> None:
    with pytest.raises(ModelError, match=r"model c: is not one of the experts.*known: a, b"):
        full_models.delta(UP, "c")


def test_integers_and_rotary_buffers_stay_the_bases(family: Any, tmp_path: Path, merge: Any) -> None:
    base = Path(shutil.copytree(family.base, tmp_path / "base"))
    expert = Path(shutil.copytree(family.full[0], tmp_path / "expert"))
    rotary, steps = "model.layers.0.self_attn.rotary_emb.inv_freq", "model.steps"
    edit_tensors(base, lambda t: t.update({rotary: torch.ones(4), steps: torch.tensor([1, 2])}))
    edit_tensors(expert, lambda t: t.update({rotary: torch.zeros(4), "other": torch.tensor([True])}))
    models = ModelSet.open(ModelRef("base", str(base)), [ModelRef("a", str(expert))])
    merged = merge(models, "task_arithmetic", ("a",))
    assert torch.equal(merged[rotary], torch.ones(4))
    assert torch.equal(merged[steps], torch.tensor([1, 2]))
    assert models.delta(rotary, "a") is None


def test_a_tied_expert_may_store_a_copy_of_its_embedding(family: Any, copy: Path) -> None:
    def with_copy(tensors: dict[str, Tensor]) -> None:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    edit_tensors(copy, with_copy)
    models = family.open(expert=copy)
    assert models.tied_embeddings
    assert "lm_head.weight" not in models.tensor_names()


def test_a_head_of_its_own_does_not_fit_a_tied_base(family: Any, copy: Path) -> None:
    def with_head(tensors: dict[str, Tensor]) -> None:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] + 1

    edit_tensors(copy, with_head)
    expect(family, copy, "stores a lm_head.weight of its own", "tie_word_embeddings")


def test_a_tied_expert_of_an_untied_base_uses_its_embedding_as_head(
    family: Any, copy: Path, tmp_path: Path, tiny_llama: Callable[..., Path]
) -> None:
    sizes = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96}
    untied = tiny_llama(tmp_path / "untied", tie_word_embeddings=False, **sizes)
    models = ModelSet.open(ModelRef("base", str(untied)), [ModelRef("tied", str(copy))])
    assert not models.tied_embeddings
    assert "lm_head.weight" in models.tensor_names()
    delta = models.delta("lm_head.weight", "tied")
    embedding = load_file(copy / "model.safetensors")["model.embed_tokens.weight"]
    assert delta is not None
    assert torch.equal(delta, embedding.float() - models.base_tensor("lm_head.weight").float())


def test_where_the_configuration_is_silent_a_missing_head_means_tied(copy: Path) -> None:
    edit_config(copy, tie_word_embeddings=None)
    assert ModelSet.open(ModelRef("base", str(copy)), []).tied_embeddings


def test_an_expert_in_another_dtype_is_read_exactly(family: Any, copy: Path) -> None:
    edit_tensors(copy, lambda t: t.update({name: tensor.float() + 1e-5 for name, tensor in t.items()}))
    models = family.open(expert=copy)
    expected = load_file(copy / "model.safetensors")[UP] - models.base_tensor(UP).float()
    delta = models.delta(UP, "expert")
    assert delta is not None and torch.equal(delta, expected)
