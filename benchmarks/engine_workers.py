"""Candidates per hour of one worker and of several that share a machine, with and without merging ahead.

What is measured is the pool of a run: Ray, workers with their task suites, recipes there and scores back. Neither a
search nor a store takes part. Items are the demo's, judged by teacher forcing as its search judges them.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine_bench import Bench, Report

from evals.tasks import TaskDefinition
from experiments.states import Split
from workers.config import WorkerConfig

TASK = Path(__file__).resolve().parent.parent / "examples" / "tasks" / "arithmetic_json.yaml"
# Candidates that warm a worker up.
WARM = 3
PHASES = ("apply", "repack", "reset", "score")
SHOWN_S = 2.5
# Worker, end in seconds since the measurement began, seconds by phase.
Span = tuple[str, float, dict[str, float]]


def measure_workers(bench: Bench, scratch: Path) -> Report:
    """Let pools of every size score for some seconds, both ways."""
    from optimizer.cluster import ray_cluster

    arguments = bench.arguments
    bench.close()
    search = max(arguments.blocks)
    task = TaskDefinition(
        "arithmetic", str(TASK), "exact_match", search=search, selection=1, test=1, max_tokens=16, teacher_forced=True
    )
    cores = float(arguments.cpus)
    rows = []
    with ray_cluster(num_cpus=cores):
        for count, ahead in itertools.product(arguments.counts, (False, True)):
            config = replace(bench.config, tasks=(task,), cpus=max(1.0, cores // count), ahead=ahead)
            print(f"  {count} workers, {'ahead' if ahead else 'in turn'}", file=sys.stderr, flush=True)
            rows += measure_pool(bench, config, count)
    if arguments.timeline:
        draw(rows, arguments.timeline)
    return {"rows": rows}


def measure_pool(bench: Bench, config: WorkerConfig, count: int) -> list[Report]:
    """Score blocks of every size with one pool."""
    from optimizer.pool import WorkerPool

    pool = WorkerPool(config, count, say=lambda message: print(message, file=sys.stderr))
    rows = []
    try:
        while len(pool.descriptions) < count:
            pool.wait(1.0)
        for items in bench.arguments.blocks:
            _score(bench, pool, items, candidates=WARM * count)
            start = time.perf_counter()
            spans = _score(bench, pool, items, seconds=bench.arguments.seconds)
            seconds = time.perf_counter() - start
            rows.append({
                "workers": count, "ahead": config.ahead, "items": items, "spans": spans,
                "per_hour": 3600 * len(spans) / seconds,
            })  # fmt: skip
    finally:
        pool.close()
    return rows


def _score(bench: Bench, pool: Any, items: int, *, candidates: int = 10**9, seconds: float = 600.0) -> list[Span]:
    """Keep the pool busy for so many candidates or seconds, and return how each one went."""
    from optimizer.jobs import Job, Work

    start = time.perf_counter()
    spans: list[Span] = []
    numbers = itertools.count()
    method = bench.arguments.methods[0]
    asked = 0
    while True:
        more = asked < candidates and time.perf_counter() - start < seconds
        while more and pool.next_worker is not None:
            pool.submit(Job(Work(next(numbers), Split.SEARCH), bench.recipe(method), tuple(range(items))))
            asked += 1
        pool.begin()
        if not more and pool.num_running == 0:
            return spans
        outcome = pool.wait(0.5)
        if outcome is not None:
            assert outcome.result is not None, outcome.reason
            spans.append((outcome.result.worker, time.perf_counter() - start, dict(outcome.result.timings_s)))


def workers_table(report: Report) -> list[str]:
    """Render candidates per hour, and the median ms of changing and scoring a candidate."""
    lines = [
        "| items | workers | next candidate | candidates per hour | change ms | score ms |",
        "|---:|---:|---|---:|---:|---:|",
    ]
    for row in sorted(report["workers"]["rows"], key=lambda row: (row["items"], row["workers"], row["ahead"])):
        change = statistics.median(sum(phases.values()) - phases["score"] for _, _, phases in row["spans"])
        score = statistics.median(phases["score"] for _, _, phases in row["spans"])
        how = "merged ahead" if row["ahead"] else "merged in its turn"
        lines.append(
            f"| {row['items']} | {row['workers']} | {how} | {row['per_hour']:.0f} | {1000 * change:.0f} "
            f"| {1000 * score:.0f} |"
        )
    return lines


def draw(rows: Sequence[Report], path: Path) -> None:
    """Draw the first seconds of every worker, one below the other; without matplotlib write the figures instead."""
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError:
        path.with_suffix(".json").write_text(json.dumps(rows) + "\n")
        return

    smallest = min(row["items"] for row in rows)
    lanes = [
        (f"{row['workers']} worker{'s' * (row['workers'] > 1)}, {'ahead' if row['ahead'] else 'in turn'}", row, worker)
        for row in rows
        if row["items"] == smallest
        for worker in sorted({worker for worker, _, _ in row["spans"]})
    ]
    figure, axes = pyplot.subplots(figsize=(10, 0.6 + 0.4 * len(lanes)))
    for lane, (_, row, worker) in enumerate(lanes):
        own = [(end, phases) for one, end, phases in row["spans"] if one == worker]
        for end, phases in own:
            start = end - sum(phases.values())
            for index, phase in enumerate(PHASES):
                if start < SHOWN_S:
                    axes.barh(lane, min(phases.get(phase, 0.0), SHOWN_S - start), left=start, color=f"C{index}")
                start += phases.get(phase, 0.0)
    for index, phase in enumerate(PHASES):
        axes.barh(0, 0, color=f"C{index}", label=phase)
    axes.set_yticks(range(len(lanes)), [label for label, _, _ in lanes])
    axes.invert_yaxis()
    axes.set(xlabel=f"seconds, {smallest} items a candidate", xlim=(0, SHOWN_S))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.3), ncols=len(PHASES), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
