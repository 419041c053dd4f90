"""What the first blocks of the search items say about all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from scipy import stats

from api.schemas.quality import Racing, Rung
from experiments.efforts import Effort
from experiments.entities import Experiment
from experiments.sampling import stride
from experiments.states import WHOLE, EvaluationState, Split
from experiments.store import Store

_FEWEST = 3


def racing(store: Store, experiment: Experiment, limit: int) -> Racing:
    """Return how the candidates that are scored block by block fare from block to block."""
    total = store.progress(experiment.id).candidates
    efforts = store.efforts(experiment.id, every=stride(total, limit), split=Split.SEARCH)
    by_number: dict[int, list[Effort]] = {}
    for one in efforts:
        if one.block != WHOLE:
            by_number.setdefault(one.number, []).append(one)
    blocks = 1 + max((one.block for parts in by_number.values() for one in parts), default=-1)
    runs = {number: run for number, parts in by_number.items() if (run := _scored(parts))}
    if blocks < 2 or not runs:
        known = "Every candidate is scored on all search items at once." if total else "The search has not begun."
        return Racing(
            reason="No block is scored yet." if blocks > 1 else known,
            blocks=0, total=total, shown=0, rungs=[], number=[], first=[], full=[], blocks_scored=[],
        )  # fmt: skip
    going = {number for number, parts in by_number.items() if any(_is_open(one) for one in parts)}
    return Racing(
        blocks=blocks,
        total=total,
        shown=len(runs),
        rungs=[_rung(runs, going, count, blocks) for count in range(1, blocks + 1)],
        number=list(runs),
        first=[run[0].fitness or 0.0 for run in runs.values()],
        full=[_mean(run) for run in runs.values()],
        blocks_scored=[len(run) for run in runs.values()],
    )


def _scored(parts: Sequence[Effort]) -> list[Effort]:
    """Return the blocks with a fitness of a candidate that has one, in the order in which they were begun."""
    if any(one.state is EvaluationState.INFEASIBLE for one in parts):
        return []
    return [one for one in parts if one.state is EvaluationState.DONE and one.fitness is not None]


def _is_open(one: Effort) -> bool:
    return one.state in (EvaluationState.RUNNING, EvaluationState.LOST)


def _rung(runs: dict[int, list[Effort]], going: set[int], count: int, blocks: int) -> Rung:
    here = {number: run for number, run in runs.items() if len(run) >= count}
    full = [run for run in here.values() if len(run) == blocks]
    items = [list(accumulate(one.items for one in run))[count - 1] for run in here.values()]
    return Rung(
        blocks=count,
        items=sum(items) / len(items) if items else 0.0,
        candidates=len(here),
        stopped=sum(len(run) == count < blocks and number not in going for number, run in here.items()),
        kendall_tau=_agreement([_mean(run[:count]) for run in full], [_mean(run) for run in full]),
    )


def _mean(run: Sequence[Effort]) -> float:
    """Return the fitness over some blocks, each weighing as many as its items."""
    return sum((one.fitness or 0.0) * one.items for one in run) / sum(one.items for one in run)


def _agreement(early: Sequence[float], late: Sequence[float]) -> float | None:
    """Return Kendall's tau-b; None of fewer than three, or where all are equal."""
    if len(early) < _FEWEST:
        return None
    tau = float(stats.kendalltau(early, late).statistic)
    return None if math.isnan(tau) else tau
