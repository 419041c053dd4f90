"""What cheaper scoring saves, and how much the company of an item in a batch changes its answer.

    python benchmarks/scoring.py [--threads 2]

Scores the demo's three tasks with the base, both experts and their sum, 0.6 each: 100 test items of each task with and
without early stops, then the search items all at once, in blocks of 24, and every sixth by itself; then a multiple
choice with worked examples, with and without beginnings of prompts from the cache, and questions about passages in the
order of their beginnings and as they come. Prints Markdown tables for docs/engines.md.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import mean
from typing import Any, TypeVar

import yaml
from machine import machine

from evals.suite import TaskSuite
from evals.tasks import ItemScore, TaskDefinition
from merging.models import ModelRef
from merging.recipe import Recipe
from workers.config import WorkerConfig
from workers.engines import vllm_requests

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"arithmetic_json": 16, "arithmetic": 32, "json_facts": 24}
CANDIDATES = {"base": (0.0, 0.0), "expert arithmetic": (1.0, 0.0), "expert json": (0.0, 1.0), "both, 0.6": (0.6, 0.6)}
BLOCK, APART = 24, 6
CHOICES, WORKED, PASSAGES = 62, 5, 90
Result = TypeVar("Result")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    engine, suite = start(parser.parse_args().threads)
    print("| candidate | mean score | tokens | with early stop | steps | with early stop | seconds | with early stop |")
    print("|---|---|---|---|---|---|---|---|")
    changed = total = 0
    for name, weights in CANDIDATES.items():
        engine.write(recipe(*weights))
        whole, stopped = score(engine, suite, early=False), score(engine, suite, early=True)
        pairs = zip(whole[0], stopped[0], strict=True)
        changed, total = changed + sum(a.score != b.score for a, b in pairs), total + len(whole[0])
        figures = (f"{a:.4g} | {b:.4g}" for a, b in zip(whole[1], stopped[1], strict=True))
        print(f"| {name} | {mean(item.score for item in whole[0]):.2f} | {' | '.join(figures)} |", flush=True)
    print(f"\n{changed} of {total} scores changed.\n")
    print(
        "| candidate | scored | items | other log-likelihoods | mean difference, nats | largest | other texts "
        "| other scores |\n|---|---|---|---|---|---|---|---|"
    )
    for name in ("expert arithmetic", "both, 0.6"):
        engine.write(recipe(*CANDIDATES[name]))
        together = suite.score(engine.lm, "search")
        count = len(together)
        blocks = [list(range(first, first + BLOCK)) for first in range(0, count, BLOCK)]
        for label, parts in (("in blocks of 24", blocks), ("one by one", [[n] for n in range(0, count, APART)])):
            compare(f"{name} | {label}", together, parts, engine, suite)
    with tempfile.TemporaryDirectory() as folder:
        measure_prompts(engine, Path(folder) / "worked")
        measure_order(engine, Path(folder) / "passages")
    print(f"\n{machine()}, {engine.describe()}")


def start(threads: int) -> tuple[Any, TaskSuite]:
    """Start the engine on the demo's models and load its tasks."""
    from workers.engines.vllm_engine import VllmEngine

    models = ROOT / "examples" / "experts"
    tasks = tuple(
        TaskDefinition(
            name, str(ROOT / "examples" / "tasks" / f"{name}.yaml"), "exact_match", max_tokens=limit,
            search=96, selection=48, test=100,
        )
        for name, limit in LIMITS.items()
    )  # fmt: skip
    base = ModelRef("base", str(ROOT / "models" / "smollm2-135m-instruct"))
    experts = tuple(ModelRef(name, str(models / name)) for name in ("arithmetic", "json"))
    engine = VllmEngine(WorkerConfig(base, experts, tasks, max_model_len=512, cpus=threads, kv_cache_gib=0.5))
    return engine, TaskSuite.load(tasks)


def recipe(arithmetic: float, json: float) -> Recipe:
    """Return the weighted sum of both experts."""
    weights = {"weight": {"arithmetic": (arithmetic,), "json": (json,)}}
    return Recipe("task_arithmetic", ("arithmetic", "json"), coefficients=weights)


def score(engine: Any, suite: TaskSuite, *, early: bool) -> tuple[list[ItemScore], tuple[float, ...]]:
    """Score the test items; returns them with generated tokens, engine steps and seconds."""
    kept = []
    for entry in suite._plan(engine.lm, "test"):
        for instance in entry.instances:
            if not early and hasattr(instance, "decided"):
                kept.append((instance, instance.decided))
                del instance.decided
    engine._llm.reset_prefix_cache()
    tokens, steps, began = engine.tokens.generated, engine.tokens.steps, time.perf_counter()
    items = suite.score(engine.lm, "test")
    figures = (engine.tokens.generated - tokens, engine.tokens.steps - steps, time.perf_counter() - began)
    for instance, decided in kept:
        instance.decided = decided
    return items, figures


