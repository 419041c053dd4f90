"""Scores of a merge beside those of its parents: normalized by the best expert, and what the base has lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, harmonic_mean

# Ratios to less than this say more about the denominator than about the merge.
SMALLEST_DENOMINATOR = 0.05


@dataclass(frozen=True)
class Normalized:
    """Scores divided by those of the best expert of each task.

    Attributes:
        tasks: ratio by task, above 1 where the expert is beaten; None where the expert scores less than 0.05.
        mean: of the ratios; None where there is none.
        lowest: of the ratios.
        harmonic: their harmonic mean, which one bad task pulls down; 0 where a ratio is not positive.
    """

    tasks: Mapping[str, float | None]
    mean: float | None
    lowest: float | None
    harmonic: float | None


def normalized(scores: Mapping[str, float], best: Mapping[str, float]) -> Normalized:
    """Divide a model's score on each task by that of the best expert there (MergeBench, arXiv 2505.10833).

    Args:
        scores: of the model, by task.
        best: of the best expert, by task.
    """
    tasks = {task: ratio(score, best[task]) for task, score in scores.items()}
    ratios = [one for one in tasks.values() if one is not None]
    if not ratios:
        return Normalized(tasks, None, None, None)
    return Normalized(tasks, fmean(ratios), min(ratios), harmonic_mean(ratios) if min(ratios) > 0 else 0.0)


def ratio(score: float, reference: float) -> float | None:
    """Return score / reference; None where the reference is too small for that, or negative."""
    return score / reference if reference >= SMALLEST_DENOMINATOR else None
