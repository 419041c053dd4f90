"""Candidates as adapters inside vLLM: written from memory into the slots that its adapter layers read.

A candidate of a linear merge of adapters, or of task vectors truncated to such, is ``A = [A_1; A_2; ...]`` and
``B = [c_1 s_1 B_1 | c_2 s_2 B_2 | ...]`` (see ``merging.multiples``); only the numbers ``c`` differ between candidates.
vLLM knows each one under a number of its own, as an adapter without weights, and this module fills the slot that it
assigns.

On a GPU a slot holds a copy of A and the scaled B, for vLLM's own kernels. On the CPU vLLM copies the factors once for
every token, so the layers get another product there: all tokens share one ``x A`` and one ``B``, and what lies between
is scaled by the numbers of each token's candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn.functional import linear
from vllm.config.lora import MaxLoRARanks
from vllm.lora.layers import BaseLayerWithLoRA
from vllm.lora.lora_model import LoRAModel
from vllm.lora.lora_weights import LoRALayerWeights
from vllm.lora.utils import parse_fine_tuned_lora_name

from evomerge.errors import EngineError
from merging.lora.experts import ExpertFactors
from workers.population import Population

Weights = Mapping[str, Mapping[str, float]]
"""By checkpoint name and expert, what the expert's change of that tensor is multiplied by."""


# Some versions of vLLM know fused layers by their own name only when they are told where adapters go.
_FUSED = {
    "q_proj": "qkv_proj", "k_proj": "qkv_proj", "v_proj": "qkv_proj", "gate_proj": "gate_up_proj",
    "up_proj": "gate_up_proj",
}  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """One checkpoint tensor's share of an adapter layer.

    Args:
        name: checkpoint name.
        a: all experts' A, shape (sum of ranks, in).
        b: all experts' B with their scales, fp32, shape (out, sum of ranks).
        experts: whose column each of them is.
    """

    name: str
    a: Tensor
    b: Tensor
    experts: tuple[str, ...]

    def scales(self, weights: Weights) -> Tensor:
        """Return what every column of B is multiplied by, fp32, shape (sum of ranks,)."""
        own = weights[self.name]
        return torch.tensor([own.get(expert, 0.0) for expert in self.experts], device=self.b.device)


_Parts = list[_Part | None]
"""Of one layer in vLLM's order; None is a part of a fused layer that no expert changes."""


class LoraSlots:
    """The candidates that one process of a vLLM engine started with ``enable_lora`` can answer as.

    Args:
        runner: vLLM's model runner.
        experts: their factors on linear layers, see ``workers.engines.lora_population``.

    Raises:
        EngineError: vLLM keeps an adapted layer in a way that is not known here.
    """

    def __init__(self, runner: Any, experts: ExpertFactors) -> None:
        """Read the experts' factors; base weights are never touched."""
        self._manager = runner.lora_manager._adapter_manager
        self._layers = dict(self._find_parts(runner.model, experts))
        self._shared: dict[str, _SharedFactors] = {}
        if runner.device.type == "cpu":
            for name, layer in self._manager.modules.items():
                parts = self._layers.get(name)
                layer.punica_wrapper = _Unchanged() if parts is None else self._share(name, layer, parts)

    def load(self, candidates: Mapping[int, Weights]) -> None:
        """Make the engine answer requests for adapter ``number`` as the candidate of that number.

        Args:
            candidates: at most as many as there are slots, with what ``merging.multiples`` returns for each; numbers
                that vLLM has never seen.
        """
        manager = self._manager
        self.clear()
        for number, weights in candidates.items():
            manager.add_adapter(_placeholder(number))
            manager.activate_adapter(number)
            self._fill(manager.lora_index_to_id.index(number), weights)

    def clear(self) -> None:
        """Forget every candidate."""
        self._manager.remove_all_adapters()

    def _share(self, name: str, layer: Any, parts: _Parts) -> _SharedFactors:
        tokens = self._manager._get_punica_wrapper(name)
        self._shared[name] = _SharedFactors(layer, parts, tokens, self._manager.lora_slots)
        return self._shared[name]

    def _fill(self, slot: int, weights: Weights) -> None:
        for name, parts in self._layers.items():
            if name in self._shared:
                scales = [part.scales(weights) for part in parts if part is not None]
                self._shared[name].weights[slot] = torch.cat(scales)
                continue
            layer = self._manager.modules[name]
            a = [None if part is None else part.a for part in parts]
            b = [None if part is None else part.b * part.scales(weights) for part in parts]
            layer.set_lora(slot, *((a, b) if layer.n_slices > 1 else (a[0], b[0])))

    def _find_parts(self, model: torch.nn.Module, experts: ExpertFactors) -> Iterator[tuple[str, _Parts]]:
        left = {_engine_name(model, name): name for name in experts.names}
        for name, layer in self._manager.modules.items():
            owned = self._manager.packed_modules.get(name, [name])
            if not left.keys() & {*owned}:
                continue
            if len(owned) != layer.n_slices:
                raise EngineError(f"vLLM fuses {len(owned)} tensors into {name} but computes {layer.n_slices}")
            tensors = [left.pop(one, None) for one in owned]
            parts = [None if tensor is None else _part(experts, tensor, layer) for tensor in tensors]
            if any(part is not None for part in parts):
                yield name, parts
        if left:
            raise EngineError(f"vLLM has no adapter layer for {min(left.values())}")


