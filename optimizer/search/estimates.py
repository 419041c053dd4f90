"""Every candidate's fitness over all search items, estimated from the items that it was scored on.

Candidates meet different blocks, and blocks differ in difficulty, so plain means cannot be compared. Within each task
a score is taken as candidate effect + item effect + noise, with normal priors whose variances are fitted to the data
(empirical Bayes by mean-field EM). Items that a candidate was scored on count as they are; only the others are
estimated, so a candidate with every item has its exact fitness and no uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.search.interface import FLOOR_PENALTY, Positions, Scores, SearchItems, Vector

_ITERATIONS = 60
_TOLERANCE = 1e-6
_SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True)
class Observations:
    """An incomplete table of scores, as three columns of equal length; no cell occurs twice.

    Args:
        count: number of candidates, scored or not.
        candidates: row of every score, shape (m,).
        items: position of the item of every score, shape (m,).
        values: the scores, shape (m,).
    """

    count: int
    candidates: Positions
    items: Positions
    values: Vector

    @classmethod
    def of(cls, scores: Sequence[Sequence[Scores]]) -> Observations:
        """Collect the scores of every candidate's blocks; an empty entry is a candidate without scores."""
        rows = [np.full(len(part.positions), row) for row, parts in enumerate(scores) for part in parts]
        flat = [part for parts in scores for part in parts]
        return cls(
            count=len(scores),
            candidates=np.concatenate(rows).astype(np.intp) if rows else np.zeros(0, np.intp),
            items=np.concatenate([part.positions for part in flat]) if flat else np.zeros(0, np.intp),
            values=np.concatenate([part.values for part in flat]).astype(np.float64) if flat else np.zeros(0),
        )

    def with_values(self, values: Vector) -> Observations:
        """Return the same cells with other values."""
        return Observations(self.count, self.candidates, self.items, values)


@dataclass(frozen=True)
class Estimates:
    """Posterior of every candidate's fitness over all search items.

    Args:
        mean: shape (candidates,). Candidates without scores have the prior's mean.
        deviation: posterior standard deviation, shape (candidates,).
        method: name of the estimator that was used in the end.
        note: why that is not the one asked for; empty if it is.
    """

    mean: Vector
    deviation: Vector
    method: str
    note: str = ""


@dataclass(frozen=True)
class Effects:
    """Candidate and item effects of one table of scores, with their posterior variances.

    Args:
        candidate, candidate_variance: shape (candidates,); the effects have mean 0 a priori.
        item, item_variance: shape (items,); the overall level is in the item effects.
        noise: variance of a single score.
    """

    candidate: Vector
    candidate_variance: Vector
    item: Vector
    item_variance: Vector
    noise: float


def fit_effects(rows: Positions, columns: Positions, values: Vector, shape: tuple[int, int]) -> Effects:
    """Fit ``value = candidate effect + item effect + noise``; all variances come from the data.

    Args:
        rows, columns, values: the scores that there are, each of shape (m,).
        shape: numbers of candidates and items.
    """
    per_row = np.bincount(rows, minlength=shape[0]).astype(np.float64)
    per_column = np.bincount(columns, minlength=shape[1]).astype(np.float64)
    level = float(values.mean()) if len(values) else 0.0
    spread = max(float(values.var()) if len(values) else 0.0, _SMALLEST_VARIANCE)
    between_rows, between_columns, noise = spread / 10, spread / 2, spread / 2
    candidate = np.zeros(shape[0])
    for _ in range(_ITERATIONS):
        item_precision = per_column / noise + 1 / between_columns
        sums = np.bincount(columns, values - level - candidate[rows], minlength=shape[1])
        item = sums / noise / item_precision
        row_precision = per_row / noise + 1 / between_rows
        before = candidate
        sums = np.bincount(rows, values - level - item[columns], minlength=shape[0])
        candidate = sums / noise / row_precision
        if not len(values):
            break
        residual = values - level - candidate[rows] - item[columns]
        level += float(residual.mean())
        seen_rows, seen_columns = per_row > 0, per_column > 0
        hidden = np.sum(per_row / row_precision) + np.sum(per_column / item_precision)
        noise = max(float(residual @ residual + hidden) / len(values), _SMALLEST_VARIANCE)
        between_rows = max(float(np.mean((candidate**2 + 1 / row_precision)[seen_rows])), _SMALLEST_VARIANCE)
        between_columns = max(float(np.mean((item**2 + 1 / item_precision)[seen_columns])), _SMALLEST_VARIANCE)
        if np.max(np.abs(candidate - before)) <= _TOLERANCE * np.sqrt(spread):
            break
    return Effects(candidate, 1 / row_precision, level + item, 1 / item_precision, noise)


