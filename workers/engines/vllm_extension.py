"""The part of the vLLM engine that runs inside every process that owns a shard of the model.

vLLM imports this module in each of its worker processes before it builds the model. **Importing it changes
that process**: on the CPU platform vLLM then keeps the raw weight beside the packed one (there is nothing
to write into otherwise), and a process that vLLM started dies with its parent. Nothing else may import it.
"""

from __future__ import annotations

import ctypes
import inspect
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import vllm
from vllm.model_executor.layers import utils as gemm_dispatch
from vllm.model_executor.layers.linear import UnquantizedLinearMethod
from vllm.model_executor.layers.vocab_parallel_embedding import (
    ParallelLMHead,
    UnquantizedEmbeddingMethod,
    VocabParallelEmbedding,
)
from vllm.platforms import current_platform

from evomerge.errors import EngineError, EvomergeError
from merging.deep_models import with_depth
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from merging.vocabulary.policy import VocabularyPolicy
from workers.engines.base import MergedTensors

PR_SET_PDEATHSIG = 1
# Set by vLLM on a module whose weight it has packed for the CPU's matrix units.
PACKED = "cpu_linear"


@dataclass
class Answer:
    """What a remote call brings back from one process: an error crosses processes as a value."""

    error: EvomergeError | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class MergeExtension:
    """Methods that vLLM mixes into its worker class; called through ``LLM.collective_rpc``.

    Every process opens the models and merges for itself; vLLM's own weight loaders cut each merged tensor to
    the shard that the process holds.
    """

    model_runner: Any
    evomerge_materializer: Materializer

    def open_models(
        self, base: ModelRef, experts: tuple[ModelRef, ...], vocabulary: VocabularyPolicy | None, depth: int | None
    ) -> Answer:
        """Open base and experts for merging and check that this model can be rewritten in place."""
        with _answering() as answer:
            models = with_depth(ModelSet.open(base, experts, vocabulary=vocabulary), depth)
            self.evomerge_materializer = Materializer(models)
            _check_rewritable(self.model_runner.model)
            _packed_modules(self.model_runner.model)
        return answer

    def prepare_recipe(self, recipe: Recipe) -> Answer:
        """Compute what does not depend on the recipe's coefficients."""
        with _answering() as answer:
            self.evomerge_materializer.prepare(recipe)
        return answer

    def write_recipe(self, recipe: Recipe) -> Answer:
        """Merge into the live parameters and pack them again; seconds: apply, write, repack."""
        with _answering() as answer, torch.no_grad():
            model = self.model_runner.model
            start = time.perf_counter()
            merged = MergedTensors(self.evomerge_materializer.tensors(recipe))
            loaded = model.load_weights(merged)
            _check_complete(model, loaded)
            written = time.perf_counter()
            for module in _packed_modules(model):
                _pack(module, remove_weight=False)
            answer.seconds["apply"] = merged.seconds
            answer.seconds["write"] = written - start - merged.seconds
            answer.seconds["repack"] = time.perf_counter() - written
        return answer

    def clear_kv_cache(self) -> None:
        """Overwrite every block of the KV cache with zeros, used or not."""
        for cache in self.model_runner.kv_caches:
            for tensor in cache if isinstance(cache, list | tuple) else [cache]:
                tensor.zero_()


@contextmanager
def _answering() -> Iterator[Answer]:
    answer = Answer()
    try:
        yield answer
    except EvomergeError as error:
        answer.error = error


def _check_rewritable(model: torch.nn.Module) -> None:
    plain = (type(None), UnquantizedLinearMethod, UnquantizedEmbeddingMethod)
    for name, module in model.named_modules():
        method = getattr(module, "quant_method", None)
        if type(method) not in plain:
            raise EngineError(
                f"vLLM keeps the layer {name} in a processed layout ({type(method).__name__}), so its "
                "weights cannot be written in place: use an unquantized checkpoint without mixture-of-experts"
                " layers, or engine: transformers"
            )
        if hasattr(module, "kv_b_proj"):
            raise EngineError(
                f"vLLM derives further weights from the latent attention {name} at load time, so they cannot "
                "be written in place: use engine: transformers"
            )


def _check_complete(model: torch.nn.Module, loaded: set[str] | None) -> None:
    if loaded is None:
        return
    missing = {name for name, _ in model.named_parameters()} - loaded
    if missing:
        raise EngineError(f"vLLM's loader left {len(missing)} parameters unwritten, first {min(missing)}")


def _packed_modules(model: torch.nn.Module) -> list[torch.nn.Module]:
    packed = [module for module in model.modules() if hasattr(module, PACKED)]
    if not any(isinstance(module, ParallelLMHead) for module in packed):
        return packed
    # With a head of its own the input embedding is only ever looked up: its pack is dead weight.
    heads: list[torch.nn.Module] = []
    for module in packed:
        if isinstance(module, VocabParallelEmbedding) and not isinstance(module, ParallelLMHead):
            setattr(module, PACKED, torch.nn.functional.linear)
        else:
            heads.append(module)
    return heads


def _keep_raw_weights() -> Callable[..., None]:
    """Make vLLM pack without dropping the weight; returns vLLM's own packing function."""
    pack: Callable[..., None] | None = getattr(gemm_dispatch, "dispatch_cpu_unquantized_gemm", None)
    if pack is None or list(inspect.signature(pack).parameters) != ["layer", "remove_weight"]:
        raise EngineError(
            f"vLLM {vllm.__version__} packs CPU weights in a way that is not known here: "
            "install vLLM 0.32, or use engine: transformers"
        )

    def keep(layer: torch.nn.Module, remove_weight: bool) -> None:
        pack(layer, remove_weight=False)

    gemm_dispatch.dispatch_cpu_unquantized_gemm = keep
    return pack


def _die_with_parent() -> None:
    if multiprocessing.parent_process() is None or not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise EngineError(f"prctl(PR_SET_PDEATHSIG) failed with errno {ctypes.get_errno()}")


_die_with_parent()
if current_platform.is_cpu():
    _pack = _keep_raw_weights()
    # vLLM compiles its token-rank kernel with a C++ compiler for 20 s; eager is as fast on the CPU.
    torch.compiler.set_stance("force_eager")
