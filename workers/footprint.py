"""The memory that one worker will take, by part, computed before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from merging.checkpoints import text_config
from merging.memory import FP32, merge_memory
from merging.models import ModelSet
from merging.names import is_vocabulary
from workers.config import WorkerConfig
from workers.population import Population

GIB = 2**30
FILES = "files"
# Measured: what a worker has resident with PyTorch, vLLM and lm-eval imported, shared libraries included.
_PROCESS = {"vllm": int(1.5 * GIB), "transformers": int(0.9 * GIB)}
_CPU_KV_CACHE_GIB = 1.0
_ELEMENT = {"bfloat16": 2, "float16": 2, "float32": 4}
# vLLM batches so many sequences at most; every one of them gets a row of logits.
_SEQUENCES = 256
# Logits, their log-probabilities and what the sampler sorts, in fp32.
_LOGIT_COPIES = 3
# The ranks that vLLM has slots of, and the layers that it computes, and adapts, as one.
_SLOT_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
_FUSED = ({"q_proj", "k_proj", "v_proj"}, {"gate_proj", "up_proj"})


@dataclass(frozen=True)
class Footprint:
    """Bytes by part.

    Attributes:
        host: in the node's memory, for every worker.
        node: in the node's memory, once for all its workers: weight files as long as there is room for them, and what
            merging prepares.
        device: in the memory of each of the worker's GPUs; empty on the CPU.
        mirror: what merging copies to the GPU and keeps there as far as it fits beside the engine; the rest is copied
            for every candidate, so nothing is refused for it.
        kv_token: bytes of the KV cache per token; None where the configuration does not say.
        kv_cache: bytes set aside for it; None where the engine takes what the GPU has left.
        max_model_len: tokens of the longest sequence; None where neither spec nor model say.
        assumed: methods whose operator state is not known but assumed.
        processes: of one worker, each of which would have what merging prepares for itself.
    """

    host: Mapping[str, int]
    node: Mapping[str, int]
    device: Mapping[str, int]
    mirror: int
    kv_token: int | None
    kv_cache: int | None
    max_model_len: int | None
    assumed: tuple[str, ...]
    processes: int = 1

    @property
    def worker(self) -> int:
        """Bytes of the node's memory that every worker adds."""
        return sum(self.host.values())

    @property
    def mapped(self) -> int:
        """Bytes of the node's memory that its workers have in common."""
        return sum(self.node.values())

    @property
    def prepared(self) -> int:
        """Bytes of it that merging prepares; the rest is in files on disk."""
        return self.mapped - self.node[FILES]

    def apart(self) -> Footprint:
        """Return what it is where nothing can be shared but files on disk."""
        own = {part: size * self.processes for part, size in self.node.items() if part != FILES}
        return replace(self, host={**self.host, **own}, node={FILES: self.node[FILES]})


def footprint(config: WorkerConfig, models: ModelSet, methods: Sequence[str], longest: int) -> Footprint:
    """Return what a worker takes once it has scored candidates of some methods.

    Args:
        config: the worker.
        models: its base and experts, opened.
        methods: names of the operators of its recipes.
        longest: tokens of the longest text that it reads.
    """
    processes, element = config.tensor_parallel, _ELEMENT[config.dtype]
    merge = merge_memory(models, methods, config.threads)
    shapes = {name: models.tensor_info(name).shape for name in models.tensor_names()}
    weights = element * sum(map(math.prod, shapes.values())) // processes
    settings = text_config(models.config)
    length = config.max_model_len or settings.get("max_position_embeddings")
    kv_token, kv_cache = _kv_token(settings, element), _kv_cache(config)
    engine = {"weights": weights, "logits": _logits(shapes, longest)}
    if config.population is not None:
        engine["adapter slots"] = _slots(config.population, shapes, element)
    if config.engine == "vllm":
        engine["KV cache"] = kv_cache or (kv_token or 0) * (length or 0)
    host = {
        "process": _PROCESS[config.engine] * (1 if processes == 1 else 1 + processes),
        "merge workspace": merge.workspace * processes,
    }
    if config.on_cpu:
        if config.ahead:
            host["next candidate"] = weights
        if config.engine == "vllm":
            host["packed weights"] = _packed(shapes, element) // processes
        host |= {part: size * processes for part, size in engine.items()}
    device = {} if config.on_cpu else engine
    mirror = 0 if config.on_cpu else merge.mapped + merge.task_vectors + merge.operator_state
    node = {FILES: merge.mapped, "task vectors": merge.task_vectors, "operator state": merge.operator_state}
    return Footprint(host, node, device, mirror, kv_token, kv_cache, length, merge.assumed, processes)


def _kv_cache(config: WorkerConfig) -> int | None:
    if config.engine != "vllm":
        return None
    if config.kv_cache_gib is None and not config.on_cpu:
        return None
    return int((config.kv_cache_gib or _CPU_KV_CACHE_GIB) * GIB)


def _kv_token(settings: Mapping[str, Any], element: int) -> int | None:
    """Return the bytes of one token's keys and values; None for architectures that keep other things."""
    heads = settings.get("num_attention_heads")
    layers, hidden = settings.get("num_hidden_layers"), settings.get("hidden_size")
    if not (heads and layers and hidden) or "kv_lora_rank" in settings:
        return None
    size = settings.get("head_dim") or hidden // heads
    return int(2 * layers * (settings.get("num_key_value_heads") or heads) * size * element)


def _packed(shapes: Mapping[str, tuple[int, ...]], element: int) -> int:
    """Return the bytes of the second copy that vLLM makes of every matrix for the processor's matrix units.

    The input embedding is looked up and not multiplied with, unless it is the head too.
    """
    matrices = {name: math.prod(shape) for name, shape in shapes.items() if len(shape) == 2}
    vocabulary = [size for name, size in matrices.items() if is_vocabulary(name)]
    return element * (sum(matrices.values()) - sum(vocabulary) + max(vocabulary, default=0))


def _slots(population: Population, shapes: Mapping[str, tuple[int, ...]], element: int) -> int:
    """Return the bytes of both factors of every candidate that can be answered as at once, and of the experts' own."""
    own = set(population.layers)
    wanted = own.union(*(fused for fused in _FUSED if fused & own))
    slots = population.width * next((rank for rank in _SLOT_RANKS if rank >= population.rank), population.rank)
    total = 0
    for name, shape in shapes.items():
        if len(shape) == 2 and name.removesuffix(".weight").rpartition(".")[2] in wanted:
            out, into = shape
            total += slots * (out + into) * element + population.rank * (out * FP32 + into * element)
    return total


def _logits(shapes: Mapping[str, tuple[int, ...]], longest: int) -> int:
    """Return the bytes of the logits of one batch, or of one text whose log-likelihood is asked for."""
    rows = max((shape[0] for name, shape in shapes.items() if is_vocabulary(name) and len(shape) == 2), default=0)
    return FP32 * _LOGIT_COPIES * rows * max(_SEQUENCES, longest)
