"""What an experiment took, from its evaluations."""

from __future__ import annotations

import math
from collections import Counter
from statistics import fmean, median

from experiments.entities import Evaluation, Experiment, Progress
from experiments.states import EvaluationState
from experiments.store import Store
from optimizer.reporting.spending import MergeRuntime, Spending

# What it takes to have a merge in the engine's weights, see ``workers.config.ScoreResult``.
_MERGING = ("apply", "write", "repack", "reset")


def cost(store: Store, experiment: Experiment, progress: Progress, evaluations: list[Evaluation]) -> Spending:
    """Add up an experiment's evaluations.

    Args:
        store: has the evaluations that scores were copied from.
        experiment: the experiment.
        progress: its counts.
        evaluations: all of them.
    """
    done = [one for one in evaluations if one.state is EvaluationState.DONE]
    phases: Counter[str] = Counter()
    for one in done:
        phases.update(one.timings_s)
    copied = [one for one in done if one.copied_from is not None]
    origins = [one.copied_from for one in copied if one.copied_from is not None]
    sources = [
        *store.timings_of([one for one in origins if one > 0]),
        *store.checkpoint_timings([-one for one in origins if one < 0]),
    ]
    scores: Counter[str] = Counter()
    for one in done:
        scores[one.split.value] += one.num_items
    return Spending(
        candidates=progress.candidates,
        evaluations=dict(Counter(one.split.value for one in done)),
        scores=dict(scores),
        prompt_tokens=progress.prompt_tokens,
        generated_tokens=progress.generated_tokens,
        hours=experiment.seconds_spent / 3600,
        worker_hours=math.fsum(phases.values()) / 3600,
        phases=dict(phases),
        merging=_runtime(done),
        copied_evaluations=len(copied),
        copied_scores=sum(one.num_items for one in copied),
        saved_s=math.fsum(math.fsum(found.values()) for found in sources),
    )


def _runtime(done: list[Evaluation]) -> MergeRuntime | None:
    merges = [sum(one.timings_s.get(step, 0.0) for step in _MERGING) for one in done if "apply" in one.timings_s]
    if not merges:
        return None
    return MergeRuntime(len(merges), median(merges), fmean(merges), max(merges))
