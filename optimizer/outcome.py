"""What came out of an experiment, read from the record: standings, Pareto front, report, winner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.report import Report, build_report, non_dominated
from evals.tasks import ItemScore
from evomerge.errors import NotFound, StateConflict
from experiments.entities import Candidate, Experiment, Standing
from experiments.spec import parse_spec
from experiments.states import EventKind, Split
from experiments.store import Store
from merging.deep_models import as_deep_as
from merging.export import ExportResult, export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from merging.vocabulary.policy import VocabularyPolicy
from optimizer.card import model_card


@dataclass(frozen=True)
class Summary:
    """One experiment at a glance. ``winner``, ``report`` are None until they are decided.

    ``front`` holds the candidates that no other one beats on every task of the search split.
    """

    experiment: Experiment
    counts: Mapping[str, Any]
    leaders: tuple[Standing, ...]
    front: tuple[Standing, ...]
    winner: Candidate | None
    report: Report | None


def summarize(store: Store, experiment: Experiment, *, leaders: int = 10) -> Summary:
    """Read an experiment's outcome from the store, whatever state it is in."""
    progress = store.progress(experiment.id)
    standings = store.leaderboard(experiment.id, limit=max(progress.candidates, 1))
    decisions = _decisions(store, experiment)
    winner = None
    if "winner" in decisions:
        number = decisions["winner"]["number"]
        winner = next(one.candidate for one in standings if one.candidate.number == number)
    return Summary(
        experiment=experiment,
        counts=vars(progress),
        leaders=tuple(standings[:leaders]),
        front=_front(standings),
        winner=winner,
        report=_report(store, experiment, decisions),
    )


def export(
    store: Store, experiment: Experiment, out: Path, *, number: int | None = None
) -> tuple[ExportResult, Candidate]:
    """Write a candidate (default: the winner) as a Hugging Face directory with recipe and model card.

    Raises:
        NotFound: there is no such candidate.
        StateConflict: no winner has been chosen yet and no candidate was named.
        ModelError: a model has changed or is gone; ``out`` holds something already.
    """
    summary = summarize(store, experiment)
    candidate = summary.winner if number is None else _candidate(store, experiment, number)
    if candidate is None:
        raise StateConflict(
            f"experiment {experiment.id}",
            f"it is {experiment.state} and has no winner yet",
            f"finish it with 'evomerge resume {experiment.id}', or name a candidate with --candidate",
        )
    recipe = Recipe.from_dict(candidate.recipe)
    models = as_deep_as(ModelSet.open(*_model_refs(experiment), vocabulary=_vocabulary(experiment)), recipe)
    card = model_card(summary, candidate)
    return export_checkpoint(Materializer(models), recipe, out, card=card), candidate


def _model_refs(experiment: Experiment) -> tuple[ModelRef, list[ModelRef]]:
    refs = [ModelRef(name, model["path"], model["revision"]) for name, model in experiment.resolved["models"].items()]
    return refs[0], refs[1:]


def _vocabulary(experiment: Experiment) -> VocabularyPolicy | None:
    policy = experiment.resolved.get("vocabulary")
    return None if policy is None else VocabularyPolicy.from_dict(policy)


def _candidate(store: Store, experiment: Experiment, number: int) -> Candidate:
    candidates = store.candidates(experiment.id)
    if not 0 <= number < len(candidates):
        raise NotFound(
            f"candidate {number}",
            f"experiment {experiment.id} has candidates 0 to {len(candidates) - 1}",
            f"choose one from 'evomerge show {experiment.id}'",
        )
    return candidates[number]


def _decisions(store: Store, experiment: Experiment) -> dict[str, Mapping[str, Any]]:
    events = [event for event in store.ledger(experiment.id) if event.kind is EventKind.DECISION]
    return {event.payload["decision"]: event.payload["data"] for event in events}


def _front(standings: list[Standing]) -> tuple[Standing, ...]:
    scored = [one for one in standings if Split.SEARCH in one.evaluations]
    points = [
        {task: float(found["score"]) for task, found in one.evaluations[Split.SEARCH].summary.items()} for one in scored
    ]
    return tuple(scored[index] for index in non_dominated(points))


def _report(store: Store, experiment: Experiment, decisions: Mapping[str, Mapping[str, Any]]) -> Report | None:
    if "report_rows" not in decisions:
        return None
    rows = decisions["report_rows"]["rows"]
    items: dict[int, list[ItemScore]] = {}
    for one in store.items(experiment.id, Split.TEST):
        items.setdefault(one.number, []).append(
            ItemScore(one.task, one.item, one.score, one.reference_logprob, one.output)
        )
    rows = [row for row in rows if row["number"] in items]
    if len(rows) < 2 or not any(row["role"] == "merge" for row in rows):
        return None
    spec = parse_spec(experiment.spec)
    return build_report(
        {row["title"]: items[row["number"]] for row in rows},
        {row["title"]: row["role"] for row in rows},
        {task.name: task.weight for task in spec.tasks},
    )
