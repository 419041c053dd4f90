"""What came out of an experiment, read from the record: standings, Pareto front, report, winner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evals.report import Report, build_report
from evals.tasks import ItemRef, ItemScore
from evomerge.errors import NotFound, StateConflict
from experiments.entities import Candidate, Experiment, Standing
from experiments.quantities import task_weights
from experiments.states import Split
from experiments.store import Store
from merging.deep_models import as_deep_as
from merging.export import ExportResult, export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from merging.vocabulary.policy import VocabularyPolicy
from optimizer.card import model_card
from optimizer.design import estimate
from optimizer.front import Front, Tradeoffs, draw_front, report_front
from optimizer.honesty import Gap, measure_gap, notes
from optimizer.mixed import mixed_within
from optimizer.tables import SplitTable


@dataclass(frozen=True)
class Summary:
    """One experiment at a glance. ``winner``, ``report`` and ``gap`` are None until they are decided.

    ``leaders`` are ordered by what they are estimated to have on all search items. ``front`` has the numbers of those
    that no other one beats on every task, by the same estimates; ``tradeoffs`` says what they reach, where there are
    several tasks. ``test_uses`` counts the experiments of the store that
    were tested on these test items, this one included. ``notes`` say in sentences what was decided and what limits the
    result.
    """

    experiment: Experiment
    counts: Mapping[str, Any]
    leaders: tuple[Standing, ...]
    front: tuple[int, ...]
    tradeoffs: Tradeoffs | None
    winner: Candidate | None
    report: Report | None
    gap: Gap | None
    test_uses: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what was decided as JSON data, without what the record says in other places."""
        return {
            "winner": None if self.winner is None else {"number": self.winner.number, "label": self.winner.label},
            "report": None if self.report is None else self.report.to_dict(),
            "gap": None if self.gap is None else self.gap.to_dict(),
            "front": list(self.front),
            "tradeoffs": None if self.tradeoffs is None else self.tradeoffs.to_dict(),
            "test_uses": self.test_uses,
            "notes": list(self.notes),
        }


def summarize(store: Store, experiment: Experiment, *, leaders: int = 10) -> Summary:
    """Read an experiment's outcome from the store, whatever state it is in."""
    progress = store.progress(experiment.id)
    standings = store.leaderboard(experiment.id, limit=max(progress.candidates, 1))
    decisions = store.decisions(experiment.id)
    winner = None
    if "winner" in decisions:
        number = decisions["winner"]["number"]
        winner = next(one.candidate for one in standings if one.candidate.number == number)
    uses = _test_uses(store, experiment)
    gap = None if winner is None else measure_gap(store, experiment, winner)
    table = _table(store, experiment, Split.SEARCH)
    front = _front(experiment, table, standings)
    return Summary(
        experiment=experiment,
        counts=vars(progress),
        leaders=tuple(_ordered(experiment, table, standings)[:leaders]),
        front=front.numbers,
        tradeoffs=_tradeoffs(store, experiment, table, front, standings, decisions),
        winner=winner,
        report=_report(store, experiment, decisions),
        gap=gap,
        test_uses=uses,
        notes=(
            *notes(decisions, winner, gap, uses),
            *(f"Warning: {one}" for one in mixed_within(store, experiment.id)),
        ),
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
    if "blackbox" in candidate.recipe:
        raise StateConflict(
            f"experiment {experiment.id}",
            "a black box has no weights to export",
            "read its coefficients with 'evomerge show ID --candidate N'",
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


def _ordered(experiment: Experiment, table: SplitTable, standings: list[Standing]) -> list[Standing]:
    """Order candidates that were scored on different items by what they are estimated to have on all of them."""
    if len({one.splits[Split.SEARCH].items for one in standings if Split.SEARCH in one.splits}) < 2:
        return standings
    numbers = [one.candidate.number for one in standings]
    found = estimate(_estimator(experiment), table, numbers)
    means = {number: mean for number, (mean, _) in found.items()}
    order = sorted(standings, key=lambda one: (-means[one.candidate.number], one.candidate.number))
    return [replace(one, candidate=replace(one.candidate, fitness=means[one.candidate.number])) for one in order]


def _front(experiment: Experiment, table: SplitTable, standings: list[Standing]) -> Front:
    numbers = sorted(one.candidate.number for one in standings if Split.SEARCH in one.splits)
    return draw_front(_estimator(experiment), table, numbers)


def _tradeoffs(
    store: Store,
    experiment: Experiment,
    table: SplitTable,
    front: Front,
    standings: list[Standing],
    decisions: Mapping[str, Mapping[str, Any]],
) -> Tradeoffs | None:
    if len(front.tasks) < 2 or not front.numbers:
        return None
    rows = decisions.get("report_rows", {}).get("rows", ())
    base = next((row["number"] for row in rows if row["role"] == "base"), None)
    labels = {one.candidate.number: one.candidate.label for one in standings}
    return report_front(front, table, _table(store, experiment, Split.SELECTION), labels, base)


def _estimator(experiment: Experiment) -> str:
    return str(experiment.spec["search"].get("estimator", "effects"))


def _table(store: Store, experiment: Experiment, split: Split) -> SplitTable:
    """Read every score on a split; the items are those that anybody was scored on."""
    items = _items(store, experiment, split)
    refs = {ItemRef(one.task, one.item) for scored in items.values() for one in scored}
    order = sorted(refs, key=lambda ref: (ref.task, ref.item))
    table = SplitTable(order, task_weights(experiment), experiment.spec["search"]["reference_weight"])
    for number, scored in items.items():
        table.add(number, scored)
    return table


def _items(store: Store, experiment: Experiment, split: Split) -> dict[int, list[ItemScore]]:
    items: dict[int, list[ItemScore]] = {}
    for one in store.items(experiment.id, split):
        items.setdefault(one.number, []).append(
            ItemScore(one.task, one.item, one.score, one.reference_logprob, one.output)
        )
    return items


def _test_uses(store: Store, experiment: Experiment) -> int:
    digests = {one.items_digest for one in store.evaluations(experiment.id, split=Split.TEST)} - {None}
    return max((store.tests_on(str(digest)) for digest in digests), default=0)


def _report(store: Store, experiment: Experiment, decisions: Mapping[str, Mapping[str, Any]]) -> Report | None:
    if "report_rows" not in decisions:
        return None
    rows = decisions["report_rows"]["rows"]
    items = _items(store, experiment, Split.TEST)
    rows = [row for row in rows if row["number"] in items]
    if len(rows) < 2 or not any(row["role"] == "merge" for row in rows):
        return None
    return build_report(
        {row["title"]: items[row["number"]] for row in rows},
        {row["title"]: row["role"] for row in rows},
        task_weights(experiment),
    )
