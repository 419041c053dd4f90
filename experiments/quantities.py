"""Numbers that follow from an experiment's spec and provenance: weights of tasks, items of a pass, the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from experiments.entities import Experiment, Progress

Unit = Literal["evaluations", "items", "generated_tokens", "hours"]


@dataclass(frozen=True)
class BudgetUse:
    """How much of a limit is spent, both in its unit."""

    unit: Unit
    limit: float
    used: float


def task_weights(experiment: Experiment) -> dict[str, float]:
    """Return the weight of each task, from the record of any version; a black box has one task."""
    tasks = experiment.spec.get("tasks", ({"name": "items", "weight": 1.0},))
    return {task["name"]: task["weight"] for task in tasks}


def search_items(experiment: Experiment) -> int | None:
    """Return how many search items a pass over all of them scores; None where the record does not say."""
    if "blackbox" in experiment.spec:
        items = experiment.spec["blackbox"].get("items", 1)
        return items if isinstance(items, int) else len(items)
    tasks = experiment.resolved.get("tasks", {})
    counts = [task.get("items", {}).get("search") for task in tasks.values()]
    return sum(counts) if counts and None not in counts else None


def present_budget(experiment: Experiment) -> dict[str, Any]:
    """Return the budget that holds, extensions included."""
    return {**experiment.spec["search"]["budget"], **(experiment.budget or {})}


def budget_use(experiment: Experiment, progress: Progress) -> BudgetUse | None:
    """Return the limit of which the largest share is spent; None where no limit can be told."""
    budget, count = present_budget(experiment), search_items(experiment)
    used: Mapping[Unit, float | None] = {
        "evaluations": progress.search_items / count if count else None,
        "items": progress.search_items,
        "generated_tokens": progress.generated_tokens,
        "hours": experiment.seconds_spent / 3600,
    }
    known = [
        BudgetUse(unit, budget[unit], spent)
        for unit, spent in used.items()
        if budget.get(unit) is not None and spent is not None
    ]
    return max(known, key=lambda one: one.used / one.limit, default=None)
