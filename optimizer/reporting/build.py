"""Putting a report together from the store: no model, no task and no engine is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evals.contamination import ItemWords, overlaps
from evals.provenance import Provenance, check_comparable
from evals.report import Report, build_report
from evals.tasks import ItemScore
from experiments.entities import Candidate, Evaluation, Experiment, StoredItem
from experiments.quantities import task_weights
from experiments.states import Split
from experiments.store import Store
from experiments.texts import text_sources
from optimizer.honesty import chosen_items, measure_gap, notes
from optimizer.mixed import mixed_within
from optimizer.reporting import outputs, scores
from optimizer.reporting.costs import cost
from optimizer.reporting.document import (
    Contamination,
    Document,
    ProvenanceUse,
    Score,
    SplitOverlap,
    Subject,
    Twin,
)
from optimizer.reporting.domains import best_experts, domain_rows, domains_of, interactions, normalized_domains

# Texts are asked for by key, so many in a query.
_KEYS = 500
_SHOWN_CHARACTERS = 200


def build_document(store: Store, experiment: Experiment) -> Document:
    """Return the full report of an experiment in whatever state it is."""
    decisions, evaluations = store.decisions(experiment.id), store.evaluations(experiment.id)
    weights = task_weights(experiment)
    tested = _tested(store, experiment, decisions)
    items = {row["title"]: _scored(found) for row, found in tested}
    report = None
    if len(items) > 1 and any(row["role"] == "merge" for row, _ in tested):
        report = build_report(items, {row["title"]: row["role"] for row, _ in tested}, weights)
    winner = _winner(store, experiment, decisions)
    gap = _gap(store, experiment, winner, weights)
    uses = _test_uses(store, evaluations)
    compared = () if report is None else scores.versus(report, items, weights)
    best = () if report is None else scores.denominators(report)
    lost = () if report is None else scores.forgetting(report, items, compared)
    numbers = {row["title"]: row["number"] for row, _ in tested}
    known = store.provenances(experiment.id)
    shown = () if report is None else scores.rows(report, items, numbers, weights)
    domains = domains_of(experiment.spec)
    by_domain = domain_rows(shown, domains)
    best_by_domain = best_experts(by_domain)
    return Document(
        subject=_subject(experiment, decisions),
        verdict=None if report is None else report.statement,
        reason=_reason(experiment, report),
        warnings=(
            *_mixed_rows(evaluations, known, {row["title"]: found[0].candidate_id for row, found in tested}),
            *mixed_within(store, experiment.id, (Split.SEARCH, Split.SELECTION)),
            *chosen_items(experiment.resolved),
        ),
        notes=_notes(store, experiment, decisions, winner, uses),
        winner=None if winner is None else winner.label,
        rows=shown,
        versus=compared,
        denominators=best,
        normalized=() if report is None else scores.normalized_rows(report, best),
        domains=by_domain,
        domain_denominators=best_by_domain,
        domain_normalized=normalized_domains(by_domain, best_by_domain),
        interactions=() if report is None else interactions(report, items, domains),
        forgetting=lost,
        mean_forgetting=scores.mean_forgetting(lost),
        gap=gap,
        generalisation_gap=_difference(gap),
        cost=cost(store, experiment, store.progress(experiment.id), evaluations),
        outputs=outputs.describe(items),
        contamination=_contamination(store, experiment),
        test_uses=uses,
        provenance=_uses(store, experiment, known),
    )


def _tested(
    store: Store, experiment: Experiment, decisions: Mapping[str, Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], list[StoredItem]]]:
    """Return the rows of the final table with the test items of each; empty before it is decided."""
    by_number: dict[int, list[StoredItem]] = {}
    for one in store.items(experiment.id, Split.TEST, outputs=True):
        by_number.setdefault(one.number, []).append(one)
    rows = decisions.get("report_rows", {}).get("rows", ())
    return [(row, by_number[row["number"]]) for row in rows if row["number"] in by_number]


def _scored(items: Sequence[StoredItem]) -> list[ItemScore]:
    return [ItemScore(one.task, one.item, one.score, one.reference_logprob, one.output) for one in items]


def _subject(experiment: Experiment, decisions: Mapping[str, Mapping[str, Any]]) -> Subject:
    spec, resolved = experiment.spec, experiment.resolved
    merge = spec.get("merge", {})
    base = spec.get("base_model")
    return Subject(
        id=experiment.id,
        name=experiment.name,
        state=experiment.state.value,
        created_at=experiment.created_at,
        base_model=None if base is None else base["model"],
        models={name: model["model"] for name, model in spec.get("models", {}).items()},
        method=merge.get("method"),
        granularity=merge.get("granularity"),
        algorithm=decisions.get("search", {}).get("algorithm"),
        genes=len(resolved.get("genes", ())),
        versions=dict(resolved.get("versions", {})),
    )


def _reason(experiment: Experiment, report: Report | None) -> str | None:
    if report is not None:
        return None
    return f"The experiment is {experiment.state.value} and has no test scores of a merge and another model."


def _winner(store: Store, experiment: Experiment, decisions: Mapping[str, Mapping[str, Any]]) -> Candidate | None:
    return store.candidate(experiment.id, decisions["winner"]["number"]) if "winner" in decisions else None


def _notes(
    store: Store,
    experiment: Experiment,
    decisions: Mapping[str, Mapping[str, Any]],
    winner: Candidate | None,
    uses: int,
) -> tuple[str, ...]:
    if "outcome" in decisions:
        return tuple(decisions["outcome"]["notes"])
    gap = None if winner is None else measure_gap(store, experiment, winner)
    return tuple(notes(decisions, winner, gap, uses))


def _gap(
    store: Store, experiment: Experiment, winner: Candidate | None, weights: Mapping[str, float]
) -> dict[str, Score]:
    if winner is None:
        return {}
    found = measure_gap(store, experiment, winner)
    shown = {}
    for split, whole in found.scores.items():
        by_task: dict[str, list[float]] = {}
        for one in store.items(experiment.id, split, candidate_id=winner.id):
            by_task.setdefault(one.task, []).append(one.score)
        error = scores.weighted_stderr({task: scores.stderr(values) for task, values in by_task.items()}, weights)
        shown[split.value] = Score(whole.mean, error, whole.low, whole.high, found.items[split])
    return shown


def _difference(gap: Mapping[str, Score]) -> float | None:
    last = gap.get(Split.TEST.value) or gap.get(Split.SELECTION.value)
    first = gap.get(Split.SEARCH.value)
    return None if last is None or first is None else first.mean - last.mean


def _test_uses(store: Store, evaluations: Sequence[Evaluation]) -> int:
    digests = {one.items_digest for one in evaluations} - {None}
    return max((store.tests_on(str(digest)) for digest in digests), default=0)


def _uses(store: Store, experiment: Experiment, known: Mapping[str, Mapping[str, Any]]) -> tuple[ProvenanceUse, ...]:
    counts: dict[str, dict[str, int]] = {digest: {} for digest in known}
    for split, used in store.provenance_uses(experiment.id).items():
        for digest, number in used.items():
            counts[digest][split.value] = number
    return tuple(ProvenanceUse(digest, counts[digest], data) for digest, data in known.items())


def _mixed_rows(
    evaluations: Sequence[Evaluation], known: Mapping[str, Mapping[str, Any]], tested: Mapping[str, int]
) -> tuple[str, ...]:
    """Say which models of the final table were scored in another way than its first one."""
    of_tests = {
        one.candidate_id: Provenance.from_dict(known[one.provenance])
        for one in evaluations
        if one.split is Split.TEST and one.provenance is not None
    }
    rows = {label: of_tests[owner] for label, owner in tested.items() if owner in of_tests}
    return tuple(f"Mixed provenance: {one}." for one in check_comparable(rows, Split.TEST.value, mixed=True))


def _contamination(store: Store, experiment: Experiment) -> Contamination:
    sources = text_sources(experiment)
    if not sources:
        return Contamination((), "The items have no texts: a black box knows them by name only.")
    refs = {split: store.item_refs(experiment.id, split) for split in Split}
    wanted = {(sources[task], item) for found in refs.values() for task, item in found if task in sources}
    keys = sorted(wanted)
    texts = {
        key: text
        for start in range(0, len(keys), _KEYS)
        for key, text in store.texts(keys[start : start + _KEYS]).items()
        if text.prompt is not None
    }
    if not texts:
        return Contamination((), "No item has a recorded text: an older version ran the experiment.")
    splits = {
        split.value: [
            ItemWords(task, item, str(texts[sources[task], item].prompt))
            for task, item in found
            if task in sources and (sources[task], item) in texts
        ]
        for split, found in refs.items()
        if found
    }
    if len(splits) < 2:
        return Contamination((), f"Only {' and '.join(splits)} items have been scored.")
    missing = len(keys) - len(texts)
    cut = sum(text.truncated for text in texts.values())
    parts = [f"{missing} items have no text"] * bool(missing) + [f"{cut} texts are compared up to a limit"] * bool(cut)
    shown = tuple(
        SplitOverlap(
            one.earlier, one.later, one.items, one.exact, one.near, tuple(_twin(pair) for pair in one.examples)
        )
        for one in overlaps(splits)
    )
    return Contamination(shown, "; ".join(parts) or None)


def _twin(pair: Any) -> Twin:
    later, earlier = pair.later, pair.earlier
    return Twin(
        later.task,
        later.item,
        later.text[:_SHOWN_CHARACTERS],
        earlier.task,
        earlier.item,
        earlier.text[:_SHOWN_CHARACTERS],
        pair.similarity,
    )
