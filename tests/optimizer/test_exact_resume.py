"""Killed at any write and resumed, a run ends as if nothing had happened: every ask, score and decision is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import DyingStore, FakePool, FakeProblem, Point, StoreDied, drive, record, search_spec, spec_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evomerge.errors import EngineError, StoreError
from experiments.states import CandidateKind, CandidateState, EvaluationState, EventKind, ExperimentState, Split
from experiments.store import Store
from optimizer.jobs import Job, Outcome
from optimizer.search.interface import Prior

RUNS: dict[str, dict[str, Any]] = {
    "merge-cma on blocks": {"algorithm": "merge-cma", "block_size": 8, "options": {"popsize": 4}},
    "merge-cma racing": {"algorithm": "merge-cma", "block_size": 6, "options": {"popsize": 4, "racing": True}},
    "pycma": {"algorithm": "pycma", "options": {"popsize": 4}},
    "trade-offs": {"algorithm": "optuna-nsga2", "objectives": "pareto", "options": {"popsize": 4}},
}
BUDGET = 9


def accident(job: Job, attempt: int) -> Outcome | None:
    """Some points cannot be scored, and some jobs lose their worker the first time."""
    assert isinstance(job.subject, Point)
    is_parent = all(value in (0.0, 1.0) for value in job.subject.values)
    if job.work.split is Split.SEARCH and job.subject.values[0] > 0.6 and not is_parent:
        return Outcome(job, "infeasible", reason="too large")
    if attempt == 1 and job.work.candidate % 7 == 5:
        return Outcome(job, "lost", reason="the worker died")
    return None


def losses(job: Job, attempt: int) -> Outcome | None:
    """Only the losses of :func:`accident`."""
    found = accident(job, attempt)
    return found if found is not None and found.kind == "lost" else None


def problem(name: str, workers: int, order: str = "") -> FakeProblem:
    constraint = {"task": "two", "max_drop": 0.3, "versus": "best_parent"}
    spec = search_spec(budget={"evaluations": BUDGET}, constraints=[constraint], **RUNS[name])
    # With blocks of one infeasible candidate in flight, a resumed driver closes them at once where the first one still
    # waited: the ledger tells the truth in both, but in another order.
    settled = workers == 1 or "block_size" not in RUNS[name]
    return FakeProblem(spec, num_workers=workers, accident=accident if settled else losses, order=order)


@cache
def uninterrupted(folder: Path, name: str, workers: int) -> tuple[list[Any], int]:
    """The whole record, and how many writes it took."""
    with DyingStore.open(f"sqlite:///{folder / f'{name}-{workers}.db'}") as store:
        one = problem(name, workers)
        experiment = store.create_experiment(spec_data(one.search), "/", {}).id
        drive(store, experiment, one)
        return record(store, experiment), store.writes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", RUNS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_run_killed_at_any_writes_ends_as_the_uninterrupted_one(
    name: str, workers: int, folder: Path, data: st.DataObject
) -> None:
    expected, writes = uninterrupted(folder, name, workers)
    kills = data.draw(st.lists(st.tuples(st.integers(1, writes), st.booleans()), min_size=1, max_size=2))
    path = folder / f"{name}-{workers}-killed.db"
    for leftover in folder.glob(f"{path.name}*"):
        leftover.unlink()
    with Store.open(f"sqlite:///{path}") as store:
        experiment = store.create_experiment(spec_data(problem(name, workers).search), "/", {}).id
    for at, after in [*kills, (None, False)]:
        with DyingStore.open(f"sqlite:///{path}") as store:
            store.dies_at, store.after = at, after
            try:
                drive(store, experiment, problem(name, workers))
                break
            except StoreDied:
                continue
    with Store.open(f"sqlite:///{path}") as store:
        assert record(store, experiment) == expected
        done = [one for one in store.evaluations(experiment) if one.state is EvaluationState.DONE]
        assert len({(one.candidate_id, one.split, one.block) for one in done}) == len(done)


def test_a_run_with_restarts_goes_on_where_it_was(tmp_path: Path) -> None:
    """Everybody is equally good, so that nothing climbs."""
    options = {"popsize": 3, "restarts": True}
    spec = search_spec(algorithm="merge-cma", budget={"evaluations": 100}, block_size=8, options=options)

    def started(name: str) -> tuple[DyingStore, str]:
        opened = DyingStore.open(f"sqlite:///{tmp_path / name}.db")
        return opened, opened.create_experiment(spec_data(spec), "/", {}).id

    def restarting() -> FakeProblem:
        return FakeProblem(spec, num_workers=3, score=lambda point, ref: 1.0)

    store, experiment = started("whole")
    with store:
        drive(store, experiment, restarting())
        expected, writes = record(store, experiment), store.writes
        candidates = store.candidates(experiment)
        whole = Counter(one.candidate_id for one in store.evaluations(experiment, split=Split.SEARCH))
    searched = [one for one in candidates if one.kind is CandidateKind.SEARCH]
    # The first run's mean after 40 generations of 3, the second's in the end; of equal ones the first is the result.
    assert [one.number - len(candidates) + len(searched) for one in searched if whole[one.id] == 3] == [
        pytest.approx(120, abs=6), len(searched) - 1
    ]  # fmt: skip
    assert not any(one.kind is CandidateKind.MEAN for one in candidates)
    store, experiment = started("killed")
    with store:
        store.dies_at = int(0.7 * writes)
        with pytest.raises(StoreDied):
            drive(store, experiment, restarting())
        store.dies_at = None
        drive(store, experiment, restarting())
        assert record(store, experiment) == expected


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DyingStore]:
    with DyingStore.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def run(store: Store, one: FakeProblem) -> str:
    experiment = store.create_experiment(spec_data(one.search), "/", {}).id
    drive(store, experiment, one)
    return experiment


def test_blocks_of_one_candidate_run_on_several_workers_and_a_lost_one_costs_one_block(store: DyingStore) -> None:
    one = problem("merge-cma racing", 3)
    experiment = run(store, one)
    lost = [event.payload for event in store.ledger(experiment) if event.kind is EventKind.LOST]
    assert lost
    attempts = {
        (e.candidate_id, e.split, e.block): e.attempt for e in store.evaluations(experiment, split=Split.SEARCH)
    }
    again = {(e["candidate_id"], Split(e["split"]), e["block"]) for e in lost if e["split"] == "search"}
    assert {key for key, attempt in attempts.items() if attempt == 2} == again
    (pool,) = one.pools
    assert (
        max(len(job.positions or ()) for job in pool.jobs if job.work.block >= 0 and job.work.split is Split.SEARCH)
        <= 7
    )


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", RUNS)
def test_no_run_scores_more_items_than_its_budget(store: DyingStore, name: str, workers: int) -> None:
    one = problem(name, workers)
    experiment = run(store, one)
    searched = [e for e in store.evaluations(experiment, split=Split.SEARCH)]
    (pool,) = one.pools
    size = len(one.items[Split.SEARCH])
    asked = sum(len(job.positions) if job.positions else size for job in pool.jobs if job.work.split is Split.SEARCH)
    repeated = sum(e.attempt - 1 for e in searched) * size
    assert 5 * size <= asked <= BUDGET * size + repeated
    assert store.progress(experiment).search_items <= BUDGET * size


def test_a_budget_of_items_is_kept_to_the_item(store: DyingStore) -> None:
    one = FakeProblem(search_spec(budget={"items": 200}, algorithm="merge-cma", block_size=8))
    experiment = run(store, one)
    assert 200 - 2 * 24 - 8 < store.progress(experiment).search_items <= 200


def test_infeasible_candidates_are_not_scored_on_their_other_blocks(store: DyingStore) -> None:
    one = replace(problem("merge-cma racing", 3), accident=accident)
    experiment = run(store, one)
    failed = [c for c in store.candidates(experiment) if c.state is CandidateState.INFEASIBLE]
    assert failed and all(c.fitness is None and c.reason == "too large" for c in failed)
    assert store.get_experiment(experiment).state is ExperimentState.RUNNING  # nobody released it here


def test_a_candidate_that_takes_three_workers_down_is_infeasible(store: DyingStore) -> None:
    def deadly(job: Job, attempt: int) -> Outcome | None:
        return Outcome(job, "lost", reason="the worker died") if job.work.candidate == 6 else None

    one = FakeProblem(search_spec(algorithm="pycma", budget={"evaluations": 9}), num_workers=2, accident=deadly)
    experiment = run(store, one)
    assert store.candidates(experiment)[6].reason == "it took 3 workers down: the worker died"


def test_results_that_came_before_the_workers_failed_are_kept(
    store: DyingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = FakePool.wait

    def fails_behind_a_result(pool: FakePool, timeout_s: float) -> Outcome | None:
        if timeout_s == 0:
            raise EngineError("no worker can be started")
        return wait(pool, timeout_s)

    monkeypatch.setattr(FakePool, "wait", fails_behind_a_result)
    one = problem("pycma", 3)
    experiment = store.create_experiment(spec_data(one.search), "/", {}).id
    with pytest.raises(EngineError):
        drive(store, experiment, one)
    states = Counter(found.state for found in store.evaluations(experiment))
    assert states == {EvaluationState.DONE: 1, EvaluationState.RUNNING: 2}


def test_another_version_of_the_algorithm_is_noticed(store: DyingStore) -> None:
    one = problem("pycma", 1)
    experiment = store.create_experiment(spec_data(one.search), "/", {}).id
    store.dies_at = 40
    with pytest.raises(StoreDied):
        drive(store, experiment, one)
    store.dies_at = None
    changed = replace(one, search=one.search.model_copy(update={"seed": 4}))
    with pytest.raises(StoreError, match="cannot be reproduced"):
        drive(store, experiment, changed)


def test_the_recorded_prior_and_design_are_used_again(store: DyingStore) -> None:
    prior = Prior(np.full(3, 1.0), np.diag([2.0, 1.0, 0.5]), "test")
    one = replace(problem("merge-cma on blocks", 1), start_prior=prior)
    expected = record(store, run(store, one))
    experiment = store.create_experiment(spec_data(one.search), "/", {}).id
    store.writes, store.dies_at = 0, 40
    with pytest.raises(StoreDied):
        drive(store, experiment, one)
    store.dies_at = None
    drive(store, experiment, replace(one, start_prior=None))
    assert record(store, experiment) == expected
    decisions = {e.payload["decision"]: e.payload["data"] for e in store.ledger(experiment) if e.kind == "decision"}
    assert decisions["prior"]["prior"]["mean"] == [1.0, 1.0, 1.0]
    assert decisions["search"]["block_size"] == 8