def compare(label: str, together: list[ItemScore], parts: list[list[int]], engine: Any, suite: TaskSuite) -> None:
    """Score parts of the search items and print how many items come out unlike all at once."""
    pairs = [
        (found, together[position])
        for positions in parts
        for position, found in zip(positions, suite.score(engine.lm, "search", positions), strict=True)
    ]
    apart = [abs((a.reference_logprob or 0.0) - (b.reference_logprob or 0.0)) for a, b in pairs]
    figures = f"{sum(one > 0.0 for one in apart)} | {mean(apart):.3f} | {max(apart):.3f}"
    texts, scores = sum(a.output != b.output for a, b in pairs), sum(a.score != b.score for a, b in pairs)
    print(f"| {label} | {len(pairs)} | {figures} | {texts} | {scores} |", flush=True)


def measure_prompts(engine: Any, folder: Path) -> None:
    """Score questions with four choices and five worked examples, with shared beginnings of prompts and without."""
    questions = (ROOT / "examples" / "tasks" / "arithmetic.jsonl").read_text().splitlines()[: CHOICES + WORKED]
    rows = [json.loads(line) for line in questions]
    suite = TaskSuite.load((choice_task(folder, rows),))
    print("\n| 240 answers to 60 questions with five worked examples | seconds |\n|---|---|")
    built, planned = timed(lambda: suite._plan(engine.lm, "test"))
    print(f"| building the prompts | {built:.2f} |")
    pairs = [instance.args for entry in planned for instance in entry.instances]
    print(f"| turning them into tokens | {timed(lambda: [engine.lm._encode_pair(*pair) for pair in pairs])[0]:.2f} |")
    # The first run warms the engine up.
    suite.score(engine.lm, "test")
    found: list[list[ItemScore]] = []
    for shared in (True, False):
        with nullcontext() if shared else without_cache(engine):
            engine._llm.reset_prefix_cache()
            seconds, items = timed(lambda: suite.score(engine.lm, "test"))
        found.append(items)
        print(f"| scoring, {'beginnings shared' if shared else 'each prompt computed'} | {seconds:.2f} |", flush=True)
    differ = sum(a.reference_logprob != b.reference_logprob for a, b in zip(*found, strict=True))
    print(f"\n{differ} of {len(found[0])} log-likelihoods differ.\n")


def measure_order(engine: Any, folder: Path) -> None:
    """Score two questions about each of many passages, which the prefix cache cannot hold all at once."""
    texts = [
        " ".join(f"Row {row} of table {table} says {row * table}." for row in range(1, 30)) for table in range(PASSAGES)
    ]
    rows = [
        {"question": f"{text}\nWhat does row {row} say?", "answer": str(row * table), "choices": ["0", "1"], "label": 0}
        for row in (7, 8)
        for table, text in enumerate(texts)
    ]
    suite = TaskSuite.load((choice_task(folder, rows, worked=0),))
    print(f"| two questions on each of {PASSAGES} passages | seconds |\n|---|---|")
    for ordered in (True, False):
        with nullcontext() if ordered else as_they_come():
            engine._llm.reset_prefix_cache()
            seconds, _ = timed(lambda: suite.score(engine.lm, "test"))
        print(f"| {'in the order of their beginnings' if ordered else 'as they come'} | {seconds:.2f} |", flush=True)


def timed(function: Callable[[], Result]) -> tuple[float, Result]:
    """Return the wall seconds of a call, and what it returns."""
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


@contextmanager
def as_they_come() -> Iterator[None]:
    """Have requests sent in the order in which they come."""
    ordered = vllm_requests._beginning
    vllm_requests._beginning = lambda request: (0, [])
    try:
        yield
    finally:
        vllm_requests._beginning = ordered


def choice_task(folder: Path, rows: list[dict[str, Any]], worked: int = WORKED) -> TaskDefinition:
    """Write a multiple choice between answers to some questions, the first of which are worked examples."""
    folder.mkdir()
    for place, row in enumerate(rows):
        row.setdefault("choices", [rows[(place + step) % len(rows)]["answer"] for step in range(4)])
        row["label"] = 0
    for name, part in (("test", rows[worked:]), ("worked", rows[:WORKED])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    task = {
        "task": "choices", "dataset_path": "json", "output_type": "multiple_choice", "test_split": "test",
        "dataset_kwargs": {"data_files": {"test": "test.jsonl", "worked": "worked.jsonl"}}, "fewshot_split": "worked",
        "fewshot_config": {"sampler": "first_n"}, "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "choices", "doc_to_target": "label", "metric_list": [{"metric": "acc"}],
    }  # fmt: skip
    (folder / "choices.yaml").write_text(yaml.safe_dump(task))
    file = str(folder / "choices.yaml")
    test = len(rows) - worked - 2
    return TaskDefinition("choices", file, "acc", num_fewshot=worked, search=1, selection=1, test=test)


@contextmanager
def without_cache(engine: Any) -> Iterator[None]:
    """Have no request read from the prefix cache."""
    shared = engine.lm.shared
    run = shared.run

    def run_apart(asked: Any) -> Any:
        for one in asked:
            one.settings.skip_reading_prefix_cache = True
        return run(asked)

    shared.run = run_apart
    try:
        yield
    finally:
        shared.run = run


if __name__ == "__main__":
    main()
