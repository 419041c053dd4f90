"""The table of docs/mergebench.md, and the figures behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from evals.relative import normalized
from evals.statistics import aggregate_interval

TASKS = ("arithmetic_json", "arithmetic", "json_facts")
KEPT = "grammar"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the Markdown table."""
    lines = [
        f"| merge | setting | mean score | {' | '.join(TASKS)} | normalized | forgotten of {KEPT} | items | seconds |",
        f"|---|---|---|{'---|' * len(TASKS)}---|---|---|---|",
    ]
    for row, figures in zip(rows, map(asdict, figures_of(rows)), strict=True):
        tasks = " | ".join(f"{figures['tasks'][name]:.2f}" for name in TASKS)
        label = row["label"] if row["kind"] in ("base", "expert") else f"{row['label']}, {row['kind']}"
        normal = "" if figures["normalized"] is None else f"{figures['normalized']:.2f}"
        lines.append(
            f"| {label} | {row['setting']} | {figures['mean']:.3f} [{figures['low']:.3f}, {figures['high']:.3f}] | "
            f"{tasks} | {normal} | {figures['forgotten']:+.3f} | {row['spent']} | {row['seconds']:.0f} |"
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Figures:
    """What is said of a row: scores by task, their mean with its 95 % interval, and beside the parents."""

    tasks: Mapping[str, float]
    mean: float
    low: float
    high: float
    normalized: float | None
    forgotten: float


def figures_of(rows: Sequence[Mapping[str, Any]]) -> list[Figures]:
    """Work the figures out; the rows begin with base and experts."""
    scores = []
    for row in rows:
        by_task: dict[str, list[float]] = {}
        for one in row["test"]:
            by_task.setdefault(one.task, []).append(one.score)
        scores.append(by_task)
    means = [{task: fmean(values) for task, values in one.items()} for one in scores]
    experts = [found for row, found in zip(rows, means, strict=True) if row["kind"] == "expert"]
    best = {task: max(found[task] for found in experts) for task in TASKS}
    figures = []
    for by_task, found in zip(scores, means, strict=True):
        own = {task: found[task] for task in TASKS}
        whole = aggregate_interval({task: by_task[task] for task in TASKS}, dict.fromkeys(TASKS, 1.0))
        lost = means[0][KEPT] - found[KEPT]
        figures.append(Figures(found, whole.mean, whole.low, whole.high, normalized(own, best).mean, lost))
    return figures
