"""Base and experts that the store has scores of are not scored again, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import DyingStore, FakeProblem, StoreDied, drive, record, search_spec, spec_data

from evals.provenance import Provenance, TaskProvenance
from evals.tasks import ItemScore
from experiments.states import EvaluationState, Split
from experiments.store import Store
from optimizer.jobs import Choice
from optimizer.outcome import summarize
from optimizer.reporting.build import build_document

TASK = TaskProvenance("1f", "acc,none", 0, None, None, False, 0, {"test": 15}, {"test": "ab"})
KNOWN = Provenance(
    "0", "lm-eval 0", "fake 0", {}, "cpu", "bfloat16", 0, {}, "in place", "t", {"one": TASK, "two": TASK}
)
PARENTS = (0, 1, 2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DyingStore]:
    with DyingStore.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def run(store: Store, **changes: Any) -> tuple[str, FakeProblem]:
    problem = FakeProblem(search_spec(algorithm="pycma"), **{"provenance": KNOWN, **changes})
    experiment = store.create_experiment(spec_data(problem.search), "/", {}).id
    drive(store, experiment, problem)
    return experiment, problem


def scored(problem: FakeProblem) -> set[tuple[int, Split]]:
    return {(job.work.candidate, job.work.split) for job in problem.pools[0].jobs if job.work.candidate in PARENTS}


def test_the_second_experiment_takes_the_scores_of_the_first_and_comes_out_the_same(store: Store) -> None:
    first, problem = run(store)
    assert {(number, Split.SEARCH) for number in PARENTS} <= scored(problem)
    second, again = run(store)
    assert scored(again) == set()
    told = {one.provenance for one in store.evaluations(second)}
    assert told == {KNOWN.digest} and store.provenances(second) == {KNOWN.digest: KNOWN.to_dict()}
    copied = [one for one in store.evaluations(second) if one.copied_from is not None]
    sources = {one.id: one for one in store.evaluations(first)}
    for one in copied:
        assert one.state is EvaluationState.DONE and (one.prompt_tokens, one.generated_tokens, one.timings_s) == (
            0,
            0,
            {},
        )
        assert one.summary == sources[int(one.copied_from or 0)].summary
    assert {one.split for one in copied} == {Split.SEARCH, Split.TEST}

    outcomes = [summarize(store, store.get_experiment(each)) for each in (first, second)]
    assert outcomes[0].report == outcomes[1].report and outcomes[0].gap == outcomes[1].gap
    items = [[replace(one, candidate_id=0) for one in store.items(each, Split.SEARCH)] for each in (first, second)]
    assert items[0] == items[1]
    # What was copied itself is no source: the third takes from the first.
    third, _ = run(store)
    assert {one.copied_from for one in store.evaluations(third)} - {None} <= set(sources)
    assert store.audit() == []


def test_a_checkpoint_that_was_evaluated_by_itself_is_not_scored_again(store: Store) -> None:
    problem = FakeProblem(search_spec(algorithm="pycma"), provenance=KNOWN)
    base = problem.baselines[0].recipe
    items = [ItemScore(ref.task, ref.item, float(n % 2), None, None) for n, ref in enumerate(problem.items[Split.TEST])]
    number = store.record_checkpoint(
        label="base", model="models/base", weights=base.digest()[:16], split=Split.TEST, task_weights={"one": 1.0},
        provenance=(KNOWN.digest, KNOWN.to_dict()), items=items, timings_s={"score": 8.0}, prompt_tokens=1,
        generated_tokens=0,
    )  # fmt: skip
    experiment, problem = run(store)
    assert (0, Split.TEST) not in scored(problem) and (0, Split.SEARCH) in scored(problem)
    (copied,) = [one for one in store.evaluations(experiment) if one.copied_from is not None]
    assert (copied.copied_from, copied.split, copied.num_items) == (-number, Split.TEST, len(items))
    spending = build_document(store, store.get_experiment(experiment)).cost
    assert (spending.copied_evaluations, spending.saved_s) == (1, 8.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"provenance": replace(KNOWN, dtype="float32")},
        {"provenance": None},
        {"sizes": {Split.SEARCH: 22, Split.SELECTION: 38, Split.TEST: 28}},
        {"dimension": 4},
    ],
    ids=["provenance", "unknown provenance", "items", "weights"],
)
def test_whatever_differs_is_scored(store: Store, changes: dict[str, Any]) -> None:
    run(store)
    _, problem = run(store, **changes)
    assert {(number, Split.SEARCH) for number in PARENTS} <= scored(problem)


def test_a_split_is_found_where_only_others_differ(store: Store) -> None:
    run(store)
    _, problem = run(store, sizes={Split.SEARCH: 22, Split.SELECTION: 40, Split.TEST: 30})
    found = scored(problem)
    assert {(number, Split.SEARCH) for number in PARENTS} <= found
    assert not any(split is Split.TEST for _, split in found)


def test_scores_of_adapters_in_one_batch_are_no_precedent(store: Store) -> None:
    run(store)
    _, problem = run(store, choice=Choice(3, "the test says so"))
    assert {(number, Split.SEARCH) for number in PARENTS} <= scored(problem)


def test_a_driver_that_dies_on_the_way_leaves_the_same_record(store: DyingStore) -> None:
    run(store)
    whole, _ = run(store)
    for at in range(1, 12, 2):
        problem = FakeProblem(search_spec(algorithm="pycma"), provenance=KNOWN)
        experiment = store.create_experiment(spec_data(problem.search), "/", {}).id
        store.writes, store.dies_at = 0, at
        with pytest.raises(StoreDied):
            drive(store, experiment, problem)
        store.dies_at = None
        drive(store, experiment, FakeProblem(search_spec(algorithm="pycma"), provenance=KNOWN))
        assert record(store, experiment) == record(store, whole)
