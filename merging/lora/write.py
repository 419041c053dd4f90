"""PEFT adapter directories that peft and vLLM load, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from evomerge.errors import InvalidInput, nearest
from merging.adapters import CONFIG, PREFIX, WEIGHTS, Adapter
from merging.operators.inputs import Factors
from merging.staging import staged, write_json

DTYPES: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class AdapterWeights:
    """The content of an adapter, by checkpoint name of the tensor that it changes.

    Args:
        modules: factors of the change to a linear layer's weight, the scale inside.
        saved: new values of every tensor of the modules that are replaced as a whole (``modules_to_save``).
        transposed: the base stores these weights as (in, out); the factors are those of the stored tensor.
    """

    modules: Mapping[str, Factors]
    saved: Mapping[str, Tensor] = field(default_factory=dict)
    transposed: bool = False


def write_adapter(
    out: Path, weights: AdapterWeights, *, base: str, names: Iterable[str], dtype: torch.dtype, task: str | None
) -> None:
    """Write an adapter whose scale ``lora_alpha / r`` is 1 for every module.

    Args:
        out: directory to create; may exist if it is empty.
        weights: factors and replaced tensors.
        base: what the adapter names as its base model, a path or a repository.
        names: checkpoint names of all tensors of the base, so that targets can be named briefly.
        dtype: of the stored tensors; one rounding.
        task: PEFT's task type, such as ``CAUSAL_LM``.

    Raises:
        StateConflict: ``out`` exists and is not empty.
    """
    with staged(out) as directory:
        save_file(_stored(weights, dtype), directory / WEIGHTS, metadata={"format": "pt"})
        write_json(directory / CONFIG, adapter_config(weights, base=base, names=names, task=task))


def stored_dtype(adapter: Adapter) -> str:
    """Return the dtype of an adapter's tensors, a key of :data:`DTYPES`; ``float32`` where there are several."""
    found = {info.dtype for info in adapter.infos.values()}
    return next((name for name, dtype in DTYPES.items() if found == {dtype}), "float32")


def checked_dtype(name: str) -> torch.dtype:
    """Return a dtype by its name.

    Raises:
        InvalidInput: it is no key of :data:`DTYPES`.
    """
    if name not in DTYPES:
        raise InvalidInput("dtype", f"found {name!r}", nearest(name, DTYPES))
    return DTYPES[name]


def _stored(weights: AdapterWeights, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the tensors under the names that PEFT gives them."""
    stored: dict[str, Tensor] = {}
    for name, factors in weights.modules.items():
        a, b = (factors.b.T, factors.a.T) if weights.transposed else (factors.a, factors.b)
        module = PREFIX + name.removesuffix(".weight")
        stored[f"{module}.lora_A.weight"] = a.to(dtype).contiguous()
        stored[f"{module}.lora_B.weight"] = b.to(dtype).contiguous()
    for name, tensor in weights.saved.items():
        stored[PREFIX + name] = tensor.to(dtype).contiguous()
    return stored


def adapter_config(weights: AdapterWeights, *, base: str, names: Iterable[str], task: str | None) -> dict[str, Any]:
    """Return ``adapter_config.json``; ranks that differ are listed with equal alphas, so that the scale stays 1."""
    ranks = {name.removesuffix(".weight"): factors.a.shape[0] for name, factors in weights.modules.items()}
    largest = max(ranks.values(), default=1)
    differing = {module: rank for module, rank in sorted(ranks.items()) if rank != largest}
    saved = sorted({name.rpartition(".")[0] for name in weights.saved})
    return {
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": weights.transposed,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": largest,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": largest,
        "rank_pattern": differing,
        "alpha_pattern": differing,
        "target_modules": _targets(set(ranks), names),
        "modules_to_save": saved or None,
        "task_type": task,
    }


def _targets(modules: set[str], names: Iterable[str]) -> list[str]:
    """Name modules by their last part where that fits no other module of the base, else in full."""
    others = {name.rpartition(".")[0] for name in names} - modules
    ambiguous = {module.rpartition(".")[2] for module in others}
    short = {leaf for module in modules if (leaf := module.rpartition(".")[2]) not in ambiguous}
    return sorted(short | {module for module in modules if module.rpartition(".")[2] not in short})
