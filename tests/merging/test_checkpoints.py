"""Every way in which a model directory can be wrong, one by one."""

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
from merging.checkpoints import Checkpoint
from merging.models import ModelRef, ModelSet

Edit = Callable[[Path], None]


def sharded(path: Path) -> None:
    """Split the single weight file of a checkpoint into two shards with an index."""
    tensors = load_file(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    names = sorted(tensors)
    weight_map = {}
    for number, part in ((1, names[::2]), (2, names[1::2])):
        file = f"model-{number:05d}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, path / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))


def edit_index(path: Path, change: Callable[[dict[str, str]], None]) -> None:
    file = path / "model.safetensors.index.json"
    index = json.loads(file.read_text())
    change(index["weight_map"])
    file.write_text(json.dumps(index))


def edit_config(path: Path, **changes: Any) -> None:
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | changes))


def edit_tensors(path: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    tensors = load_file(path / "model.safetensors")
    change(tensors)
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})


def to_pickle(path: Path) -> None:
    torch.save(load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()


def truncate(path: Path) -> None:
    data = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(data[: len(data) // 2])


def not_safetensors(path: Path) -> None:
    (path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")


def missing_shard(path: Path) -> None:
    sharded(path)
    (path / "model-00002-of-00002.safetensors").unlink()


def missing_index(path: Path) -> None:
    sharded(path)
    (path / "model.safetensors.index.json").unlink()


def incomplete_index(path: Path) -> None:
    sharded(path)
    edit_index(path, lambda weight_map: weight_map.pop("model.norm.weight") and None)


def wrong_index(path: Path) -> None:
    sharded(path)
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    swap = {first: second, second: first}
    edit_index(path, lambda m: m.update({"model.norm.weight": swap[m["model.norm.weight"]]}))


def escaping_index(path: Path) -> None:
    sharded(path)
    edit_index(path, lambda m: m.update({"model.norm.weight": "../elsewhere.safetensors"}))


def pickle_index(path: Path) -> None:
    sharded(path)
    edit_index(path, lambda m: m.update({"model.norm.weight": "pytorch_model-00001-of-00002.bin"}))


def empty_index(path: Path) -> None:
    sharded(path)
    (path / "model.safetensors.index.json").write_text("{}")


def duplicate_tensor(path: Path) -> None:
    sharded(path)
    tensors = load_file(path / "model-00001-of-00002.safetensors")
    tensors |= load_file(path / "model-00002-of-00002.safetensors")
    save_file(tensors, path / "model-00001-of-00002.safetensors")


def with_code(path: Path) -> None:
    edit_config(path, text_config={"layers": [{"auto_map": {"AutoModel": "modeling_x.Model"}}]})


def quantized(path: Path) -> None:
    edit_config(path, quantization_config={"quant_method": "gptq"})


def float8(path: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors["model.norm.weight"] = tensors["model.norm.weight"].to(torch.float8_e4m3fn)

    edit_tensors(path, change)


def broken_config(path: Path) -> None:
    (path / "config.json").write_text("{")


def list_config(path: Path) -> None:
    (path / "config.json").write_text("[]")


BROKEN: list[tuple[Edit, str]] = [
    (to_pickle, "only pickle weights (pytorch_model.bin)"),
    (truncate, "not a complete safetensors file"),
    (not_safetensors, "not a complete safetensors file"),
    (missing_shard, "model-00002-of-00002.safetensors is missing"),
    (missing_index, "neither model.safetensors nor model.safetensors.index.json"),
    (incomplete_index, "does not list model.norm.weight"),
    (wrong_index, "places tensor model.norm.weight"),
    (escaping_index, "'../elsewhere.safetensors', which is no safetensors file"),
    (pickle_index, "which is no safetensors file"),
    (empty_index, "has no weight_map"),
    (duplicate_tensor, "is stored in both"),
    (quantized, "is quantized"),
    (with_code, "brings Python code of its own"),
    (float8, "has type F8_E4M3"),
    (broken_config, "not valid JSON"),
    (list_config, "no JSON object"),
    (lambda path: (path / "config.json").unlink(), "config.json is missing"),
    (lambda path: (path / "model.safetensors").unlink(), "holds no safetensors weights"),
]


@pytest.fixture
def copy(family: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(family.full[0], tmp_path / "copy"))


@pytest.mark.parametrize(("edit", "problem"), BROKEN, ids=[problem for _, problem in BROKEN])
def test_broken_directories_are_refused(copy: Path, edit: Edit, problem: str) -> None:
    edit(copy)
    with pytest.raises(ModelError) as caught:
        Checkpoint("model copy", copy)
    assert caught.value.field == "model copy"
    assert problem in caught.value.problem
    assert caught.value.fix


def test_pickle_beside_safetensors_is_never_opened(copy: Path) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert "model.norm.weight" in Checkpoint("model copy", copy).infos


def test_a_sharded_checkpoint_reads_like_a_single_file(family: Any, copy: Path) -> None:
    sharded(copy)
    first, second = Checkpoint("one", family.full[0]), Checkpoint("two", copy)
    assert first.infos.keys() == second.infos.keys()
    assert all(torch.equal(first.tensor(name), second.tensor(name)) for name in first.infos)


def test_headers_tell_shape_and_type(full_models: ModelSet) -> None:
    for name in full_models.tensor_names():
        tensor, info = full_models.base_tensor(name), full_models.tensor_info(name)
        assert (tuple(tensor.shape), tensor.dtype) == (info.shape, info.dtype)
        assert tensor.nbytes == info.nbytes


def test_non_finite_values_are_found_by_name(family: Any, copy: Path) -> None:
    for value in (float("nan"), float("-inf")):

        def change(tensors: dict[str, Tensor], value: float = value) -> None:
            tensors["model.layers.2.mlp.up_proj.weight"][-1, -1] = value

        edit_tensors(copy, change)
        models = ModelSet.open(ModelRef("base", str(family.base)), [ModelRef("bad", str(copy))])
        with pytest.raises(ModelError, match=r"model bad: tensor model\.layers\.2\.mlp\.up_proj\.weight holds NaN"):
            models.check_finite()


def test_real_and_random_models_are_finite(smollm2: Path, mixed_models: ModelSet) -> None:
    mixed_models.check_finite()
    ModelSet.open(ModelRef("base", str(smollm2)), []).check_finite()
