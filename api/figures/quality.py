"""How good candidates are, and what is left of it on fresh items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.figures.headlines import leader, search_scores
from api.figures.intervals import scored
from api.schemas.quality import Baselines, BestSoFar, Generalisation, GeneralisationView, Role, RoleView, Scored
from experiments.entities import Experiment
from experiments.headlines import is_parent
from experiments.moments import Named
from experiments.quantities import task_weights
from experiments.states import CandidateKind, Split
from experiments.store import Store

_ROLES: Mapping[CandidateKind, Role] = {
    CandidateKind.BASELINE: "baseline",
    CandidateKind.MEAN: "mean",
    CandidateKind.INJECTED: "injected",
    CandidateKind.SEARCH: "merge",
}


def baselines(store: Store, experiment: Experiment) -> Baselines:
    """Return everybody that the search did not draw, and the winner, or who leads."""
    weights, races = task_weights(experiment), store.races([experiment.id])
    best = leader(races[experiment.id], search_scores(store, races, {experiment.id: weights}))
    best_number = None if best is None else best.number
    kinds = [one for one in CandidateKind if one is not CandidateKind.SEARCH]
    found = store.named(experiment.id, kinds=kinds, numbers=[] if best_number is None else [best_number])
    sums = store.moments([one.id for one in found])
    models = [
        RoleView(
            number=one.number,
            label=one.label,
            role=_role(one, best_number),
            fitness=one.fitness,
            splits={split: scored(by_task, weights) for split, by_task in sums[one.id].items()},
        )
        for one in found
        if one.id in sums
    ]
    return Baselines(reason=None if models else "No parent or plain merge is scored yet.", models=models)


def _role(one: Named, best: int | None) -> Role:
    if one.kind is CandidateKind.BASELINE and is_parent(one.label):
        return "base" if one.label == "base" else "expert"
    return "merge" if one.number == best and one.kind is not CandidateKind.BASELINE else _ROLES[one.kind]


def generalisation(store: Store, experiment: Experiment, outcome: Mapping[str, Any] | None) -> Generalisation:
    """Return everybody with a score on selection or test items, and the way of the search's best."""
    weights = task_weights(experiment)
    numbers = store.measured(experiment.id)
    found = store.named(experiment.id, numbers=numbers)
    sums = store.moments([one.id for one in found])
    candidates = []
    for one in found:
        means: dict[str, Scored] = {
            split.value: scored(by_task, weights) for split, by_task in sums.get(one.id, {}).items()
        }
        known = {split.value: _plain(means.get(split.value)) for split in Split}
        candidates.append(GeneralisationView(number=one.number, label=one.label, kind=one.kind, **known))
    path = store.incumbents(experiment.id)
    return Generalisation(
        reason=None if candidates else "No candidate is scored on selection or test items yet.",
        candidates=candidates,
        test_uses=None if outcome is None else outcome["test_uses"],
        gap=None if outcome is None else outcome["gap"],
        incumbents=BestSoFar(number=[number for number, _ in path], search=[fitness for _, fitness in path]),
    )


def _plain(found: Scored | None) -> Scored | None:
    return None if found is None else Scored(mean=found.mean, low=found.low, high=found.high, items=found.items)
