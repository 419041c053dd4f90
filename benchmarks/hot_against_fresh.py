"""Whether a hot engine answers as a fresh one does: same recipes, same prompts, tokens and log-probabilities.

    python benchmarks/hot_against_fresh.py --base DIR --experts DIR [DIR ...] [--gpus 1] [--swaps 200] [--json FILE]

One engine stays up and has recipes of several methods written into it, before and after many other swaps. Each is
then exported and loaded by an engine of its own, in a process of its own. Prints what differs, how the resident memory
(of the GPU, else of the process) grew over the swaps, and what a swap took.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine

from merging.export import export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from workers.config import WorkerConfig

METHODS: dict[str, dict[str, Any]] = {
    "task_arithmetic": {},
    "ties": {"threshold_scope": "tensor"},
    "dare_ties": {},
    "della": {},
    "slerp": {},
}
PROMPTS = [
    f"Question: Tom has {3 + number} apples and buys {7 * number % 11} more. He gives away {number % 3}. "
    "How many are left?\nAnswer:"
    for number in range(32)
]
Answers = list[tuple[list[int], list[float]]]


def main() -> None:
    """Compare, or answer as a fresh engine for a parent process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--experts", type=Path, nargs="*", default=[])
    parser.add_argument("--gpus", type=float, default=0.0)
    parser.add_argument("--cpus", type=float, default=2.0)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=[*METHODS])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--fresh", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fresh:
        _, llm = start(arguments)
        arguments.fresh.write_text(json.dumps(answers_of(llm)))
    else:
        report = compare(arguments)
        print(json.dumps(report, indent=2))
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def start(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Start an engine in this process; returns it and its vLLM."""
    from workers.engines.vllm_engine import VllmEngine

    refs = tuple(ModelRef(f"expert{number}", str(path)) for number, path in enumerate(arguments.experts))
    config = WorkerConfig(
        ModelRef("base", str(arguments.base)), refs, (), gpus=arguments.gpus, cpus=arguments.cpus, max_model_len=512
    )
    engine = VllmEngine(config)
    return engine, engine._llm


def answers_of(llm: Any) -> Answers:
    """Return 32 greedy tokens for every prompt, and the log-probability (nats) of each."""
    from vllm import SamplingParams

    greedy = SamplingParams(temperature=0.0, max_tokens=32, logprobs=0, ignore_eos=True)
    answers = []
    for output in llm.generate(PROMPTS, greedy, use_tqdm=False):
        tokens = list(output.outputs[0].token_ids)
        rows = zip(tokens, output.outputs[0].logprobs, strict=True)
        answers.append((tokens, [float(row[token].logprob) for token, row in rows]))
    return answers


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write, swap, write again, export, load, and compare."""
    began = time.perf_counter()
    engine, llm = start(arguments)
    report: dict[str, Any] = {"machine": machine(), "engine": engine.describe(), "start_s": time.perf_counter() - began}
    names = tuple(f"expert{number}" for number in range(len(arguments.experts)))
    recipes = {
        method: Recipe(method, names[: 2 if method == "slerp" else None], options=METHODS[method])
        for method in arguments.methods
    }
    hot, seconds = {}, {}
    for method, recipe in recipes.items():
        engine.prepare(recipe)
        engine.write(recipe)
        hot[method] = answers_of(llm)
        seconds[method] = statistics.median(swap_seconds(engine, recipe) for _ in range(9))
    before, swaps = memory(arguments.gpus), []
    for number in range(arguments.swaps):
        weights = {"weight": {name: (0.1 + 0.003 * number,) for name in names}}
        swaps.append(swap_seconds(engine, Recipe("task_arithmetic", names, coefficients=weights)))
    report |= {"swap_ms": {method: round(1e3 * one, 2) for method, one in seconds.items()}}
    report |= {"task_arithmetic_median_ms": round(1e3 * statistics.median(swaps), 2) if swaps else None}
    report |= {"memory_mb_before": before, "memory_mb_after": memory(arguments.gpus)}
    report["methods"] = {}
    for method, recipe in recipes.items():
        engine.write(recipe)
        again = answers_of(llm)
        fresh = fresh_answers(arguments, recipe)
        report["methods"][method] = {
            "after_swaps": difference(hot[method], again),
            "fresh": difference(hot[method], fresh),
        }
        print(method, report["methods"][method], file=sys.stderr, flush=True)
    return report


def swap_seconds(engine: Any, recipe: Recipe) -> float:
    """Return the seconds of one write, caches reset included."""
    start = time.perf_counter()
    engine.write(recipe)
    return time.perf_counter() - start


def fresh_answers(arguments: argparse.Namespace, recipe: Recipe) -> Answers:
    """Export a recipe and have a process of its own load it and answer."""
    refs = [ModelRef(f"expert{number}", str(path)) for number, path in enumerate(arguments.experts)]
    models = ModelSet.open(ModelRef("base", str(arguments.base)), refs)
    with tempfile.TemporaryDirectory() as folder:
        out, found = Path(folder) / "merge", Path(folder) / "answers.json"
        export_checkpoint(Materializer(models), recipe, out, card="")
        command = [sys.executable, __file__, "--base", str(out), "--fresh", str(found)]
        subprocess.run([*command, "--gpus", str(arguments.gpus), "--cpus", str(arguments.cpus)], check=True)
        return [(tokens, logprobs) for tokens, logprobs in json.loads(found.read_text())]


def difference(first: Answers, second: Answers) -> dict[str, Any]:
    """Return how many answers have other tokens, and the largest difference of log-probabilities up to there."""
    widest, other = 0.0, 0
    for (tokens, logprobs), (tokens2, logprobs2) in zip(first, second, strict=True):
        same = next((n for n, (a, b) in enumerate(zip(tokens, tokens2, strict=True)) if a != b), len(tokens))
        other += same < len(tokens)
        gaps = [abs(a - b) for a, b in zip(logprobs[:same], logprobs2[:same], strict=True)]
        widest = max([widest, *gaps])
    return {"answers": len(first), "other_tokens": other, "largest_logprob_difference": widest}


def memory(gpus: float) -> float:
    """Return MB that are in use: of the GPU, else resident in this process."""
    if gpus:
        import torch

        free, total = torch.cuda.mem_get_info()
        return (total - free) / 2**20
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


if __name__ == "__main__":
    main()
