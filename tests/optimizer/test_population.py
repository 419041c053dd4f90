"""Candidates scored several at once: what is batched, what never is, who is blamed for a lost batch, and the record."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import fakes
import pytest
import ray
from fakes import DyingStore, FakeProblem, Point, StoreDied, drive, record, search_spec, spec_data
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import optimizer.pool
from evals.tasks import ItemScore
from evomerge.errors import EngineError, Infeasible, InvalidInput
from experiments.spec import load_spec
from experiments.states import CandidateState, Split
from experiments.store import Store
from merging.models import ModelRef
from optimizer.jobs import IN_PLACE, Choice, Job, Outcome, Work
from optimizer.pool import WorkerPool
from optimizer.population import choose
from optimizer.preflight import make_plan
from runs import TinyExperiment
from workers.config import ScoreResult, WorkerConfig
from workers.population import Population, Trial

# The pool asks the head of the cluster whether it is there, by the address that Ray gives this machine.
pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost", ray.util.get_node_ip_address()])

WIDTH = 4
SPEC = {"algorithm": "pycma", "budget": {"evaluations": 26}, "options": {"popsize": 8}}


def problem(**changes: Any) -> FakeProblem:
    return replace(FakeProblem(search_spec(**SPEC), choice=Choice(WIDTH, "the test says so")), **changes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DyingStore]:
    with DyingStore.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def run(store: Store, one: FakeProblem) -> str:
    experiment = store.create_experiment(spec_data(one.search), "/", {}).id
    drive(store, experiment, one)
    return experiment


def decision(store: Store, experiment: str) -> Any:
    found = [event.payload for event in store.ledger(experiment) if event.kind == "decision"]
    return next((one["data"] for one in found if one["decision"] == "population"), None)


@pytest.mark.parametrize("workers", [1, 3])
def test_search_items_are_scored_together_and_whatever_decides_is_scored_alone(store: DyingStore, workers: int) -> None:
    one = problem(num_workers=workers)
    experiment = run(store, one)
    (pool,) = one.pools
    together = {split: {size for each, size in pool.sizes if each is split} for split in Split}
    assert max(together[Split.SEARCH]) == WIDTH
    assert together[Split.SELECTION] == together[Split.TEST] == {1}
    assert decision(store, experiment) == {"width": WIDTH, "reason": "the test says so"}


def test_one_at_a_time_leaves_no_decision(store: DyingStore) -> None:
    assert decision(store, run(store, problem(choice=IN_PLACE))) is None


def test_who_takes_a_batch_down_is_found_and_the_others_keep_their_scores(store: DyingStore) -> None:
    def deadly(job: Job, attempt: int) -> Outcome | None:
        return Outcome(job, "lost", reason="the worker died") if job.work.candidate == 7 else None

    one = problem(accident=deadly)
    experiment = run(store, one)
    states = {each.number: each for each in store.candidates(experiment)}
    assert states[7].state is CandidateState.INFEASIBLE
    assert states[7].reason == "it took 3 workers down: the worker died"
    assert all(each.state is CandidateState.SCORED for number, each in states.items() if number != 7)
    (pool,) = one.pools
    tries = {number: [job for job in pool.jobs if job.work == Work(number, Split.SEARCH, 0)] for number in states}
    # The first time with others, which says nothing, then three times alone.
    assert [job.alone for job in tries[7]] == [False, True, True, True]
    repeated = {number: [job.alone for job in jobs] for number, jobs in tries.items() if len(jobs) == 2}
    assert 0 < len(repeated) < WIDTH and {str(found) for found in repeated.values()} == {"[False, True]"}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.reuse, Phase.generate]
)
@given(data=st.data())
def test_a_run_killed_at_any_write_ends_as_the_uninterrupted_one(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("killed")
    with DyingStore.open(f"sqlite:///{folder / 'whole.db'}") as store:
        whole = run(store, problem())
        expected, writes = record(store, whole), store.writes
    kill, after = data.draw(st.integers(1, writes)), data.draw(st.booleans())
    with DyingStore.open(f"sqlite:///{folder / 'killed.db'}") as store:
        experiment = store.create_experiment(spec_data(problem().search), "/", {}).id
        store.writes, store.dies_at, store.after = 0, kill, after
        with pytest.raises(StoreDied):
            drive(store, experiment, problem())
        store.dies_at = None
        # Another measurement at the second start changes nothing: the record says how.
        resumed = problem() if decision(store, experiment) is None else problem(choice=Choice(9, "measured anew"))
        drive(store, experiment, resumed)
        assert record(store, experiment) == expected


def test_what_ends_together_is_recorded_together_or_not_at_all(
    store: DyingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded, calls = store.record_result, count(1)

    def dies_at_the_third(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 3:
            raise StoreDied
        return recorded(*args, **kwargs)

    monkeypatch.setattr(store, "record_result", dies_at_the_third)
    experiment = store.create_experiment(spec_data(problem().search), "/", {}).id
    with pytest.raises(StoreDied):
        drive(store, experiment, problem())
    left = store.progress(experiment)
    assert (left.candidates, left.running, left.done) == (WIDTH, WIDTH, 0)
    drive(store, experiment, problem())
    assert store.audit() == [] and store.progress(experiment).lost == WIDTH


def test_an_experiment_that_began_in_place_goes_on_in_place(store: DyingStore) -> None:
    experiment = store.create_experiment(spec_data(problem().search), "/", {}).id
    store.dies_at = 12
    with pytest.raises(StoreDied):
        drive(store, experiment, problem(choice=IN_PLACE))
    store.dies_at = None
    resumed = problem()
    drive(store, experiment, resumed)
    assert {size for _, size in resumed.pools[0].sizes} == {1}
    assert decision(store, experiment) is None


@pytest.mark.parametrize(
    ("measured", "in_place_s", "width"), [(False, 0.1, 8), (True, 3.0, 8), (True, 1.05, 1), (True, 0.5, 1)]
)
def test_the_faster_way_is_chosen_where_it_is_left_open(measured: bool, in_place_s: float, width: int) -> None:
    trial = Trial(8, 32, in_place_s, 1.0)
    choice = choose(Population(8, 16, ("q_proj",), measured), trial)
    assert choice is not None and choice.width == width
    if measured:
        figures = f"{3600 / in_place_s:.0f} candidates per hour written in place, 3600 as adapters, 8 at once"
        assert figures in choice.sentence()
        assert choose(Population(8, 16, ("q_proj",), measured), None) is None
    assert choose(None, None) == IN_PLACE


def population(experiment: TinyExperiment, **workers: Any) -> Population | None:
    def change(spec: dict[str, Any]) -> None:
        method = workers.pop("method", spec["merge"]["method"])
        spec["merge"] |= {"method": method} | ({"parameters": {}} if method != "task_arithmetic" else {})
        spec["models"] |= workers.pop("models", {})
        spec["workers"] = {"engine": "vllm", "cpus": 1} | workers

    loaded = load_spec(experiment.spec("population", change))
    return make_plan(loaded.spec, loaded.source_dir).worker.population


def test_what_the_spec_asks_of_the_workers(tiny_experiment: TinyExperiment) -> None:
    layers = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
    assert population(tiny_experiment, population=3) == Population(3, 8, layers)
    assert population(tiny_experiment, population="off") is None
    # A trial on a GPU; on a CPU there is nothing to gain.
    assert population(tiny_experiment, gpus=1) == Population(8, 8, layers, measured=True)
    assert population(tiny_experiment) is None
    assert population(tiny_experiment, gpus=1, method="ties") is None
    assert population(tiny_experiment, gpus=1, models={"whole": "base"}) is None
    assert population(tiny_experiment, gpus=1, batch_invariant=True) is None


@pytest.mark.parametrize(
    ("workers", "why"),
    [
        ({"population": 3, "method": "ties"}, "ties does not add multiples"),
        ({"population": 3, "models": {"whole": "base"}}, "model whole.*no LoRA adapter"),
        ({"population": 3, "engine": "transformers"}, "only engine: vllm"),
        ({"population": 1}, "population"),
    ],
)
def test_what_was_asked_for_and_cannot_be_is_refused(
    tiny_experiment: TinyExperiment, workers: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        population(tiny_experiment, **workers)


class Scorer:
    """A worker whose candidates say what becomes of it; its scores say how they were made."""

    def __init__(self, trial: Trial | None) -> None:
        self._trial = trial

    def ready(self) -> dict[str, Any]:
        return {"worker": "here", "provenance": None}

    def try_population(self) -> Trial:
        if self._trial is None:
            raise EngineError("no adapters here")
        return self._trial

    def score(self, subject: Point, split: str, positions: Any) -> ScoreResult:
        return self._result(subject, 1.0, "in place")

    def score_many(self, subjects: list[Point], split: str, positions: list[Any]) -> list[ScoreResult | Infeasible]:
        if any(subject.values[0] == 666 for subject in subjects):
            sys.exit(1)
        return [
            Infeasible("not finite") if one.values[0] < 0 else self._result(one, len(subjects), "adapter")
            for one in subjects
        ]

    def _result(self, subject: Point, size: float, way: str) -> ScoreResult:
        return ScoreResult((ItemScore("task", "item", size, subject.values[0], way),), {}, 1, 1, "here")


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100 * 2**20,
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()


@pytest.fixture
def open_pool(ray_here: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for module in (sys.modules[__name__], fakes):
        ray.cloudpickle.register_pickle_by_value(module)
    pools: list[WorkerPool] = []

    def go(population: Population, trial: Trial | None = None) -> WorkerPool:
        actor = ray.remote(Scorer).options(num_cpus=1)
        monkeypatch.setattr(optimizer.pool, "start_worker", lambda config: actor.remote(trial))
        config = WorkerConfig(ModelRef("base", "/"), (), (), population=population)
        pools.append(WorkerPool(config, 1))
        return pools[-1]

    yield go
    for pool in pools:
        pool.close()


def ends(pool: WorkerPool, values: list[float], split: Split = Split.SEARCH, *, alone: bool = False) -> list[Outcome]:
    """Hand out as much as the pool takes and wait, until all is done."""
    waiting = [Job(Work(n, split), Point((value,)), None, alone) for n, value in enumerate(values)]
    found: list[Outcome] = []
    for _ in range(600):
        while waiting and pool.next_worker is not None:
            pool.submit(waiting.pop(0))
        pool.begin()
        outcome = pool.wait(0.2)
        found += [] if outcome is None else [outcome]
        if not waiting and not pool.num_running:
            return found
    raise AssertionError("the pool does not come to an end")


def ways(outcomes: list[Outcome]) -> list[tuple[str | None, float]]:
    return [(one.result.items[0].output, one.result.items[0].score) for one in outcomes if one.result is not None]


def test_a_worker_takes_as_many_as_there_are_and_no_more_than_it_can(open_pool: Any) -> None:
    pool = open_pool(Population(3, 16, ("q_proj",)))
    found = ends(pool, [1.0, 2.0, -1.0, 3.0, 4.0])
    assert ways(found) == [("adapter", 3.0)] * 2 + [("adapter", 2.0)] * 2
    assert [one.kind for one in found] == ["done", "done", "infeasible", "done", "done"]
    assert [one.job.work.candidate for one in found] == [0, 1, 2, 3, 4]
    for split in (Split.SELECTION, Split.TEST):
        assert ways(ends(pool, [1.0, 2.0], split)) == [("in place", 1.0)] * 2
    # Alone, but not in place: an experiment's search scores are all of one way.
    assert ways(ends(pool, [1.0, 2.0], alone=True)) == [("adapter", 1.0)] * 2


def test_all_of_a_lost_batch_are_lost_without_blame(open_pool: Any) -> None:
    pool = open_pool(Population(3, 16, ("q_proj",)))
    found = ends(pool, [1.0, 666.0, 2.0])
    assert [(one.kind, one.shared) for one in found] == [("lost", True)] * 3
    again = ends(pool, [1.0, 666.0], alone=True)
    assert [(one.kind, one.shared) for one in again] == [("done", False), ("lost", False)]


@pytest.mark.parametrize(
    ("trial", "way", "reason"),
    [
        (Trial(3, 32, 2.0, 1.0), ("adapter", 2.0), "3600 as adapters"),
        (Trial(3, 32, 1.0, 1.0), ("in place", 1.0), "3600 as adapters"),
        (None, ("in place", 1.0), "failed: EngineError: no adapters here"),
    ],
)
def test_the_first_worker_measures_before_anything_is_scored(
    open_pool: Any, trial: Trial | None, way: Any, reason: str
) -> None:
    pool = open_pool(Population(3, 16, ("q_proj",), measured=True), trial)
    assert pool.next_worker is None and pool.choice is None
    assert ways(ends(pool, [1.0, 2.0])) == [way] * 2
    assert reason in pool.choice.reason


def test_a_recorded_choice_needs_no_trial(open_pool: Any) -> None:
    pool = open_pool(Population(3, 16, ("q_proj",), measured=True), None)
    pool.follow(Choice(2, "recorded"))
    assert ways(ends(pool, [1.0, 2.0])) == [("adapter", 2.0)] * 2
    one_by_one = WorkerPool(replace(pool._config, population=None), 1)
    with pytest.raises(EngineError, match="2 candidates at once"):
        one_by_one.follow(pool.choice)
    one_by_one.close()
