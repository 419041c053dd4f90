"""Read-only access to a Hugging Face checkpoint directory: safetensors only, memory-mapped, read lazily."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from evomerge.errors import ModelError
from merging.blocks import is_finite
from merging.remote_code import brings_code

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
CONVERT_FIX = "load the model where you trust it and write it again with save_pretrained, which stores safetensors"

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class TensorInfo:
    """What a file's header says about a tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    file: str

    @property
    def is_float(self) -> bool:
        """Whether the tensor can be merged at all."""
        return self.dtype.is_floating_point

    @property
    def nbytes(self) -> int:
        """Size of the tensor's data in bytes."""
        return int(torch.Size(self.shape).numel()) * self.dtype.itemsize


class SafetensorsFiles:
    """Tensors of one or several safetensors files of a directory, by name.

    Args:
        label: how errors name the model.
        directory: where the files are.
        files: file names; their headers are read at once, their data never before it is asked for.

    Raises:
        ModelError: a file is missing, cut short, no safetensors file, or holds an unknown type.
    """

    def __init__(self, label: str, directory: Path, files: list[str]) -> None:
        """Read the headers."""
        self.label = label
        self.directory = directory
        self.files = tuple(files)
        self.infos: dict[str, TensorInfo] = {}
        self._handles = {file: self._open(file) for file in files}

    def tensor(self, name: str) -> Tensor:
        """Return a tensor in its stored dtype; its memory is the mapped file, so treat it as read-only.

        Raises:
            ModelError: there is no such tensor.
        """
        info = self.infos.get(name)
        if info is None:
            raise ModelError(self.label, f"tensor {name} is missing", "use a complete checkpoint")
        tensor: Tensor = self._handles[info.file].get_tensor(name)
        return tensor

    def check_finite(self) -> None:
        """Read every tensor.

        Raises:
            ModelError: a tensor holds NaN or infinity.
        """
        for name, info in self.infos.items():
            if info.is_float and not is_finite(self.tensor(name)):
                raise ModelError(
                    self.label,
                    f"tensor {name} holds NaN or infinite values",
                    "use another revision of this model; this one is damaged or diverged in training",
                )

    def _open(self, file: str) -> Any:
        path = self.directory / file
        if not path.is_file():
            raise ModelError(self.label, f"{path} is missing", "download or copy the complete checkpoint")
        try:
            handle: Any = safe_open(path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise ModelError(
                self.label,
                f"{path} is not a complete safetensors file ({error})",
                "download or copy the file again",
            ) from error
        for name in handle.keys():  # noqa: SIM118 - safe_open is no mapping
            view = handle.get_slice(name)
            if view.get_dtype() not in DTYPES:
                raise ModelError(
                    self.label,
                    f"tensor {name} in {path} has type {view.get_dtype()}, which cannot be merged",
                    "use an unquantized checkpoint",
                )
            if name in self.infos:
                raise ModelError(
                    self.label,
                    f"tensor {name} is stored in both {self.infos[name].file} and {file}",
                    "write the checkpoint again with save_pretrained",
                )
            self.infos[name] = TensorInfo(tuple(view.get_shape()), DTYPES[view.get_dtype()], file)
        return handle


class Checkpoint(SafetensorsFiles):
    """A whole model: configuration and weights.

    Raises:
        ModelError: see :func:`read_config`, :func:`_weight_files` and :class:`SafetensorsFiles`.
    """

    def __init__(self, label: str, directory: Path) -> None:
        """Read configuration, index and headers."""
        self.config = read_config(label, directory)
        files, indexed = _weight_files(label, directory)
        super().__init__(label, directory, files)
        for name, file in indexed.items():
            if name not in self.infos or self.infos[name].file != file:
                raise ModelError(
                    label,
                    f"{INDEX} places tensor {name} in {file}, which does not hold it",
                    "download or copy the complete checkpoint",
                )
        unlisted = sorted(set(self.infos) - set(indexed)) if indexed else []
        if unlisted:
            raise ModelError(
                label,
                f"{INDEX} is incomplete: it does not list {unlisted[0]} ({len(unlisted)} tensors in all)",
                "download or copy the index again",
            )


def read_config(label: str, directory: Path) -> dict[str, Any]:
    """Read ``config.json`` and refuse quantized models and those that bring code.

    Raises:
        ModelError: missing, unreadable, of a quantized model, or with an ``auto_map`` anywhere.
    """
    config = read_json(label, directory / "config.json")
    if brings_code(config):
        raise ModelError(
            label,
            f"{directory} brings Python code of its own (config.json has an auto_map), which nothing here may run",
            "use a model of an architecture that transformers and vLLM know, without auto_map",
        )
    if config.get("quantization_config"):
        raise ModelError(
            label,
            f"{directory} is quantized (config.json has quantization_config)",
            "use the unquantized checkpoint; merging integers of different scales means nothing",
        )
    return config


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration of the language model, which a multimodal model keeps in a section of its own."""
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, Mapping) else config


def read_json(label: str, path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ModelError: the file is missing or holds no JSON object.
    """
    if not path.is_file():
        raise ModelError(label, f"{path} is missing", "point to a complete Hugging Face model directory")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(label, f"{path} is not valid JSON ({error})", "download or copy it again") from error
    if not isinstance(data, dict):
        raise ModelError(label, f"{path} holds no JSON object", "download or copy it again")
    return data


def no_weights(label: str, directory: Path) -> ModelError:
    """Return the error for a directory without safetensors, naming pickle files if those are there."""
    pickles = sorted(p.name for p in directory.iterdir() if p.suffix in PICKLE_SUFFIXES)
    if pickles:
        return ModelError(
            label,
            f"{directory} holds only pickle weights ({pickles[0]}), which can run code when opened",
            CONVERT_FIX,
        )
    return ModelError(
        label, f"{directory} holds no safetensors weights", "point to a complete Hugging Face model directory"
    )


def _weight_files(label: str, directory: Path) -> tuple[list[str], dict[str, str]]:
    """Return the weight files and, for a sharded checkpoint, where its index places each tensor."""
    if (directory / SINGLE).is_file():
        return [SINGLE], {}
    if (directory / INDEX).is_file():
        weight_map = read_json(label, directory / INDEX).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise ModelError(label, f"{INDEX} has no weight_map", "download or copy the index again")
        for file in weight_map.values():
            if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
                raise ModelError(label, f"{INDEX} names {file!r}, which is no safetensors file", CONVERT_FIX)
        return sorted(set(weight_map.values())), weight_map
    shards = sorted(p.name for p in directory.glob("*.safetensors"))
    if shards:
        raise ModelError(
            label,
            f"{directory} holds {shards[0]} but neither {SINGLE} nor {INDEX}",
            "download or copy the complete checkpoint, its index included",
        )
    raise no_weights(label, directory)
