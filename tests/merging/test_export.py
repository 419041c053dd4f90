from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from torch import Tensor

import evomerge
from evomerge.errors import InvalidInput, RecipeError, StateConflict
from merging.export import export_checkpoint, parse_size
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

RECIPE = Recipe("task_arithmetic", ("a", "b"), coefficients={"weight": {"a": (0.4,), "b": (0.7,)}})


def loaded(path: Path) -> dict[str, Tensor]:
    """Load a checkpoint with transformers, in its own dtype."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path)
    weights: dict[str, Tensor] = model.state_dict()
    return weights


def check_equal(path: Path, materializer: Materializer, recipe: Recipe) -> None:
    weights = loaded(path)
    for name, tensor in materializer.tensors(recipe):
        assert weights[name].dtype == tensor.dtype
        assert torch.equal(weights[name], tensor)


def test_a_complete_directory_that_transformers_loads_bit_by_bit(lora_models: ModelSet, tmp_path: Path) -> None:
    materializer, out = Materializer(lora_models), tmp_path / "nested" / "merged"
    result = export_checkpoint(materializer, RECIPE, out, card="# A merge\n")
    assert result.path == out
    assert result.not_expressible is None
    assert sorted(result.files) == sorted(path.name for path in out.iterdir())
    assert set(result.files) == {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "recipe.json",
        "README.md",
        "mergekit_config.yml",
    }
    for name, digest in result.files.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    check_equal(out, materializer, RECIPE)
    assert (out / "README.md").read_text() == "# A merge\n"
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"
    assert yaml.safe_load((out / "mergekit_config.yml").read_text())["merge_method"] == "task_arithmetic"
    with safe_open(out / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert [path.name for path in out.parent.iterdir()] == ["merged"]


def test_the_tokenizer_is_the_bases(lora_models: ModelSet, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    out = export_checkpoint(Materializer(lora_models), RECIPE, tmp_path / "out", card="").path
    ours, base = (AutoTokenizer.from_pretrained(path) for path in (out, lora_models.base.path))
    chat = [{"role": "user", "content": "Add 2 and 3."}]
    assert ours.apply_chat_template(chat) == base.apply_chat_template(chat)


def test_shards_stay_below_the_limit_and_load_bit_by_bit(lora_models: ModelSet, tmp_path: Path) -> None:
    materializer = Materializer(lora_models)
    result = export_checkpoint(materializer, RECIPE, tmp_path / "out", card="", max_shard_size="50KB")
    shards = sorted(name for name in result.files if name.endswith(".safetensors"))
    assert len(shards) > 3
    assert shards[0] == f"model-00001-of-{len(shards):05d}.safetensors"
    index = json.loads((result.path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(lora_models.tensor_names())
    total = 0
    for shard in shards:
        with safe_open(result.path / shard, "pt") as file:
            sizes = [file.get_tensor(name).nbytes for name in file.keys()]  # noqa: SIM118
            assert all(index["weight_map"][name] == shard for name in file.keys())  # noqa: SIM118
        assert sum(sizes) <= 50_000
        total += sum(sizes)
    assert index["metadata"]["total_size"] == total
    check_equal(result.path, materializer, RECIPE)


def test_an_export_can_be_a_base_and_an_expert(lora_models: ModelSet, tmp_path: Path) -> None:
    materializer = Materializer(lora_models)
    out = export_checkpoint(materializer, RECIPE, tmp_path / "out", card="", max_shard_size="30KB").path
    models = ModelSet.open(lora_models.base, [ModelRef("merged", str(out))])
    again = dict(Materializer(models).tensors(Recipe("linear", ("merged",))))
    for name, tensor in materializer.tensors(RECIPE):
        assert torch.equal(again[name], tensor)


def test_provenance_names_recipe_models_and_weights(family: Any, tmp_path: Path) -> None:
    models = ModelSet.open(
        ModelRef("base", str(family.base), "a" * 40),
        [ModelRef("a", str(family.lora[0])), ModelRef("b", str(family.full[0]))],
    )
    out = export_checkpoint(Materializer(models), RECIPE, tmp_path / "out", card="").path
    data = json.loads((out / "recipe.json").read_text())
    assert Recipe.from_dict(data["recipe"]) == RECIPE
    assert data["digest"] == RECIPE.digest()
    assert data["evomerge"] == evomerge.__version__
    weights = hashlib.sha256((family.base / "model.safetensors").read_bytes()).hexdigest()
    assert data["base"] == {
        "name": "base",
        "path": str(family.base),
        "revision": "a" * 40,
        "sha256": {"model.safetensors": weights},
    }
    assert [list(expert["sha256"]) for expert in data["experts"]] == [
        ["adapter_model.safetensors"],
        ["model.safetensors"],
    ]


def test_config_tells_the_dtype_of_the_weights(family: Any, tmp_path: Path) -> None:
    base = Path(shutil.copytree(family.base, tmp_path / "base"))
    config = json.loads((base / "config.json").read_text())
    del config["dtype"]
    (base / "config.json").write_text(json.dumps(config | {"torch_dtype": "float32", "_name_or_path": "/secret"}))
    models = ModelSet.open(ModelRef("base", str(base)), [ModelRef("a", str(family.full[0]))])
    out = export_checkpoint(Materializer(models), Recipe("linear", ("a",)), tmp_path / "out", card="").path
    written = json.loads((out / "config.json").read_text())
    assert written["torch_dtype"] == "bfloat16"
    assert "dtype" not in written
    assert "_name_or_path" not in written


def test_the_reason_where_mergekit_cannot_do_it(lora_models: ModelSet, tmp_path: Path) -> None:
    recipe = Recipe("dare_linear", ("a", "b"), coefficients={"density": {"a": (0.5,)}})
    result = export_checkpoint(Materializer(lora_models), recipe, tmp_path / "out", card="")
    assert result.not_expressible and "random draws" in result.not_expressible
    assert "mergekit_config.yml" not in result.files


def test_nothing_is_overwritten_and_nothing_half_written_stays(
    lora_models: ModelSet, family: Any, tmp_path: Path
) -> None:
    materializer, out = Materializer(lora_models), tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(StateConflict, match="not empty"):
        export_checkpoint(materializer, RECIPE, out, card="")
    with pytest.raises(StateConflict, match="not empty"):
        export_checkpoint(materializer, RECIPE, out / "notes.txt", card="")
    assert (out / "notes.txt").read_text() == "mine"
    (out / "notes.txt").unlink()
    with pytest.raises(RecipeError):
        export_checkpoint(materializer, Recipe("linear", ("nobody",)), out, card="")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert export_checkpoint(materializer, RECIPE, out, card="").path == out
    assert out.stat().st_mode & 0o777 == 0o777 & ~current_umask()
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o666 & ~current_umask()}


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(("text", "size"), [("5GB", 5 * 10**9), ("500 mb", 5 * 10**8), ("1KB", 1000)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["5", "GB", "0MB", "1.5GB", "5GiB"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="max_shard_size"):
        parse_size(text)


def test_real_model_export_loads_bit_by_bit(smollm2: Path, make_lora: Callable[..., Path], tmp_path: Path) -> None:
    adapter = make_lora(tmp_path / "adapter", smollm2, seed=5, rank=4)
    models = ModelSet.open(ModelRef("base", str(smollm2)), [ModelRef("a", str(adapter))])
    materializer, recipe = Materializer(models), Recipe("task_arithmetic", ("a",))
    result = export_checkpoint(materializer, recipe, tmp_path / "out", card="", max_shard_size="100MB")
    assert sum(name.endswith(".safetensors") for name in result.files) == 3
    check_equal(result.path, materializer, recipe)
