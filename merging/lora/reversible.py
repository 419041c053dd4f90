"""Reversible model merging (RMM, 2510.14163): many adapters as one small basis from which each can be had back.

Row by row of the ``B`` factors and column by column of the ``A`` factors, the vectors of all adapters are
written as their mean plus combinations of ``components`` directions that they share: the truncated singular
value decomposition of the centred vectors. With as many components as the centred vectors have dimensions the
adapters come back: to fp32 rounding, or bit for bit where they are stored in 16 bits and the basis in 32, for the
few values that would round the other way are kept beside it. This is storage, not a merge into one model.

The paper has no public code; that the mean is stored is inferred from its storage ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from evomerge import __version__
from evomerge.errors import InvalidInput, ModelError, NotFound, nearest
from merging.adapters import CONFIG, PREFIX, WEIGHTS, Adapter
from merging.checkpoints import SafetensorsFiles, read_json
from merging.lora.combine import distance
from merging.lora.shared_basis import FIXES, KEYS, SIDES, compressed, fixed, fixes_of, reverted
from merging.lora.write import DTYPES, checked_dtype, stored_dtype
from merging.models import ModelSet
from merging.operators.inputs import Factors
from merging.staging import check_free, directory_size, staged, write_json
from merging.threads import Threads

MANIFEST = "adapter_basis.json"
BASIS = "adapter_basis.safetensors"
FORMAT = "evomerge adapter basis"
VERSION = 1


@dataclass(frozen=True)
class BasisResult:
    """A basis that was written.

    Args:
        path: its directory.
        components: directions kept per position, at most what makes it exact.
        bytes: size of the directory.
        adapter_bytes: size of the adapters' weight files together.
        ratio: numbers that the basis stores over those of the adapters' factors.
        errors: per adapter, Frobenius norm of what reverting misses of its task vector over that of the task
            vector, over all linear layers.
    """

    path: Path
    components: int
    bytes: int
    adapter_bytes: int
    ratio: float
    errors: dict[str, float]


def pack_basis(
    models: ModelSet,
    out: Path,
    components: int,
    *,
    dtype: str = "float32",
    progress: Callable[[str], None] = lambda name: None,
) -> BasisResult:
    """Write the reversible basis of a model set's adapters.

    Adapters of different rank or with different modules are filled up with zeros, which reverting takes off
    again. Tensors that an adapter replaces as a whole are stored as they are.

    Args:
        models: the base, and two adapters or more.
        out: directory to create; may exist if it is empty.
        components: directions kept per position; more than there can be are cut off.
        dtype: of the stored basis, ``float32``, ``bfloat16`` or ``float16``.
        progress: told the name of each module that is done.

    Raises:
        InvalidInput: fewer than two adapters, no component, or another dtype.
        ModelError: an expert is no adapter, or holds NaN or infinity.
        StateConflict: ``out`` exists and is not empty.
    """
    check_free(out)
    if components < 1:
        raise InvalidInput("components", f"found {components}, expected 1 or more", "keep at least one component")
    if len(models.experts) < 2:
        raise InvalidInput("adapters", f"found {len(models.experts)}", "give two adapters or more")
    adapters = {ref.name: models.adapter(ref.name) for ref in models.experts}
    for adapter in adapters.values():
        adapter.check_finite()
    packing = _Packing(adapters, components, checked_dtype(dtype))
    layers = sorted({layer for adapter in adapters.values() for layer in _layers(adapter)})
    for packed in Threads().map(packing.packed, [layer.removesuffix(".weight") for layer in layers]):
        packing.add(packed)
        progress(packed.module)
    replaced = {
        f"{name}/{tensor}": adapter.tensor(PREFIX + tensor)
        for name, adapter in adapters.items()
        for tensor in adapter.replaced()
    }
    with staged(out) as directory:
        save_file({name: one.contiguous() for name, one in (packing.stored | replaced).items()}, directory / BASIS)
        write_json(directory / MANIFEST, packing.manifest(models.base.path))
    files = models.weight_files()
    return BasisResult(
        out,
        components,
        directory_size(out),
        sum(file.stat().st_size for name in adapters for file in files[name]),
        packing.ratio(),
        packing.errors(),
    )


@dataclass(frozen=True)
class _Layer:
    """One packed layer: its tensors, and by adapter its rank and the norms of what is lost and of all."""

    module: str
    stored: dict[str, Tensor]
    ranks: dict[str, int]
    lost: dict[str, tuple[float, float]]


class _Packing:
    """The layers packed so far, and what reverting each adapter from them misses."""

    def __init__(self, adapters: Mapping[str, Adapter], components: int, dtype: torch.dtype) -> None:
        self.stored: dict[str, Tensor] = {}
        self._adapters = adapters
        self._dtypes = {name: stored_dtype(adapter) for name, adapter in adapters.items()}
        self._components = components
        self._dtype = dtype
        self._ranks: dict[str, dict[str, int]] = {}
        self._lost: dict[str, list[tuple[float, float]]] = {name: [] for name in adapters}

    def packed(self, module: str) -> _Layer:
        """Pack one layer and measure what reverting it misses."""
        names = tuple(self._adapters)
        raw = {
            name: _raw(adapter, module)
            for name, adapter in self._adapters.items()
            if f"{module}.weight" in _layers(adapter)
        }
        ranks = {name: factors.a.shape[0] for name, factors in raw.items()}
        sides = compressed(raw, names, self._components, self._dtype)
        stored = {f"{module}.{side}.{key}": tensor for side, codes in sides.items() for key, tensor in codes.items()}
        lost = {}
        for name, factors in raw.items():
            found = reverted(sides, names.index(name), ranks[name], DTYPES[self._dtypes[name]])
            spans_all = self._components >= min(sides["A"]["mean"].shape[1], len(names) - 1)
            if spans_all and found.a.dtype.itemsize < self._dtype.itemsize:
                fixes = fixes_of(factors, found)
                stored |= {f"{name}/{module}.{key}": tensor for key, tensor in fixes.items()}
                found = fixed(found, fixes)
            miss, whole = distance(factors, Factors(found.b.float(), found.a.float()))
            scale = self._adapters[name].scale(module)
            lost[name] = (scale * miss, scale * whole)
        return _Layer(module, stored, ranks, lost)

    def add(self, layer: _Layer) -> None:
        """Take one packed layer."""
        self.stored |= layer.stored
        self._ranks[layer.module] = layer.ranks
        for name, norms in layer.lost.items():
            self._lost[name].append(norms)

    def ratio(self) -> float:
        """Return the numbers stored over those of the adapters' factors."""
        return sum(tensor.numel() for tensor in self.stored.values()) / sum(map(_numbers, self._adapters.values()))

    def errors(self) -> dict[str, float]:
        """Return the relative error of every adapter's task vector."""
        return {name: _relative(pairs) for name, pairs in self._lost.items()}

    def manifest(self, base: str) -> dict[str, Any]:
        """Return what reverting needs beside the tensors."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "evomerge": __version__,
            "base": base,
            "components": self._components,
            "errors": self.errors(),
            "ranks": self._ranks,
            "adapters": {
                name: {"config": one.config, "dtype": self._dtypes[name], "replaced": sorted(one.replaced())}
                for name, one in self._adapters.items()
            },
        }


def revert(directory: Path, name: str, out: Path) -> None:
    """Write one adapter of a basis as a PEFT adapter, with its own configuration, ranks and dtype.

    Raises:
        ModelError: the directory holds no complete basis.
        NotFound: the basis holds no adapter of this name.
        StateConflict: ``out`` exists and is not empty.
    """
    check_free(out)
    label = f"basis {directory}"
    manifest = read_json(label, directory / MANIFEST)
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise ModelError(label, f"{MANIFEST} is of another format or version", "make the basis again")
    adapters = manifest["adapters"]
    if name not in adapters:
        raise NotFound("name", f"the basis holds no adapter named {name!r}", nearest(name, adapters))
    files = SafetensorsFiles(label, directory, [BASIS])
    index, adapter = list(adapters).index(name), adapters[name]
    tensors: dict[str, Tensor] = {}
    for module, ranks in manifest["ranks"].items():
        if name in ranks:
            sides = {side: {key: files.tensor(f"{module}.{side}.{key}") for key in KEYS} for side in SIDES}
            found = reverted(sides, index, ranks[name], DTYPES[adapter["dtype"]])
            keys = [key for key in FIXES if f"{name}/{module}.{key}" in files.infos]
            factors = fixed(found, {key: files.tensor(f"{name}/{module}.{key}") for key in keys})
            tensors[f"{PREFIX}{module}.lora_A.weight"] = factors.a
            tensors[f"{PREFIX}{module}.lora_B.weight"] = factors.b
    tensors |= {PREFIX + tensor: files.tensor(f"{name}/{tensor}") for tensor in adapter["replaced"]}
    with staged(out) as written:
        save_file(tensors, written / WEIGHTS, metadata={"format": "pt"})
        write_json(written / CONFIG, adapter["config"])


def _layers(adapter: Adapter) -> frozenset[str]:
    """Return the checkpoint names of the weights that an adapter changes through factors."""
    return adapter.touched() - adapter.replaced()


def _raw(adapter: Adapter, module: str) -> Factors:
    """Return the factors as stored, in fp32 and without scale, so that reverting gives the same file again."""
    a, b = (adapter.tensor(f"{PREFIX}{module}.lora_{side}.weight").float() for side in SIDES)
    return Factors(b, a)


def _numbers(adapter: Adapter) -> int:
    return sum(math.prod(info.shape) for name, info in adapter.infos.items() if ".lora_" in name)


def _relative(pairs: Sequence[tuple[float, float]]) -> float:
    whole = math.hypot(*(one for _, one in pairs))
    return math.hypot(*(miss for miss, _ in pairs)) / whole if whole else 0.0
