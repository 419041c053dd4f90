from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from merging.checkpoints import Checkpoint
from merging.weights import TensorSpec, write_weights

TENSORS = {
    "a": torch.arange(3, dtype=torch.bfloat16),
    "b": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "c": torch.tensor(7, dtype=torch.int64),
    "d": torch.zeros(0, 4),
    "e": torch.tensor([True, False, True]),
    "f": torch.arange(12, dtype=torch.float16).reshape(4, 3).T,
}


def specs(tensors: dict[str, Tensor]) -> dict[str, TensorSpec]:
    return {name: TensorSpec(tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}


def test_the_safetensors_library_reads_every_bit(tmp_path: Path) -> None:
    write_weights(tmp_path, specs(TENSORS), iter(TENSORS.items()), 10**9)
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_wide_types_are_aligned_in_the_file(tmp_path: Path) -> None:
    write_weights(tmp_path, specs(TENSORS), iter(TENSORS.items()), 10**9)
    content = (tmp_path / "model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert (8 + size) % 8 == 0
    for name, tensor in TENSORS.items():
        assert header[name]["data_offsets"][0] % tensor.dtype.itemsize == 0


def test_shards_and_their_index_are_a_checkpoint(tmp_path: Path) -> None:
    tensors = {f"layers.{i}.weight": torch.full((10, 10), float(i)) for i in range(5)}
    tensors["big"] = torch.ones(1000)
    (tmp_path / "config.json").write_text("{}")
    write_weights(tmp_path, specs(tensors), iter(tensors.items()), 900)
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert files == [f"model-{i:05d}-of-00004.safetensors" for i in range(1, 5)]
    checkpoint = Checkpoint("x", tmp_path)
    assert all(torch.equal(checkpoint.tensor(name), tensor) for name, tensor in tensors.items())
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_parameters": 1500, "total_size": 6000}


def test_tensors_are_taken_one_by_one(tmp_path: Path) -> None:

    def stream() -> Iterator[tuple[str, Tensor]]:
        for index in range(20):
            size = (tmp_path / "model.safetensors").stat().st_size
            # What came before is in the file already, up to the buffer of one write.
            assert size >= (index - 1) * 400_000
            yield f"t{index:02d}", torch.full((100_000,), float(index))

    wanted = {f"t{index:02d}": TensorSpec((100_000,), torch.float32) for index in range(20)}
    write_weights(tmp_path, wanted, stream(), 10**9)
    assert len(load_file(tmp_path / "model.safetensors")) == 20


@pytest.mark.parametrize("change", ["missing", "more", "shape", "dtype", "order"])
def test_another_stream_than_announced_is_an_error(tmp_path: Path, change: str) -> None:
    tensors = {"a": torch.ones(2), "b": torch.ones(3)}
    announced = specs(tensors)
    stream = dict(tensors)
    if change == "missing":
        del stream["b"]
    elif change == "more":
        stream["c"] = torch.ones(1)
    elif change == "shape":
        stream["b"] = torch.ones(4)
    elif change == "dtype":
        stream["b"] = torch.ones(3).half()
    else:
        stream = {"b": tensors["b"], "a": tensors["a"]}
    with pytest.raises(ValueError, match=r"announced|never came"):
        write_weights(tmp_path, announced, iter(stream.items()), 10**9)
