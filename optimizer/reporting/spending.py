"""What an experiment took: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MergeRuntime:
    """Seconds that merging a candidate into the engine's weights took, of those that were written in place."""

    merges: int
    median_s: float
    mean_s: float
    longest_s: float


@dataclass(frozen=True)
class Spending:
    """What the experiment took.

    Attributes:
        candidates: merges that were asked for, plain ones included.
        evaluations: number by split.
        scores: item scores by split.
        prompt_tokens: read by the model.
        generated_tokens: written by the model.
        hours: of the driver, all runs together.
        worker_hours: of all workers, their scoring and merging alone.
        phases: seconds of workers by phase.
        merging: None where nothing was merged in place.
        copied_evaluations: taken from the store instead of being scored.
        copied_scores: their item scores.
        saved_s: seconds of workers that they had taken when they were scored.
    """

    candidates: int
    evaluations: Mapping[str, int]
    scores: Mapping[str, int]
    prompt_tokens: int
    generated_tokens: int
    hours: float
    worker_hours: float
    phases: Mapping[str, float]
    merging: MergeRuntime | None
    copied_evaluations: int
    copied_scores: int
    saved_s: float
