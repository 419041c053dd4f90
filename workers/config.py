"""What a scoring worker is told and what it answers: plain data, picklable, nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from evals.provenance import Provenance
    from evals.tasks import ItemScore, TaskDefinition
    from merging.models import ModelRef
    from merging.recipe import Recipe
    from merging.vocabulary.policy import VocabularyPolicy
    from workers.population import Population


@dataclass(frozen=True)
class WorkerConfig:
    """Everything that one scoring worker needs, on any node.

    Attributes:
        base: checkpoint that the engine is built from and that task vectors start at.
        experts: models that recipes name, in spec order.
        tasks: what candidates are scored on.
        engine: ``vllm``, or ``transformers`` where vLLM is not installed.
        dtype: dtype of the resident weights, such as ``bfloat16``.
        gpus: GPUs of the worker; a fraction shares one GPU; 0 runs on the CPU.
        tensor_parallel: devices that one model is cut over (vLLM only).
        max_model_len: longest prompt plus answer in tokens; None takes the model's own limit.
        seed: seed of the engine.
        cpus: CPU cores of the worker; whole cores become OpenMP threads.
        warm_recipe: recipe whose coefficient-free state is prepared at start-up.
        kv_cache_gib: memory of the vLLM KV cache in GiB; None takes 1 GiB on the CPU and what the model
            leaves free of the worker's share on a GPU.
        vocabulary: which tokens merges have; None requires that all models have the same.
        depth: decoder blocks of the resident model, for merges that compose depth; None takes the base's.
        batch_invariant: use vLLM's kernels whose results do not depend on what else is in the batch (GPU only).
        stall_seconds: how long the engine may make no step before the worker is killed.
        population: how many candidates the engine must be able to answer as at once; None writes all in place.
        ahead: merge the next candidate while the present one is scored, in memory of the size of the weights.
    """

    base: ModelRef
    experts: tuple[ModelRef, ...]
    tasks: tuple[TaskDefinition, ...]
    engine: Literal["vllm", "transformers"] = "vllm"
    dtype: str = "bfloat16"
    gpus: float = 0
    tensor_parallel: int = 1
    max_model_len: int | None = None
    seed: int = 0
    cpus: float = 1
    warm_recipe: Recipe | None = None
    kv_cache_gib: float | None = None
    vocabulary: VocabularyPolicy | None = None
    depth: int | None = None
    batch_invariant: bool = False
    stall_seconds: float = 600.0
    population: Population | None = None
    ahead: bool = False

    @property
    def on_cpu(self) -> bool:
        """Whether the engine runs without a GPU."""
        return self.gpus == 0

    @property
    def threads(self) -> int:
        """OpenMP threads of every process of the worker, at least 1."""
        return max(1, int(self.cpus / self.tensor_parallel))

    @property
    def engine_only(self) -> WorkerConfig:
        """What the running engine depends on: workers for which it is equal can take each other's work.

        The base counts by its path and revision, not by what its files hold at the time.
        """
        # The vocabulary of a merge is made of the experts' tokenizers too.
        experts = self.experts if self.vocabulary is not None else ()
        return replace(self, experts=experts, tasks=(), warm_recipe=None)

    @property
    def process_only(self) -> WorkerConfig:
        """What the worker's process depends on before it has an engine; names no model."""
        return WorkerConfig(
            replace(self.base, name="", path="", revision=None), (), (), engine=self.engine, gpus=self.gpus,
            tensor_parallel=self.tensor_parallel, cpus=self.cpus, batch_invariant=self.batch_invariant,
            stall_seconds=self.stall_seconds, ahead=self.ahead,
        )  # fmt: skip


@dataclass(frozen=True)
class ScoreResult:
    """One candidate's scores on one split, or on a part of it.

    Attributes:
        items: per-item scores in the suite's order.
        timings_s: seconds by step: ``apply`` (merging into the engine's weights), ``write`` (copying through the
            engine's own loader, where the weights cannot be merged in place), ``repack`` (for the CPU's matrix
            units), ``reset`` (the prefix cache), ``score``. A candidate that is already resident has
            ``score`` only. Candidates scored together have an equal share each of their common ``score``.
        prompt_tokens: tokens read by the engine.
        generated_tokens: tokens written by the engine.
        worker: ``host:pid`` of the process that scored.
        provenance: what the scores depend on besides the weights; None of a black box, which alone knows.
    """

    items: tuple[ItemScore, ...]
    timings_s: Mapping[str, float]
    prompt_tokens: int
    generated_tokens: int
    worker: str
    provenance: Provenance | None = None


def process_environment(config: WorkerConfig) -> dict[str, str]:
    """Environment variables that must be set before the worker's process imports torch and vLLM."""
    environment = {
        # The engine core lives in the worker's own process: start-up costs one import instead of three,
        # and killing the worker kills the engine.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        # Whatever the machine's environment says: pickled messages run code, and so do the routes for development.
        "VLLM_ALLOW_INSECURE_SERIALIZATION": "0",
        "VLLM_SERVER_DEV_MODE": "0",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": str(config.threads),
        # Threads that spin at barriers slow each other down thirtyfold once other work shares the cores.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    if config.on_cpu:
        # Ray blanks CUDA_VISIBLE_DEVICES for workers without GPUs and warns that this will change.
        environment["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
        environment["CUDA_VISIBLE_DEVICES"] = ""
        # Rebinds every rank to the same first cores otherwise.
        environment["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        # Packs of weights are freed and made by changing threads; each would keep what it freed to itself.
        environment["MALLOC_ARENA_MAX"] = "1"
        # Weights and packs in huge pages, where the kernel gives them to who asks: fewer of their addresses have to be
        # looked up, in merges, packs and products alike.
        environment["THP_MEM_ALLOC_ENABLE"] = "1"
        environment["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
    if config.batch_invariant:
        environment["VLLM_BATCH_INVARIANT"] = "1"
    return environment
