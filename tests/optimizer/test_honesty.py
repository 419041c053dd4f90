"""What a finished run says about itself: who won and why, what it loses on fresh items, how used its test items are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import DyingStore, FakeProblem, Point, drive, record, search_spec, spec_data, uniform

from evals.tasks import ItemRef
from experiments.states import CandidateKind, EventKind, Split
from experiments.store import Store
from optimizer.outcome import Summary, summarize


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DyingStore]:
    with DyingStore.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def run(store: Store, problem: FakeProblem, notes: list[str] | None = None) -> Summary:
    experiment = store.create_experiment(spec_data(problem.search), "/", {}).id
    drive(store, experiment, problem, notes)
    return summarize(store, store.get_experiment(experiment))


def decisions(store: Store, summary: Summary) -> dict[str, dict[str, object]]:
    events = [e for e in store.ledger(summary.experiment.id) if e.kind is EventKind.DECISION]
    return {e.payload["decision"]: e.payload["data"] for e in events}


def same_for_all(point: Point, ref: ItemRef) -> float:
    return float(uniform(ref.item) < 0.6)


def searched_is_better(point: Point, ref: ItemRef) -> float:
    plain = len(set(point.values)) == 1 or all(value in (0.0, 1.0) for value in point.values)
    return float(uniform(ref.item) < (0.3 if plain else 0.95))


def test_a_search_that_finds_nothing_says_so_and_names_what_to_use(store: DyingStore) -> None:
    summary = run(store, FakeProblem(search_spec(algorithm="pycma"), score=same_for_all))
    assert summary.report is not None and not summary.report.significant
    assert summary.report.statement.startswith("No significant gain: the merge ties with the best other model, ")
    assert f"Use {summary.report.best_other} instead." in summary.report.statement
    assert (
        "Over the best plain merge, " in summary.report.statement
        or "Over the best parent, " in summary.report.statement
    )


def test_a_real_gain_is_stated_over_parent_and_plain_merge(store: DyingStore) -> None:
    summary = run(store, FakeProblem(search_spec(algorithm="pycma"), score=searched_is_better))
    assert summary.winner is not None and summary.winner.kind is not CandidateKind.BASELINE
    assert summary.report is not None and summary.report.significant
    assert {summary.report.best_parent, summary.report.best_baseline} == {"base", "best scale: scale 0.3"}
    for words in ("The merge beats", "significant. Over the best p"):
        assert words in summary.report.statement


def test_the_plain_merges_that_lose_clearly_leave_the_race_early(store: DyingStore) -> None:
    summary = run(store, FakeProblem(search_spec(algorithm="pycma"), score=searched_is_better))
    decided = decisions(store, summary)
    assert decided["winner"]["dropped"] == [0]
    blocks = [e.block for e in store.evaluations(summary.experiment.id, split=Split.SELECTION) if e.candidate_id == 1]
    assert blocks == [0]  # out after the first look
    assert list(decided["race_0"]["dropped"]) == ["0"]  # type: ignore[call-overload]


def test_the_gap_and_the_use_of_the_test_items_are_told(store: DyingStore) -> None:
    first = run(store, FakeProblem(search_spec(algorithm="pycma")))
    assert first.gap is not None
    assert first.gap.items == {Split.SEARCH: 24, Split.SELECTION: 40, Split.TEST: 30}
    gap = first.gap.scores[Split.SEARCH].mean - first.gap.scores[Split.TEST].mean
    assert f"search minus test is {gap:+.3f}" in first.gap.sentence()
    assert first.test_uses == 1
    assert "No other experiment of this store was tested on these test items." in first.notes

    again = run(store, FakeProblem(search_spec(algorithm="pycma", seed=9)))
    assert again.test_uses == 2
    assert any(note.startswith("Warning: 2 experiments of this store were tested on these") for note in again.notes)
    fresh = {Split.SEARCH: 24, Split.SELECTION: 40, Split.TEST: 29}
    assert run(store, FakeProblem(search_spec(algorithm="pycma"), sizes=fresh)).test_uses == 1


def test_without_selection_and_test_items_the_search_items_decide(store: DyingStore) -> None:
    sizes = {Split.SEARCH: 24, Split.SELECTION: 0, Split.TEST: 0}
    summary = run(store, FakeProblem(search_spec(algorithm="merge-cma", block_size=8), sizes=sizes))
    assert summary.winner is not None and summary.report is None and summary.test_uses == 0
    assert decisions(store, summary)["winner"]["split"] == "search"
    assert summary.gap is not None and set(summary.gap.scores) == {Split.SEARCH}


def test_standings_on_blocks_are_ordered_by_what_is_estimated_on_all_items(store: DyingStore) -> None:
    summary = run(store, FakeProblem(search_spec(algorithm="merge-cma", block_size=6), num_workers=2))
    fitness = [one.candidate.fitness for one in summary.leaders]
    assert fitness == sorted(fitness, reverse=True)  # type: ignore[type-var]
    assert summary.tradeoffs is not None
    found = {one.number: one for one in summary.tradeoffs.members}
    assert tuple(found) == summary.front
    uncertain = {number for number, one in found.items() if max(e.deviation for e in one.search.values()) > 0}
    items = {one.candidate.number: one.splits[Split.SEARCH].items for one in summary.leaders}
    assert {number for number in found if items.get(number, 0) == 24}.isdisjoint(uncertain)


def costly(point: Point, ref: ItemRef) -> float:
    """Task one is solved by whoever gives up task two."""
    parent = all(value in (0.0, 1.0) for value in point.values)
    chance = (0.5 if parent else 0.95) if ref.task == "one" else (0.9 if parent else 0.4)
    return float(uniform(ref.item) < chance)


@pytest.mark.parametrize("versus", ["base", "best_parent"])
def test_who_breaks_a_constraint_cannot_win(store: DyingStore, versus: str) -> None:
    free = run(store, FakeProblem(search_spec(algorithm="pycma"), score=costly))
    assert free.winner is not None and free.winner.kind is not CandidateKind.BASELINE
    constraints = [{"task": "two", "max_drop": 0.02, "versus": versus}]
    bound = run(store, FakeProblem(search_spec(algorithm="pycma", constraints=constraints), score=costly))
    assert bound.winner is not None and bound.winner.kind is CandidateKind.BASELINE
    assert decisions(store, bound)["winner"]["constraints_met"] is True


def two_faced(point: Point, ref: ItemRef) -> float:
    """Keeps task two on the search items alone."""
    return 1.0 if ref.item.startswith("search") and ref.task == "two" else costly(point, ref)


def test_constraints_are_checked_again_on_the_selection_items_with_the_reason(store: DyingStore) -> None:
    constraints = [{"task": "two", "max_drop": 0.02, "versus": "base"}]
    summary = run(store, FakeProblem(search_spec(algorithm="pycma", constraints=constraints), score=two_faced))
    assert summary.winner is not None and summary.winner.kind is CandidateKind.BASELINE
    reasons = [note for note in summary.notes if "breaks a constraint" in note]
    assert reasons and "two: 0." in reasons[0] and "below base's" in reasons[0] and "0.02 is allowed" in reasons[0]


def test_algorithm_reason_and_prior_are_said_while_running_and_afterwards(store: DyingStore) -> None:
    notes: list[str] = []
    summary = run(store, FakeProblem(search_spec(algorithm="auto")), notes)
    (said,) = [note for note in notes if note.startswith("search: ")]
    chosen = decisions(store, summary)["search"]
    assert str(chosen["algorithm"]) in said and str(chosen["reason"]) in said
    assert any(str(chosen["reason"]) in note for note in summary.notes)
    assert "prior: the test says so" in notes


def test_the_same_run_twice_is_the_same_record(store: DyingStore) -> None:
    runs = [run(store, FakeProblem(search_spec(algorithm="merge-cma", block_size=8), num_workers=3)) for _ in range(2)]
    first, second = (record(store, one.experiment.id) for one in runs)
    assert first == second