class _SharedFactors:
    """Stands in for vLLM's CPU kernels in one layer: ``y += ((x A) * weights of the token's candidate) B``.

    Attributes:
        weights: fp32, shape (slots + 1, sum of ranks over the fused parts); the last row is that of tokens without
            a candidate, which vLLM gives slot -1.
    """

    def __init__(self, layer: Any, parts: _Parts, tokens: Any, slots: int) -> None:
        """Lay out the factors: A of all parts below each other, B of all parts in one block diagonal matrix."""
        self._tokens = tokens
        dtype = layer.lora_a_stacked[0].dtype
        a: Any = [None if part is None else part.a for part in parts]
        b: Any = [None if part is None else part.b for part in parts]
        if layer.tp_size > 1 and layer.n_slices > 1:
            a, b = layer.slice_lora_a(a), layer.slice_lora_b(b)
        elif layer.tp_size > 1:
            a, b = [layer.slice_lora_a(a[0])], [layer.slice_lora_b(b[0])]
        sizes = layer.output_slices
        blocks = [torch.zeros(size, 0) if one is None else one for one, size in zip(b, sizes, strict=True)]
        self._a = torch.cat([one for one in a if one is not None]).to(dtype)
        self._b = torch.block_diag(*blocks).to(dtype)  # type: ignore[no-untyped-call]
        self.weights = torch.zeros(slots + 1, self._a.shape[0])

    def add_lora_linear(self, y: Tensor, x: Tensor, *_: Any, **__: Any) -> None:
        """Add the candidates' change to a layer's output, in place; see vLLM's method of this name."""
        if self._tokens.no_lora:
            return
        scaled = linear(x, self._a).float().mul_(self.weights[self._tokens.token_lora_indices])
        y.add_(linear(scaled.to(x.dtype), self._b))


def _placeholder(number: int) -> LoRAModel:
    """Return an adapter that vLLM has for loaded, with factors of a layer that no model has, since it wants some."""
    nothing = LoRALayerWeights("none", 1, 1, torch.zeros(1, 1), torch.zeros(1, 1))
    return LoRAModel(number, 1, {nothing.module_name: nothing})


class _Unchanged:
    """Stands in for vLLM's CPU kernels in a layer that no expert changes."""

    def add_lora_linear(self, y: Tensor, x: Tensor, *_: Any, **__: Any) -> None:
        """Leave the layer's output as it is."""


def engine_settings(population: Population) -> dict[str, Any]:
    """Return vLLM's settings for an engine that can answer as a population.

    Raises:
        EngineError: the rank of the candidates is beyond vLLM's largest.
    """
    ranks = get_args(MaxLoRARanks)
    rank = min((one for one in ranks if one >= population.rank), default=None)
    if rank is None:
        raise EngineError(
            f"a candidate of these adapters has rank {population.rank} and vLLM takes {max(ranks)} at most: "
            "set workers.population: off"
        )
    return {
        "enable_lora": True,
        "max_loras": population.width,
        "max_cpu_loras": population.width,
        "max_lora_rank": rank,
        # Embedding and head would be computed with adapters as well.
        "lora_target_modules": sorted({*population.layers, *(_FUSED.get(one, one) for one in population.layers)}),
    }


@contextmanager
def without_adapter_layers(model: torch.nn.Module) -> Iterator[None]:
    """Put the plain layers back in the place of vLLM's adapter layers, so that weights have their usual names."""
    wrapped = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, BaseLayerWithLoRA)]
    for name, layer in wrapped:
        _put(model, name, layer.base_layer)
    try:
        yield
    finally:
        for name, layer in wrapped:
            _put(model, name, layer)


def _put(model: torch.nn.Module, name: str, layer: torch.nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, layer)


def _engine_name(model: torch.nn.Module, name: str) -> str:
    """Return vLLM's name of the layer that a checkpoint tensor belongs to."""
    mapper: Any = getattr(model, "hf_to_vllm_mapper", None)
    if hasattr(mapper, "get_rename_mapper"):
        mapper = mapper.get_rename_mapper()
    module = name.removesuffix(".weight")
    return str(parse_fine_tuned_lora_name(f"base_model.model.{module}.lora_A.weight", mapper)[0])


def _part(experts: ExpertFactors, name: str, layer: Any) -> _Part | None:
    place = layer.lora_a_stacked[0]
    found = [(expert.name, experts.of(name, expert.name)) for expert in experts.models.experts]
    own = [(expert, factors) for expert, factors in found if factors is not None]
    if not own:
        return None
    return _Part(
        name,
        torch.cat([factors.a for _, factors in own]).to(place),
        torch.cat([factors.b for _, factors in own], dim=1).to(place.device),
        tuple(expert for expert, factors in own for _ in range(len(factors.a))),
    )
