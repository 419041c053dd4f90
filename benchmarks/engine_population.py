"""Candidates per hour as populations of adapters and written in place, and how far the scores of both agree.

Needs vLLM and the merge code only: neither Ray nor lm-eval. Each way scores the same random merges on the same items,
in one pass over prompt and answer (``forced``) or by writing the answer (``generate``), in one engine that can do both;
``--plain`` measures the in-place way in an engine without adapter layers, which is what they cost.

    python benchmarks/engine_population.py [--widths 1 2 4 8 16 32] [--items 48 100] [--modes forced generate]
        [--gpus 1] [--candidates 8] [--rounds 2] [--agreement 20] [--plain] [--json FILE]
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from workers.config import WorkerConfig
from workers.engines.lora_population import SharedEngine, plan_population
from workers.engines.vllm_engine import VllmEngine
from workers.engines.vllm_requests import Request, RequestLoop

ROOT = Path(__file__).resolve().parent.parent
EXPERTS = ROOT / "examples" / "experts"
TASKS = {
    name: ROOT / "examples" / "tasks" / f"{name}.jsonl" for name in ("arithmetic_json", "arithmetic", "json_facts")
}
NEW_TOKENS = 24
Scores = list[tuple[float, float]]
"""For each item whether the answer is the reference, and its log-probability in nats (of the answer written)."""


def main() -> None:
    """Measure what was asked for and print it."""
    arguments = parse_arguments()
    engine = Bench(arguments)
    rows: list[dict[str, Any]] = []
    for mode in arguments.modes:
        for items in arguments.items:
            rows += engine.throughput(mode, items)
    agreement = [engine.agreement(task, mode) for task in TASKS for mode in arguments.modes if arguments.agreement]
    found = {"machine": machine(), "engine": engine.describe(), "throughput": rows, "agreement": agreement}
    print(json.dumps(found["engine"]))
    print("\n".join(table(rows)))
    print("\n".join(agreement_table(agreement)))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, default=ROOT / "models" / "smollm2-135m-instruct")
    parser.add_argument("--experts", type=Path, nargs="+", default=[EXPERTS / "arithmetic", EXPERTS / "json"])
    parser.add_argument("--widths", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--items", type=int, nargs="+", default=[48, 100])
    parser.add_argument("--modes", nargs="+", choices=["forced", "generate"], default=["forced", "generate"])
    parser.add_argument("--candidates", type=int, default=8, help="written in place one after the other")
    parser.add_argument("--rounds", type=int, default=2, help="of every population; the quickest counts")
    parser.add_argument("--agreement", type=int, default=0, help="random merges scored both ways on every task")
    parser.add_argument("--gpus", type=float, default=0)
    parser.add_argument("--cpus", type=float, default=2)
    parser.add_argument("--kv-gib", type=float, default=None, dest="kv_gib")
    parser.add_argument("--plain", action="store_true", help="no adapter layers, so no populations")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


class Bench:
    """One engine, and requests to it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        """Start the engine on the base and open the experts."""
        self._arguments = arguments
        refs = tuple(ModelRef(path.name, str(path)) for path in arguments.experts)
        base = ModelRef("base", str(arguments.base))
        width = max([1, *arguments.widths])
        population = None if arguments.plain else plan_population(ModelSet.open(base, refs), width)
        config = WorkerConfig(
            base, refs, (), gpus=arguments.gpus, cpus=arguments.cpus, max_model_len=256,
            kv_cache_gib=arguments.kv_gib, population=population,
        )  # fmt: skip
        start = time.perf_counter()
        self._engine = VllmEngine(config)
        self._start_s = time.perf_counter() - start
        self._memory_gib = self._resident_gib()
        self._llm = self._engine._llm
        self._shared = SharedEngine(RequestLoop(self._llm, self._engine.tokens).run, self._engine.tokens)
        self._population = self._engine._population
        self._tokenizer = self._llm.get_tokenizer()
        self._names = tuple(ref.name for ref in refs)
        self._in_place(self._recipes(1, 0)[0], lambda: self._score("arithmetic_json", "generate", 8))

    def describe(self) -> dict[str, Any]:
        """Return what the engine is, and what it took."""
        import torch
        import vllm

        return {
            "vllm": vllm.__version__,
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if self._arguments.gpus else "cpu",
            "adapter_layers": self._population is not None,
            "start_s": round(self._start_s, 1),
            "resident_gib": round(self._memory_gib, 2),
        }

    def throughput(self, mode: str, items: int) -> list[dict[str, Any]]:
        """Measure the in-place way and every width; rounds alternate, and the quickest of each counts."""
        score = functools.partial(self._score, "arithmetic_json", mode, items)
        recipes = self._recipes(max([self._arguments.candidates, *self._arguments.widths]), 1)
        in_place = [
            self._timed(functools.partial(self._in_place, one, score)) for one in recipes[: self._arguments.candidates]
        ]
        rows = [{"mode": mode, "items": items, "way": "in place", "width": 1, "seconds": statistics.median(in_place)}]
        for width in self._arguments.widths if self._population else []:
            run = functools.partial(self._together, recipes[:width], score)
            took = min(self._timed(run) for _ in range(self._arguments.rounds))
            rows.append({"mode": mode, "items": items, "way": "population", "width": width, "seconds": took / width})
        return rows

    def agreement(self, task: str, mode: str) -> dict[str, Any]:
        """Score random merges both ways and compare item by item."""
        items = min(self._arguments.items)
        score = functools.partial(self._score, task, mode, items)
        recipes = self._recipes(self._arguments.agreement, 2)
        written = [self._in_place(one, score) for one in recipes]
        width = max(self._arguments.widths)
        groups = [recipes[first : first + width] for first in range(0, len(recipes), width)]
        adapters = [scores for group in groups for scores in self._together(group, score)]
        pairs = [pair for one, other in zip(written, adapters, strict=True) for pair in zip(one, other, strict=True)]
        means = [(statistics.fmean(s for s, _ in one), statistics.fmean(s for s, _ in other))
                 for one, other in zip(written, adapters, strict=True)]  # fmt: skip
        return {
            "task": task, "mode": mode, "candidates": len(recipes), "items": items,
            "scores_differ": statistics.fmean(one[0] != other[0] for one, other in pairs),
            "mean_score_difference": statistics.fmean(abs(one - other) for one, other in means),
            "logprob_difference": statistics.fmean(abs(one[1] - other[1]) for one, other in pairs),
            "logprob_difference_p95": float(np.quantile([abs(one[1] - other[1]) for one, other in pairs], 0.95)),
            "logprob": statistics.fmean(abs(one[1]) for one, _ in pairs),
            "rank_correlation": _spearman(*zip(*[(_mean(one), _mean(other))
                                                 for one, other in zip(written, adapters, strict=True)], strict=True)),
        }  # fmt: skip

    def _recipes(self, count: int, seed: int) -> list[Recipe]:
        """Return random merges as the demo searches them: a weight per expert, 5 groups of blocks and module."""
        random = np.random.default_rng(seed)
        return [
            Recipe("task_arithmetic", self._names, "group:6+module",
                   {"weight": {name: tuple(random.uniform(-0.2, 1.4, 10).tolist()) for name in self._names}})
            for _ in range(count)
        ]  # fmt: skip

    def _timed(self, function: Callable[[], Any]) -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    def _in_place(self, recipe: Recipe, score: Callable[[], Scores]) -> Scores:
        self._engine.write(recipe)
        return score()

    def _together(self, recipes: Sequence[Recipe], score: Callable[[], Scores]) -> list[Scores]:
        assert self._population is not None
        self._engine.write(Recipe("task_arithmetic", self._names, "global", {"lambda": (0.0,)}))
        answered = self._population.score(self._shared, recipes, [score] * len(recipes))
        return [one.result for one in answered if one.result is not None]

    def _score(self, task: str, mode: str, items: int) -> Scores:
        from vllm import SamplingParams

        rows = [json.loads(line) for line in TASKS[task].read_text().splitlines()[:items]]
        prompts = [self._tokenizer.encode(prompt_of(row), add_special_tokens=False) for row in rows]
        answers = [self._tokenizer.encode(f"{row['answer']}<|im_end|>", add_special_tokens=False) for row in rows]
        end = self._tokenizer.eos_token_id
        if mode == "generate":
            settings = SamplingParams(
                temperature=0.0, max_tokens=NEW_TOKENS, logprobs=0, stop_token_ids=[end], detokenize=False
            )
            outputs = self._shared.run([Request(prompt, settings) for prompt in prompts])
            return [_written(output.outputs[0], answer) for output, answer in zip(outputs, answers, strict=True)]
        settings = SamplingParams(
            temperature=0.0, max_tokens=1, prompt_logprobs=2, detokenize=False, skip_reading_prefix_cache=False
        )
        pairs = list(zip(prompts, answers, strict=True))
        asked = [Request([*prompt, *answer], settings, scored=len(answer)) for prompt, answer in pairs]
        return [
            _forced(output.prompt_logprobs, answer)
            for output, answer in zip(self._shared.run(asked), answers, strict=True)
        ]

    def _resident_gib(self) -> float:
        import psutil
        import torch

        if self._arguments.gpus:
            return float(torch.cuda.memory_reserved() / 2**30)
        return float(psutil.Process().memory_info().rss / 2**30)