@dataclass(frozen=True)
class TaskPosterior:
    """Posterior of every candidate's mean over one task's items.

    Args:
        task: index of the task.
        share: of the task in the fitness.
        mean, variance: shape (candidates,).
    """

    task: int
    share: float
    mean: Vector
    variance: Vector


def effect_estimates(items: SearchItems, observations: Observations) -> Estimates:
    """Estimate every candidate's fitness with candidate and item effects, task by task.

    Args:
        items: the search items; their task weights and floors make the fitness.
        observations: the scores that there are.
    """
    return combine(items, effect_posteriors(items, observations), "effects")


def effect_posteriors(items: SearchItems, observations: Observations) -> list[TaskPosterior]:
    """Return what candidate and item effects say about every candidate's mean on each task."""
    found = []
    for part in task_parts(items, observations):
        effects = fit_effects(part.rows, part.columns, part.values, (observations.count, part.items))
        unseen = part.items - part.per_row
        estimated = effects.item.sum() - part.row_sums(effects.item[part.columns]) + unseen * effects.candidate
        mean = (part.row_sums(part.values) + estimated) / part.items
        own = unseen**2 * effects.candidate_variance + unseen * effects.noise
        shared = effects.item_variance.sum() - part.row_sums(effects.item_variance[part.columns])
        found.append(TaskPosterior(part.task, part.share, mean, (own + np.maximum(shared, 0)) / part.items**2))
    return found


def combine(items: SearchItems, posteriors: Sequence[TaskPosterior], method: str) -> Estimates:
    """Return the fitness that the tasks' means make, with the penalty of floors at the posterior means.

    The deviation is that of the weighted mean: how uncertain the penalty is does not enter.
    """
    mean = sum((one.share * one.mean for one in posteriors), start=np.zeros(1))
    variance = sum((one.share**2 * one.variance for one in posteriors), start=np.zeros(1))
    if items.floors is not None:
        for one in posteriors:
            missing = np.maximum(items.floors[one.task] - one.mean, 0)
            mean = mean - FLOOR_PENALTY * np.nan_to_num(missing)
    return Estimates(mean, np.sqrt(variance), method)


@dataclass(frozen=True)
class TaskPart:
    """The scores on one task's items.

    Args:
        task: index of the task.
        share: of the task in the fitness; the shares of all tasks sum to 1.
        items: number of items of the task.
        rows: candidate of every score, shape (m,).
        columns: item of every score, counted within the task, shape (m,).
        values: the scores, shape (m,).
        per_row: number of scores of every candidate, shape (candidates,).
    """

    task: int
    share: float
    items: int
    rows: Positions
    columns: Positions
    values: Vector
    per_row: Vector

    def row_sums(self, values: Vector) -> Vector:
        """Sum something that each score has over every candidate's scores, shape (candidates,)."""
        return np.bincount(self.rows, values, minlength=len(self.per_row)).astype(np.float64)


def task_parts(items: SearchItems, observations: Observations) -> list[TaskPart]:
    """Split scores by task; tasks without items have no part."""
    present = np.bincount(items.tasks, minlength=len(items.weights)) > 0
    shares = np.where(present, items.weights, 0.0)
    shares = shares / shares.sum()
    parts = []
    for task in np.flatnonzero(present):
        of_task = np.flatnonzero(items.tasks == task)
        here = items.tasks[observations.items] == task
        rows = observations.candidates[here]
        columns = np.searchsorted(of_task, observations.items[here])
        per_row = np.bincount(rows, minlength=observations.count).astype(np.float64)
        part = TaskPart(int(task), float(shares[task]), len(of_task), rows, columns, observations.values[here], per_row)
        parts.append(part)
    return parts
