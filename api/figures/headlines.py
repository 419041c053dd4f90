"""An experiment in a line: who leads, by how much, how long it will take."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from cachetools import LRUCache

from api.figures.intervals import difference, scored
from api.schemas.experiments import BudgetUse, Headline, StandingScore
from api.schemas.quality import Scored
from evals.statistics import Interval
from experiments.curves import best_so_far
from experiments.entities import ExperimentSummary
from experiments.headlines import Contender, Race
from experiments.quantities import budget_use, task_weights
from experiments.states import ExperimentState, Split
from experiments.store import Store

_KEPT = 1000


class Headlines:
    """Headlines; those of experiments that do not run are kept until their record grows.

    Usable from several threads.
    """

    def __init__(self, store: Store) -> None:
        """Take the store that experiments are in."""
        self._store = store
        self._kept: LRUCache[tuple[str, int], Headline] = LRUCache(_KEPT)
        self._lock = threading.Lock()

    def of(self, found: Sequence[ExperimentSummary]) -> dict[str, Headline]:
        """Return the headlines of experiments by id."""
        # While one runs, the time that is left changes without an event.
        still = {
            (one.experiment.id, one.experiment.last_seq)
            for one in found
            if one.experiment.state is not ExperimentState.RUNNING
        }
        with self._lock:
            known = {key[0]: self._kept[key] for key in still if key in self._kept}
        made = headlines(self._store, [one for one in found if one.experiment.id not in known])
        with self._lock:
            self._kept.update({key: made[key[0]] for key in still if key[0] in made})
        return known | made


def headlines(store: Store, found: Sequence[ExperimentSummary]) -> dict[str, Headline]:
    """Return the headlines of experiments by id; the number of queries does not depend on how many they are."""
    if not found:
        return {}
    weights = {one.experiment.id: task_weights(one.experiment) for one in found}
    races, trails = store.races(list(weights)), store.trails(list(weights))
    scores = search_scores(store, races, weights)
    best = {key: leader(race, scores) for key, race in races.items()}
    parents = {key: next((one for one in race.contenders if one.is_parent), None) for key, race in races.items()}
    rivals = {one.id: rival.id for key, one in best.items() if one and (rival := parents[key]) and rival.id != one.id}
    pairs = store.pair_moments(rivals, Split.SEARCH)
    lines = {}
    for summary in found:
        key = summary.experiment.id
        first, parent, trail = best[key], parents[key], trails[key]
        gain = difference(pairs[first.id], weights[key]) if first is not None and first.id in pairs else None
        lines[key] = Headline(
            best=_standing(first, scores),
            best_parent=_standing(parent, scores),
            **_gain(gain),
            budget=_budget(summary),
            eta_s=_eta_s(summary),
            last_event_at=trail.last_event_at,
            sparkline=best_so_far(trail.sparkline),
        )
    return lines


def search_scores(
    store: Store, races: Mapping[str, Race], weights: Mapping[str, Mapping[str, float]]
) -> dict[int, Scored]:
    """Return what the contenders of races have on the search items, by id of the candidate; one query."""
    owners = {one.id: key for key, race in races.items() for one in race.contenders}
    sums = store.moments(owners, [Split.SEARCH])
    return {one: scored(by_split[Split.SEARCH], weights[owners[one]]) for one, by_split in sums.items()}


def leader(race: Race, scores: Mapping[int, Scored]) -> Contender | None:
    """Return the winner; before there is one, the merge that is best by the lower end of its interval.

    Candidates with few items can be far up by luck, and their intervals are wide.
    """
    known = [one for one in race.contenders if one.id in scores]
    chosen = next((one for one in known if one.number == race.winner), None)
    if chosen is not None:
        return chosen
    merges = [one for one in known if not one.is_parent]
    return max(merges, key=lambda one: (scores[one.id].low, one.fitness, -one.number), default=None)


def _standing(one: Contender | None, scores: Mapping[int, Scored]) -> StandingScore | None:
    if one is None or one.id not in scores:
        return None
    found = scores[one.id]
    return StandingScore(
        number=one.number,
        label=one.label,
        fitness=one.fitness,
        mean=found.mean,
        low=found.low,
        high=found.high,
        items=found.items,
    )


def _gain(gain: Interval | None) -> dict[str, float | None]:
    known = (None, None, None) if gain is None else (gain.mean, gain.low, gain.high)
    return dict(zip(("difference", "difference_low", "difference_high"), known, strict=True))


def _budget(summary: ExperimentSummary) -> BudgetUse | None:
    use = budget_use(summary.experiment, summary.progress)
    return None if use is None else BudgetUse(unit=use.unit, limit=use.limit, used=use.used)


def _eta_s(summary: ExperimentSummary) -> float | None:
    use = budget_use(summary.experiment, summary.progress)
    if summary.experiment.state is not ExperimentState.RUNNING or use is None or not use.used:
        return None
    return summary.experiment.seconds_spent * max(use.limit - use.used, 0) / use.used