def prompt_of(row: dict[str, Any]) -> str:
    """Return an item's prompt in the frame of the experts' training."""
    return f"<|im_start|>user\n{row['question']}<|im_end|>\n<|im_start|>assistant\n"


def _written(completion: Any, answer: list[int]) -> tuple[float, float]:
    tokens = list(completion.token_ids)
    rows = zip(tokens, completion.logprobs, strict=True)
    return float(tokens == answer), math.fsum(row[token].logprob for token, row in rows)


def _forced(rows: Any, answer: list[int]) -> tuple[float, float]:
    total, greedy = 0.0, True
    # There may be no rows for the beginning of the prompt, where it came from the prefix cache.
    for position, token in enumerate(answer, len(rows) - len(answer)):
        row = rows[position]
        total += row[token].logprob
        greedy = greedy and token == min(row, key=lambda one: (-row[one].logprob, one))
    return float(greedy), total


def _mean(scores: Scores) -> float:
    return statistics.fmean(logprob for _, logprob in scores)


def _spearman(first: Sequence[float], second: Sequence[float]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the throughput as a Markdown table."""
    lines = ["| items | mode | way | width | seconds a candidate | candidates per hour | against in place |",
             "|---:|---|---|---:|---:|---:|---:|"]  # fmt: skip
    for row in rows:
        (own,) = [
            one for one in rows if (one["mode"], one["items"], one["way"]) == (row["mode"], row["items"], "in place")
        ]
        lines.append(
            f"| {row['items']} | {row['mode']} | {row['way']} | {row['width']} | {row['seconds']:.3f} | "
            f"{3600 / row['seconds']:.0f} | {own['seconds'] / row['seconds']:.2f} |"
        )
    return lines


def agreement_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the agreement as a Markdown table."""
    if not rows:
        return []
    lines = [
        "| task | mode | items that score differently | candidate means differ by | log-probability differs by (95 %) "
        "| of | rank correlation |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    return [
        *lines,
        *(
            f"| {row['task']} | {row['mode']} | {row['scores_differ']:.1%} | {row['mean_score_difference']:.4f} | "
            f"{row['logprob_difference']:.3f} ({row['logprob_difference_p95']:.3f}) | {row['logprob']:.2f} | "
            f"{row['rank_correlation']:.3f} |"
            for row in rows
        ),
    ]


if __name__ == "__main__":
    main()
