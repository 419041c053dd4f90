"""Putting a candidate's evaluations on the blocks of one split together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.entities import Evaluation, SplitScore


def pooled(evaluations: Iterable[Evaluation]) -> SplitScore:
    """Return what the evaluations found on all their items together; the blocks of a split are disjoint."""
    summary = pooled_summary(evaluation.summary for evaluation in evaluations)
    return SplitScore(sum(task["items"] for task in summary.values()), summary)


def pooled_summary(summaries: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what the summaries of disjoint blocks say of all their items together, by task."""
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for summary in summaries:
        for task, found in summary.items():
            by_task.setdefault(task, []).append(found)
    return {
        task: {
            "items": sum(one["items"] for one in parts),
            "score": _mean(parts, "score"),
            "stderr": _stderr(parts),
            "reference_logprob": _mean(parts, "reference_logprob"),
        }
        for task, parts in by_task.items()
    }


def _stderr(parts: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the standard error of the mean over all items; None where it is not known of every part."""
    count = sum(one["items"] for one in parts)
    if count < 2 or any(one["items"] > 1 and one.get("stderr") is None for one in parts):
        return None
    mean = _mean(parts, "score") or 0.0
    # Squares within the parts, and between them.
    squares = sum(
        one["items"] * ((one["items"] - 1) * (one.get("stderr") or 0.0) ** 2 + (one["score"] - mean) ** 2)
        for one in parts
    )
    return math.sqrt(squares / (count - 1) / count)


def _mean(parts: Sequence[Mapping[str, Any]], key: str) -> float | None:
    if any(one[key] is None for one in parts):
        return None
    if len(parts) == 1:
        return float(parts[0][key])
    return float(sum(one["items"] * one[key] for one in parts) / sum(one["items"] for one in parts))
