"""What a result must hold to be recorded, and what is kept of it beside its items."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from evomerge.errors import InvalidInput
from experiments.entities import ScoredItem
from experiments.records import EvaluationRecord
from experiments.states import Split


def items_digest(items: Iterable[str]) -> str:
    """Return 16 hex digits for a set of items, whatever their order and the names of their tasks."""
    return hashlib.sha256("\n".join(sorted(items)).encode()).hexdigest()[:16]


def check_result(split: Split, items: Sequence[ScoredItem], fitness: float | None) -> None:
    """Refuse a result that cannot be used later.

    Raises:
        InvalidInput: no items, an item twice, a number that is not finite, no fitness on the search split.
    """
    if not items:
        raise InvalidInput("items", "there are none", "record the candidate as lost or infeasible")
    advice = "record the candidate as infeasible"
    if split == Split.SEARCH and fitness is None:
        raise InvalidInput("fitness", "none is given for the search split", "give one")
    if fitness is not None and not math.isfinite(fitness):
        raise InvalidInput("fitness", f"{fitness} is not finite", advice)
    seen: set[tuple[str, str]] = set()
    for item in items:
        where = f"item {item.item} of {item.task}"
        if not math.isfinite(item.score):
            raise InvalidInput(where, f"score {item.score} is not finite", advice)
        # A reference of probability 0 has log-likelihood -inf: rare, but a result.
        if item.reference_logprob is not None and math.isnan(item.reference_logprob):
            raise InvalidInput(where, "reference log-likelihood is nan", advice)
        if (item.task, item.item) in seen:
            raise InvalidInput(where, "it is scored twice", "give each item once")
        seen.add((item.task, item.item))


def summary_of(items: Sequence[ScoredItem]) -> dict[str, Any]:
    """Return {task: {"items": n, "score": mean, "reference_logprob": mean or None}}."""
    by_task: dict[str, list[ScoredItem]] = {}
    for item in items:
        by_task.setdefault(item.task, []).append(item)
    summary = {}
    for task, scored in by_task.items():
        logprobs = [x.reference_logprob for x in scored if x.reference_logprob is not None]
        mean = fmean(logprobs) if len(logprobs) == len(scored) else -math.inf
        summary[task] = {
            "items": len(scored),
            "score": fmean(x.score for x in scored),
            "reference_logprob": mean if math.isfinite(mean) else None,
        }
    return summary


def item_row(evaluation: EvaluationRecord, item: ScoredItem) -> dict[str, Any]:
    """Return one item as a row of the table of item scores."""
    return {
        "evaluation_id": evaluation.id,
        "task": item.task,
        "item": item.item,
        "score": float(item.score),
        "reference_logprob": item.reference_logprob,
        "output": item.output,
    }
