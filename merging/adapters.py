"""PEFT LoRA adapters as exact task vectors.

Only what is exactly ``base + scale * B @ A`` on linear layers, or a full replacement of a tensor listed in
``modules_to_save``, is accepted. Everything else in an adapter is refused by name, never ignored: a part that
is silently left out would make the search optimize another model than the one the user has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from evomerge.errors import ModelError
from merging.checkpoints import SafetensorsFiles, TensorInfo, no_weights, read_json
from merging.names import is_embedding, is_head, is_vocabulary
from merging.operators.inputs import Factors

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
FULL_FIX = "merge the adapter into its base with peft's merge_and_unload and use the merged checkpoint"

# Fields that cannot change what the stored weights mean, and those that this module honours.
_HARMLESS = {
    "task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision",
    "inference_mode", "target_modules", "exclude_modules", "lora_dropout", "layers_to_transform",
    "layers_pattern", "megatron_core", "runtime_config", "qalora_group_size", "eva_config",
    "r", "lora_alpha", "fan_in_fan_out", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save",
    "bias", "init_lora_weights",
}  # fmt: skip
# Other initializations (PiSSA, OLoRA, CorDA, LoftQ ...) change the base first, so that the stored factors are
# no change to the original base.
_INITS_ON_THE_BASE = ("true", "false", "gaussian", "eva", "orthogonal")
_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<factor>[AB])\.weight")


class Adapter(SafetensorsFiles):
    """A LoRA adapter directory, checked against the base that it changes.

    Args:
        label: how errors name the adapter.
        directory: holds ``adapter_config.json`` and ``adapter_model.safetensors``.
        base: headers of the base's tensors, by checkpoint name.
        tied: the base ties its head to its embedding.
        any_rows: embedding and head may be replaced by ones with another number of rows, and without being
            listed in ``modules_to_save``: PEFT stores them so where the vocabulary was resized.

    Raises:
        ModelError: the adapter is not an exact change to this base's tensors.
    """

    def __init__(
        self, label: str, directory: Path, base: Mapping[str, TensorInfo], tied: bool, *, any_rows: bool = False
    ) -> None:
        """Read the headers and check every tensor; no data is read."""
        self._any_rows = any_rows
        self.config = read_json(label, directory / CONFIG)
        self._check_config(label)
        if not (directory / WEIGHTS).is_file():
            raise no_weights(label, directory)
        super().__init__(label, directory, [WEIGHTS])
        self._modules: set[str] = set()
        self._replaced: set[str] = set()
        for key in self.infos:
            self._classify(key)
        for module in sorted(self._modules):
            self._check_factors(module, base, tied)
        for name in sorted(self._replaced):
            self._check_replacement(name, base, tied)

    def touched(self) -> frozenset[str]:
        """Return the checkpoint names of all tensors that the adapter changes."""
        return frozenset(f"{module}.weight" for module in self._modules) | frozenset(self._replaced)

    def replaced(self) -> frozenset[str]:
        """Return the checkpoint names of the tensors that the adapter replaces as a whole."""
        return frozenset(self._replaced)

    def delta(self, name: str, base: Tensor) -> Tensor | None:
        """Return the fp32 task vector of a tensor; None where the adapter does not touch it."""
        replacement = self.replacement(name)
        if replacement is not None:
            return replacement.float() - base.float()
        factors = self.factors(name)
        return None if factors is None else factors.b @ factors.a

    def replacement(self, name: str) -> Tensor | None:
        """Return the tensor that takes the base's place as a whole; None where there is none."""
        return self.tensor(PREFIX + name) if name in self._replaced else None

    def factors(self, name: str) -> Factors | None:
        """Return the fp32 factors of a tensor's task vector; None where the adapter has none for it."""
        module = name.removesuffix(".weight")
        if module == name or module not in self._modules:
            return None
        a, b = (self.tensor(f"{PREFIX}{module}.lora_{factor}.weight").float() for factor in "AB")
        scaled = b.mul(self.scale(module))
        return Factors(a.T, scaled.T) if self.config.get("fan_in_fan_out") else Factors(scaled, a)

    def scale(self, module: str) -> float:
        """Return what the product of a module's stored factors is multiplied by."""
        rank = self.infos[f"{PREFIX}{module}.lora_A.weight"].shape[0]
        alpha = float(_matching(module, self.config.get("alpha_pattern"), self.config.get("lora_alpha", 8)))
        return alpha / (math.sqrt(rank) if self.config.get("use_rslora") else rank)

    def _check_config(self, label: str) -> None:
        kind = self.config.get("peft_type")
        if kind != "LORA":
            raise ModelError(label, f"{CONFIG} has peft_type {kind!r}, only LORA can be merged", FULL_FIX)
        init = self.config.get("init_lora_weights", True)
        if str(init).lower() not in _INITS_ON_THE_BASE:
            raise ModelError(
                label, f"{CONFIG} has init_lora_weights {init!r}, which may change the base weights", FULL_FIX
            )
        for key, value in self.config.items():
            if key not in _HARMLESS and value:
                raise ModelError(label, f"{CONFIG} sets {key} to {value!r}, which is no plain LoRA", FULL_FIX)

    def _classify(self, key: str) -> None:
        name = key.removeprefix(PREFIX)
        match = _FACTOR.fullmatch(name)
        if key == name:
            raise self._refused(key, f"does not start with {PREFIX!r}")
        if match:
            self._modules.add(match["module"])
        elif "lora_" in name:
            raise self._refused(key, "is no LoRA factor of a linear layer")
        elif name.endswith(".bias") and self.config.get("bias", "none") != "none":
            raise self._refused(key, f"is a trained bias (bias={self.config['bias']!r})")
        elif self._is_saved_module(name) or (self._any_rows and is_vocabulary(name)):
            self._replaced.add(name)
        else:
            raise self._refused(key, "belongs to no module of modules_to_save")

    def _is_saved_module(self, name: str) -> bool:
        module = name.rpartition(".")[0]
        saved = self.config.get("modules_to_save") or []
        return any(module == entry or module.endswith(f".{entry}") for entry in saved)

    def _check_factors(self, module: str, base: Mapping[str, TensorInfo], tied: bool) -> None:
        keys = [f"{PREFIX}{module}.lora_{factor}.weight" for factor in "AB"]
        for key in keys:
            if key not in self.infos:
                raise ModelError(self.label, f"{key} is missing", "download or copy the complete adapter")
        a, b = (self.infos[key].shape for key in keys)
        if len(a) != 2 or len(b) != 2 or a[0] != b[1]:
            raise self._refused(keys[0], f"has factors of shapes {a} and {b}, not those of a linear layer")
        rank = _matching(module, self.config.get("rank_pattern"), self.config.get("r"))
        if rank != a[0]:
            raise ModelError(
                self.label, f"{keys[0]} has rank {a[0]}, {CONFIG} says {rank}", "use a matching configuration"
            )
        shape = (a[1], b[0]) if self.config.get("fan_in_fan_out") else (b[0], a[1])
        self._check_target(f"{module}.weight", shape, base, tied)

    def _check_replacement(self, name: str, base: Mapping[str, TensorInfo], tied: bool) -> None:
        if tied and is_embedding(name):
            raise self._refused(PREFIX + name, "replaces an embedding that the base ties to its head")
        shape = self.infos[PREFIX + name].shape
        if self._any_rows and is_vocabulary(name) and name in base:
            shape = (base[name].shape[0], *shape[1:])
        self._check_target(name, shape, base, tied)

    def _check_target(self, name: str, shape: tuple[int, ...], base: Mapping[str, TensorInfo], tied: bool) -> None:
        info = base.get(name)
        if info is None:
            tied_head = tied and is_head(name)
            why = "the base ties its head to its embedding" if tied_head else "the base has no such tensor"
            raise ModelError(self.label, f"it changes {name}, but {why}", "use an adapter of this base model")
        if info.shape != shape:
            raise ModelError(
                self.label,
                f"its change to {name} has shape {shape}, the base tensor has {info.shape}",
                "use an adapter that was trained on this base model",
            )

    def _refused(self, key: str, why: str) -> ModelError:
        return ModelError(self.label, f"adapter tensor {key} {why}", FULL_FIX)


def is_adapter(directory: Path) -> bool:
    """Return whether a directory is a PEFT adapter."""
    return (directory / CONFIG).is_file()


def _matching(module: str, pattern: Mapping[str, Any] | None, default: Any) -> Any:
    """Return the value of the first pattern that fits the module's path or a suffix of it, as PEFT does."""
    for key, value in (pattern or {}).items():
        if re.fullmatch(rf"(?:.*\.)?(?:{key})", module):
            return value
    return default
