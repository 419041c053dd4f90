"""The engine that a benchmark measures, and the models and items that it is measured on."""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from merging.models import ModelRef
from merging.recipe import Recipe
from workers.config import WorkerConfig

Report = dict[str, Any]


class Bench:
    """The models, one engine on them where a section asks for it, and what was asked for."""

    def __init__(self, arguments: argparse.Namespace, experts: Sequence[Path]) -> None:
        """Take the models; the engine is started by the first section that needs it."""
        self.arguments = arguments
        refs = tuple(ModelRef(path.name, str(path)) for path in experts)
        self.names = tuple(ref.name for ref in refs)
        self.config = WorkerConfig(
            ModelRef("base", str(arguments.base)), refs, (), gpus=arguments.gpus, cpus=arguments.cpus,
            tensor_parallel=arguments.tensor_parallel, max_model_len=arguments.max_model_len,
            kv_cache_gib=arguments.kv_gib,
        )  # fmt: skip
        self._draw = random.Random(0)
        self._engine: Any = None
        self.description: Report = {}

    @property
    def engine(self) -> Any:
        """The resident engine."""
        if self._engine is None:
            from workers.engines.vllm_engine import VllmEngine

            start = time.perf_counter()
            self._engine = VllmEngine(self.config)
            self.description = self._engine.describe() | {"start_s": round(time.perf_counter() - start, 1)}
        return self._engine

    def close(self) -> None:
        """End the engine, so that others have its memory."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def recipe(self, method: str) -> Recipe:
        """Return a merge of all experts with random weights."""
        weights = {name: (self._draw.uniform(0.1, 0.6),) for name in self.names}
        return Recipe(method, self.names, coefficients={"weight": weights})

    def prompts(self) -> list[str]:
        """Return one short question for each item, no two the same."""
        return [
            f"Question {n}: a farmer has {n + 3} apples and buys {n * 7} more. How many?" for n in range(self.items)
        ]

    @property
    def items(self) -> int:
        """Items of a candidate."""
        return int(self.arguments.items)

    def score(self) -> tuple[int, int]:
        """Answer every item with exactly as many tokens as asked for; returns tokens read and written."""
        from vllm import SamplingParams

        settings = SamplingParams(temperature=0.0, max_tokens=self.arguments.tokens, ignore_eos=True, logprobs=0)
        outputs = self.engine._llm.generate(self.prompts(), settings, use_tqdm=False)
        written = sum(len(output.outputs[0].token_ids) for output in outputs)
        assert written == self.items * self.arguments.tokens
        return sum(len(output.prompt_token_ids) for output in outputs), written


def make_experts(base: Path, folder: Path) -> None:
    """Write three full experts."""
    import torch
    from operators import noise
    from safetensors.torch import load_file, save_file

    for seed, name in enumerate("abc"):
        generator = torch.Generator().manual_seed(seed)
        shutil.copytree(base, folder / name, ignore=shutil.ignore_patterns("*.safetensors"))
        for file in base.glob("*.safetensors"):
            noisy = {key: noise(tensor, generator) for key, tensor in load_file(file).items()}
            save_file(noisy, folder / name / file.name, metadata={"format": "pt"})


def copy_bandwidth(bench: Bench) -> float:
    """Return GB/s of a copy in the memory where the weights are, bytes read and written."""
    import torch

    if bench.config.on_cpu:
        from operators import copy_bandwidth as in_host

        return in_host()
    from operators_gpu import copy_bandwidth as in_card

    found = in_card(torch.device("cuda"))
    torch.cuda.empty_cache()
    return found


def timed(function: Callable[[], object]) -> float:
    """Return the wall time of a call in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def spread(rows: Sequence[Report], phase: str) -> str:
    """Render median, least and most in ms."""
    times = sorted(1000 * row.get(phase, 0.0) for row in rows)
    return f"{statistics.median(times):.1f} ({times[0]:.1f} to {times[-1]:.1f})"
