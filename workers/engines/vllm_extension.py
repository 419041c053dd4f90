"""The part of the vLLM engine that runs inside every process that owns a shard of the model.

vLLM imports this module in each of its worker processes before it builds the model. **Importing it changes
that process**: on the CPU platform vLLM then keeps the raw weight beside the packed one (there is nothing
to write into otherwise) and memory that was freed is kept for the next candidate, and a process that vLLM
started dies with its parent. Nothing else may import it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from vllm.model_executor.layers.linear import UnquantizedLinearMethod
from vllm.model_executor.layers.vocab_parallel_embedding import UnquantizedEmbeddingMethod
from vllm.platforms import current_platform

from evomerge.errors import EngineError, EvomergeError
from merging.ahead import MergingAhead
from merging.deep_models import with_depth
from merging.live import LiveWeights
from merging.lora.experts import ExpertFactors
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from merging.shared.items import SharedState
from merging.threads import Threads, keep_freed_memory
from merging.vocabulary.policy import VocabularyPolicy
from workers.engines.base import MergedTensors
from workers.engines.cpu_packs import Packs, begin_thread
from workers.engines.lora_slots import LoraSlots, Weights, without_adapter_layers
from workers.engines.write_plan import Unexplained, record_places
from workers.progress import beat

PR_SET_PDEATHSIG = 1


@dataclass
class Answer:
    """What a remote call brings back from one process: an error crosses processes as a value.

    Attributes:
        error: what went wrong.
        seconds: time by step.
        detour: why weights go through vLLM's loader; None where they are written in place.
        packs: how many packed weights are written in place; empty where none is packed.
        losses: what truncated task vectors miss of each expert's, see ``merging.lora.experts``.
    """

    error: EvomergeError | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    detour: str | None = None
    packs: str = ""
    losses: dict[str, dict[str, float]] = field(default_factory=dict)


class MergeExtension:
    """Methods that vLLM mixes into its worker class; called through ``LLM.collective_rpc``.

    Every process opens the models and merges for itself, each tensor into the places where vLLM's own weight loader
    was seen to put it. Where that loader does more than copying, whole merged tensors go through it instead.
    """

    model_runner: Any
    evomerge_base: ModelRef
    evomerge_materializer: Materializer
    evomerge_live: LiveWeights | None
    evomerge_ahead: MergingAhead | None = None
    evomerge_packs: Packs
    evomerge_slots: LoraSlots

    def open_models(
        self,
        base: ModelRef,
        experts: tuple[ModelRef, ...],
        vocabulary: VocabularyPolicy | None,
        depth: int | None,
        gpu_budget: int | None,
    ) -> Answer:
        """Open base and experts for merging; the model must hold the base at first, anything afterwards."""
        with _answering() as answer, without_adapter_layers(self.model_runner.model):
            model = self.model_runner.model
            _check_rewritable(model)
            self.close_ahead()
            models = with_depth(ModelSet.open(base, experts, vocabulary=vocabulary), depth)
            self.evomerge_materializer = Materializer(
                models, gpu_budget=gpu_budget, shared=SharedState(beat), threads=Threads(begin_thread)
            )
            if not hasattr(self, "evomerge_live"):
                self.evomerge_packs = Packs(model)
                base_tensors = ((name, models.base_tensor(name)) for name in models.tensor_names())
                try:
                    places = record_places(model, model.load_weights, base_tensors)
                    self.evomerge_live = LiveWeights(places, set(places))
                except Unexplained as why:
                    self.evomerge_live, answer.detour = None, str(why)
            elif self.evomerge_live is not None and base != self.evomerge_base:
                self.evomerge_live.at_base.clear()
            self.evomerge_base = base
            answer.packs = str(self.evomerge_packs)
        return answer

    def prepare_recipe(self, recipe: Recipe) -> Answer:
        """Compute what does not depend on the recipe's coefficients."""
        with _answering() as answer:
            self.evomerge_materializer.prepare(recipe)
        return answer

    def open_ahead(self, budget: int | None) -> Answer:
        """Take memory for the next candidate, see :class:`MergingAhead`; nothing where weights take a detour."""
        with _answering() as answer:
            if self.evomerge_live is not None:
                self.evomerge_ahead = MergingAhead(self.evomerge_materializer, self.evomerge_live, budget)
        return answer

    def close_ahead(self) -> Answer:
        """Give that memory back, where any was taken."""
        with _answering() as answer:
            if self.evomerge_ahead is not None:
                self.evomerge_ahead.close()
                self.evomerge_ahead = None
        return answer

    def merge_ahead(self, recipe: Recipe) -> Answer:
        """Let the next candidate be merged meanwhile, where there is memory for it; from any thread."""
        with _answering() as answer:
            if self.evomerge_ahead is not None:
                self.evomerge_ahead.begin(recipe)
        return answer

    def write_recipe(self, recipe: Recipe) -> Answer:
        """Merge into the live parameters and pack them again.

        Seconds: apply, write (on the detour) and repack. While one thread packs others merge; all together are what
        passed.
        """
        with _answering() as answer, torch.no_grad():
            start = time.perf_counter()
            live, model, packs = self.evomerge_live, self.model_runner.model, self.evomerge_packs
            if live is None:
                merged = MergedTensors(self.evomerge_materializer.tensors(recipe))
                with without_adapter_layers(model):
                    _check_complete(model, model.load_weights(merged))
                answer.seconds["apply"] = merged.seconds
                answer.seconds["write"] = _now() - start - merged.seconds
                packs.pack_all()
            else:
                packs.begin(live)
                try:
                    if self.evomerge_ahead is None:
                        self.evomerge_materializer.write(recipe, live, told=packs.written)
                    else:
                        self.evomerge_ahead.write(recipe, told=packs.written)
                except BaseException:
                    # What was written before the error may not be packed, so the next candidate writes everything.
                    live.at_base.clear()
                    raise
                answer.seconds["apply"] = _now() - start - packs.seconds
            answer.seconds["repack"] = packs.seconds
        return answer

    def open_population(self, rank: int | None) -> Answer:
        """Prepare to answer as several candidates at once; the engine must have been started for that.

        ``rank`` is what the experts' task vectors are truncated to, None where they are adapters.
        """
        with _answering() as answer:
            experts = ExpertFactors(self.evomerge_materializer.models, rank)
            self.evomerge_slots = LoraSlots(self.model_runner, experts)
            answer.losses = {} if rank is None else experts.measure()
        return answer

    def load_population(self, candidates: Mapping[int, Weights]) -> Answer:
        """See :meth:`LoraSlots.load`; the model must hold what the candidates are adapters on."""
        with _answering() as answer, torch.no_grad():
            self.evomerge_slots.load(candidates)
        return answer

    def clear_population(self) -> Answer:
        """See :meth:`LoraSlots.clear`."""
        with _answering() as answer:
            self.evomerge_slots.clear()
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


def _now() -> float:
    """Return the time at which everything asked of the device so far is done."""
    if not current_platform.is_cpu():
        torch.accelerator.synchronize()
    return time.perf_counter()


def _die_with_parent() -> None:
    if multiprocessing.parent_process() is None or not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise EngineError(f"prctl(PR_SET_PDEATHSIG) failed with errno {ctypes.get_errno()}")


_die_with_parent()
if current_platform.is_cpu():
    # Each candidate's packs take the place of the last one's.
    keep_freed_memory()
    # vLLM compiles its token-rank kernel with a C++ compiler for 20 s; eager is as fast on the CPU.
    torch.compiler.set_stance("force_eager")
