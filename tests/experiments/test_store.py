"""The contract of the store, kept on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from sqlalchemy import event

from evomerge.errors import InvalidInput, NotFound, StateConflict, StoreError
from experiments import drivers
from experiments.entities import Candidate, Evaluation, Experiment
from experiments.states import (
    WHOLE,
    CandidateKind,
    CandidateState,
    EvaluationState,
    EventKind,
    ExperimentState,
    Split,
)
from experiments.store import Store

SPEC = {"name": "json-math", "models": {"a": {"model": "experts/a"}}, "merge": {"method": "ties"}}


@dataclass(frozen=True)
class Item:
    task: str
    item: str
    score: float
    reference_logprob: float | None = None
    output: str | None = None


def some_items(num: int = 3, score: float = 1.0) -> list[Item]:
    return [Item("gsm", f"{i:016x}", score, -1.5 * i, f"answer {i}") for i in range(num)]


def claimed(store: Store) -> Experiment:
    return store.claim_driver(store.create_experiment(SPEC, "/specs", {"torch": "2.13"}).id)


def ask(store: Store, experiment: Experiment, number: int, digest: str | None = None) -> Candidate:
    return store.record_ask(
        experiment.id,
        number=number,
        kind=CandidateKind.SEARCH,
        label="",
        vector=[0.1, -0.25, 1e-300],
        recipe={"method": "ties", "coefficients": {"weight": [0.1]}},
        digest=digest or f"digest{number}",
    )


def tell(
    store: Store,
    candidate: Candidate,
    fitness: float,
    split: Split = Split.SEARCH,
    *,
    block: int = WHOLE,
    overall: float | None = None,
    items: list[Item] | None = None,
    attempt: int | None = None,
) -> Evaluation:
    return store.record_result(
        candidate.id,
        split,
        items or some_items(),
        block=block,
        attempt=attempt,
        overall=overall,
        fitness=fitness,
        timings_s={"apply": 0.5, "score": 2.25},
        prompt_tokens=100,
        generated_tokens=20,
    )


@contextmanager
def counted_statements(store: Store) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(store._engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(store._engine, "before_cursor_execute", count)


def dead() -> drivers.Driver:
    """This host's pid 1 at another time: that process has ended, whoever has the pid now."""
    started = psutil.Process(1).create_time() - 3600
    return replace(drivers.this_process(), pid=1, process_started=started)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


class TestStoreContract:
    def test_experiment_reads_back_as_written(self, store: Store) -> None:
        created = store.create_experiment(SPEC, "/specs", {"sha": {"a": "é\u4e2d\U0001f600"}})
        assert store.get_experiment(created.id) == created
        assert created.spec == SPEC and created.state is ExperimentState.CREATED
        assert created.resolved == {"sha": {"a": "é\u4e2d\U0001f600"}}
        assert created.created_at.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - created.created_at) < timedelta(minutes=1)
        assert len(created.id) == 8 and created.id == created.id.lower()

    def test_experiment_is_found_by_id_latest_name_and_unique_start(self, store: Store) -> None:
        store.create_experiment(SPEC, "/", {})
        other = store.create_experiment({**SPEC, "name": "other"}, "/", {})
        latest = store.create_experiment(SPEC, "/", {})
        assert store.get_experiment("json-math").id == latest.id
        assert store.get_experiment(other.id[:7]).id == other.id

    def test_unknown_experiment_names_the_nearest(self, store: Store) -> None:
        with pytest.raises(NotFound, match="none is stored yet"):
            store.get_experiment("x")
        store.create_experiment(SPEC, "/", {})
        with pytest.raises(NotFound, match="did you mean 'json-math'"):
            store.get_experiment("json-mth")
        for odd in ("", "%", "_"):
            with pytest.raises(NotFound):
                store.get_experiment(odd)

    def test_ambiguous_start_of_an_id_is_refused(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        ids = iter(["abcdefgh", "abcdefgi"])
        monkeypatch.setattr("experiments.store._new_id", lambda _: next(ids))
        store.create_experiment(SPEC, "/", {})
        store.create_experiment(SPEC, "/", {})
        with pytest.raises(NotFound, match=r"start of several ids.*abcdefgh, abcdefgi"):
            store.get_experiment("abc")

    def test_list_is_newest_first_in_pages_and_by_state(self, store: Store) -> None:
        ids = [store.create_experiment(SPEC, "/", {}).id for _ in range(5)]
        store.claim_driver(ids[1])
        assert [s.experiment.id for s in store.list_experiments(limit=2)] == [ids[4], ids[3]]
        assert [s.experiment.id for s in store.list_experiments(limit=9, before=ids[3])] == ids[2::-1]
        running = store.list_experiments(state=ExperimentState.RUNNING)
        assert [s.experiment.id for s in running] == [ids[1]]
        with pytest.raises(NotFound):
            store.list_experiments(before="zzzzzzzz")

    def test_candidate_and_result_read_back_exactly(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        assert candidate.vector == (0.1, -0.25, 1e-300)
        assert store.candidates(experiment.id) == [candidate]
        assert store.record_started(candidate.id, Split.SEARCH, worker="host:1") == 1
        result = tell(store, candidate, 0.1 + 0.2, attempt=1)
        assert store.evaluations(experiment.id) == [result]
        assert (result.state, result.attempt, result.worker) == (EvaluationState.DONE, 1, "host:1")
        assert result.started_at and result.finished_at and result.started_at <= result.finished_at
        assert result.timings_s == {"apply": 0.5, "score": 2.25}
        assert (result.prompt_tokens, result.generated_tokens) == (100, 20)
        assert result.summary == {"gsm": {"items": 3, "score": 1.0, "stderr": 0.0, "reference_logprob": -1.5}}
        (scored,) = store.candidates(experiment.id, state=CandidateState.SCORED)
        assert scored == replace(candidate, state=CandidateState.SCORED, fitness=0.1 + 0.2)

    def test_items_read_back_with_outputs_on_request(self, store: Store) -> None:
        experiment = claimed(store)
        first, second = ask(store, experiment, 0), ask(store, experiment, 1)
        tell(store, first, 0.5)
        tell(store, second, 0.6)
        tell(store, second, 0.7, Split.TEST)
        assert [i.number for i in store.items(experiment.id, Split.SEARCH)] == [0, 0, 0, 1, 1, 1]
        found = store.items(experiment.id, Split.SEARCH, candidate_id=second.id, outputs=True)
        assert [Item(i.task, i.item, i.score, i.reference_logprob, i.output) for i in found] == some_items()
        assert {i.output for i in store.items(experiment.id, Split.TEST)} == {None}
        assert store.items(experiment.id, Split.SELECTION) == []

    def test_odd_outputs_and_zero_probabilities_are_kept(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        odd = [Item("t", "a", 0.0, -math.inf, "a\0b\ud800c\U0001f600"), Item("t", "b", 1.0, None, None)]
        arguments = {"fitness": 0.5, "timings_s": {}, "prompt_tokens": 2**40, "generated_tokens": 0}
        result = store.record_result(candidate.id, Split.SEARCH, odd, **arguments)
        assert result.summary["t"] == {"items": 2, "score": 0.5, "stderr": 0.5, "reference_logprob": None}
        assert store.evaluations(experiment.id)[0].prompt_tokens == 2**40
        first, second = store.items(experiment.id, Split.SEARCH, outputs=True)
        assert first.reference_logprob == -math.inf
        assert first.output == "a\ufffdb\ufffdc\U0001f600"
        assert second.reference_logprob is None and second.output is None

    @pytest.mark.parametrize(
        ("items", "fitness", "message"),
        [
            ([], 1.0, "items: there are none"),
            ([Item("t", "a", math.nan)], 1.0, "item a of t: score nan is not finite"),
            ([Item("t", "a", 1.0, math.nan)], 1.0, "log-likelihood is nan"),
            ([Item("t", "a", 1.0), Item("t", "a", 0.0)], 1.0, "item a of t: it is scored twice"),
            ([Item("t", "a", 1.0)], math.inf, "fitness: inf is not finite"),
            ([Item("t", "a", 1.0)], None, "fitness: none is given for the search split"),
        ],
    )
    def test_bad_result_is_refused_and_leaves_nothing(
        self, store: Store, items: list[Item], fitness: float | None, message: str
    ) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        before = store.ledger(experiment.id)
        with pytest.raises(InvalidInput, match=message):
            store.record_result(
                candidate.id,
                Split.SEARCH,
                items,
                fitness=fitness,
                timings_s={},
                prompt_tokens=0,
                generated_tokens=0,
            )
        assert store.evaluations(experiment.id) == [] and store.ledger(experiment.id) == before

    def test_result_is_recorded_once(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        attempt = store.record_started(candidate.id, Split.SEARCH, worker="w")
        tell(store, candidate, 0.5, attempt=attempt)
        before = store.ledger(experiment.id), store.items(experiment.id, Split.SEARCH)
        for late in (
            lambda: tell(store, candidate, 0.9),
            lambda: tell(store, candidate, 0.9, attempt=attempt),
            lambda: store.record_infeasible(candidate.id, Split.SEARCH, "nan"),
            lambda: store.record_lost(candidate.id, Split.SEARCH, "gone"),
            lambda: store.record_started(candidate.id, Split.SEARCH, worker="w"),
        ):
            with pytest.raises(StateConflict, match=r"candidate 0 on search: it is done.*done is final"):
                late()
        assert (store.ledger(experiment.id), store.items(experiment.id, Split.SEARCH)) == before
        assert store.candidates(experiment.id)[0].fitness == 0.5

    def test_failing_write_leaves_nothing(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        before = store.ledger(experiment.id)

        def full(_: object) -> None:
            raise OSError("No space left on device")

        with monkeypatch.context() as patch:  # the last step, after every row is written
            patch.setattr("experiments.recording.to_evaluation", full)
            with pytest.raises(StoreError, match="No space left"):
                tell(store, candidate, 1.0)
        assert store.evaluations(experiment.id) == [] and store.items(experiment.id, Split.SEARCH) == []
        assert store.ledger(experiment.id) == before
        tell(store, candidate, 1.0)

    @pytest.mark.parametrize("odd", [math.nan, object()])
    def test_data_that_is_not_json_is_refused(self, store: Store, odd: object) -> None:
        experiment = claimed(store)
        before = store.ledger(experiment.id)
        with pytest.raises(StoreError, match=r"JSON.*Fix: pass plain data"):
            store.record_decision(experiment.id, "winner", {"value": odd})
        assert store.ledger(experiment.id) == before

    def test_number_is_asked_once(self, store: Store) -> None:
        experiment = claimed(store)
        ask(store, experiment, 0)
        with pytest.raises(StateConflict, match="candidate 0: it is recorded already"):
            ask(store, experiment, 0)
        assert len(store.candidates(experiment.id)) == 1

    def test_lost_evaluation_is_started_again_and_counted(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        with pytest.raises(StateConflict, match="never started"):
            store.record_lost(candidate.id, Split.SEARCH, "gone")
        assert store.record_started(candidate.id, Split.SEARCH, worker="a") == 1
        with pytest.raises(StateConflict, match="it is running and cannot become running"):
            store.record_started(candidate.id, Split.SEARCH, worker="b")
        store.record_lost(candidate.id, Split.SEARCH, "worker a died")
        before = store.ledger(experiment.id)
        with pytest.raises(StateConflict, match="attempt 1 has lost its lease: it is lost"):
            tell(store, candidate, 0.9, attempt=1)
        assert store.ledger(experiment.id) == before
        (lost,) = store.evaluations(experiment.id, state=EvaluationState.LOST)
        assert lost.reason == "worker a died"
        assert store.candidates(experiment.id)[0].state is CandidateState.ASKED
        assert store.record_started(candidate.id, Split.SEARCH, worker="b") == 2
        with pytest.raises(StateConflict, match="attempt 1 has lost its lease: it is running after attempt 2"):
            tell(store, candidate, 0.9, attempt=1)
        with pytest.raises(StateConflict, match="attempt 2 is running"):
            tell(store, candidate, 0.9)
        tell(store, candidate, 0.5, attempt=2)
        (done,) = store.evaluations(experiment.id)
        assert (done.attempt, done.worker, done.reason) == (2, "b", None)
        assert store.progress(experiment.id).lost == 1

    def test_infeasible_on_search_ends_the_candidate(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        attempt = store.record_started(candidate.id, Split.SEARCH, worker="w")
        store.record_infeasible(candidate.id, Split.SEARCH, "NaN logits", attempt=attempt)
        (row,) = store.candidates(experiment.id)
        assert (row.state, row.reason, row.fitness) == (CandidateState.INFEASIBLE, "NaN logits", None)
        assert store.evaluations(experiment.id)[0].state is EvaluationState.INFEASIBLE
        with pytest.raises(StateConflict, match="infeasible is final"):
            tell(store, candidate, 1.0)

    def test_other_splits_leave_the_candidate_scored(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        tell(store, candidate, 0.5)
        tell(store, candidate, 0.9, Split.SELECTION)
        store.record_infeasible(candidate.id, Split.TEST, "too long")
        (row,) = store.candidates(experiment.id)
        assert (row.state, row.fitness) == (CandidateState.SCORED, 0.5)
        assert [e.kind for e in store.ledger(experiment.id)][-3:] == ["tell", "measure", "infeasible"]

    def test_ledger_tells_the_whole_story_in_order(self, store: Store) -> None:
        experiment = claimed(store)
        first, second = ask(store, experiment, 0), ask(store, experiment, 1)
        tell(store, second, 0.25, attempt=store.record_started(second.id, Split.SEARCH, worker="w"))
        store.record_infeasible(first.id, Split.SEARCH, "inf")
        store.record_decision(experiment.id, "finalists", {"numbers": [1]})
        store.release_driver(experiment.id, ExperimentState.FINISHED)
        events = store.ledger(experiment.id)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        assert [e.id for e in events] == sorted(e.id for e in events)
        assert [str(e.kind) for e in events] == (
            ["state", "state", "ask", "ask", "start", "tell", "infeasible", "decision", "state"]
        )
        told = {"candidate_id": second.id, "number": 1, "split": "search", "block": WHOLE, "fitness": 0.25}
        assert events[5].payload == told
        assert events[7].payload == {"decision": "finalists", "data": {"numbers": [1]}}
        assert store.ledger(experiment.id, after=3, limit=2) == events[3:5]

    def test_ledgers_of_two_experiments_are_apart(self, store: Store) -> None:
        first, second = claimed(store), claimed(store)
        ask(store, first, 0)
        ask(store, second, 0)
        for experiment in (first, second):
            assert [e.seq for e in store.ledger(experiment.id)] == [1, 2, 3]

    def test_leaderboard_is_best_first_and_the_earlier_at_a_tie(self, store: Store) -> None:
        experiment = claimed(store)
        for number, fitness in enumerate([0.5, 0.9, -2.0, 0.9]):
            tell(store, ask(store, experiment, number), fitness)
        ask(store, experiment, 4)
        store.record_infeasible(ask(store, experiment, 5).id, Split.SEARCH, "nan")
        tell(store, store.candidates(experiment.id)[3], 0.7, Split.TEST)
        standings = store.leaderboard(experiment.id)
        assert [s.candidate.number for s in standings] == [1, 3, 0, 2]
        assert set(standings[1].splits) == {Split.SEARCH, Split.TEST}
        assert standings[1].splits[Split.TEST].summary["gsm"]["score"] == 1.0
        assert len(store.leaderboard(experiment.id, limit=1)) == 1

    def test_progress_counts(self, store: Store) -> None:
        experiment = claimed(store)
        tell(store, ask(store, experiment, 0), 0.5)
        tell(store, ask(store, experiment, 1), 0.75)
        tell(store, store.candidates(experiment.id)[1], 0.9, Split.TEST)
        store.record_infeasible(ask(store, experiment, 2).id, Split.SEARCH, "nan")
        store.record_started(ask(store, experiment, 3).id, Split.SEARCH, worker="w")
        progress = store.progress(experiment.id)
        assert (progress.candidates, progress.scored, progress.infeasible) == (4, 2, 1)
        assert (progress.running, progress.done, progress.lost) == (1, 3, 0)
        assert (progress.prompt_tokens, progress.generated_tokens) == (300, 60)
        assert progress.search_items == 6
        assert progress.best_fitness == 0.75
        assert store.list_experiments()[0].progress == progress

    def test_query_counts_do_not_grow_with_candidates(self, store: Store) -> None:
        experiment = claimed(store)
        counts = []
        for numbers in (range(2), range(2, 200)):
            for number in numbers:
                candidate = ask(store, experiment, number)
                if number % 20 < 2:
                    tell(store, candidate, 1.0)
            claimed(store)
            with counted_statements(store) as listing:
                assert store.list_experiments()
            with counted_statements(store) as board:
                assert store.leaderboard(experiment.id, limit=200)
            counts.append((len(listing), len(board)))
        assert counts == [(2, 2), (2, 2)]


class TestBlocks:
    def test_each_block_is_an_evaluation_of_its_own_and_is_recorded_once(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        store.record_ask_again(candidate.id, block=1)
        for block, overall in ((0, 0.25), (1, 0.5)):
            attempt = store.record_started(candidate.id, Split.SEARCH, worker="w", block=block)
            tell(store, candidate, 0.25 + 0.5 * block, block=block, overall=overall, attempt=attempt)
            with pytest.raises(StateConflict, match=rf"candidate 0 on search, block {block}: it is done"):
                tell(store, candidate, 1.0, block=block)
        assert [(one.block, one.fitness) for one in store.evaluations(experiment.id)] == [(0, 0.25), (1, 0.75)]
        assert store.candidates(experiment.id)[0].fitness == 0.5
        events = store.ledger(experiment.id)[2:]
        assert [(str(one.kind), one.payload["block"]) for one in events] == [
            ("ask", None), ("ask", 1), ("start", 0), ("tell", 0), ("start", 1), ("tell", 1)
        ]  # fmt: skip

    def test_a_lost_block_leaves_the_others_alone(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        for block in (0, 1):
            store.record_started(candidate.id, Split.SEARCH, worker="w", block=block)
        store.record_lost(candidate.id, Split.SEARCH, "gone", block=1)
        states = {one.block: one.state for one in store.evaluations(experiment.id)}
        assert states == {0: EvaluationState.RUNNING, 1: EvaluationState.LOST}
        assert store.record_started(candidate.id, Split.SEARCH, worker="v", block=1) == 2

    def test_one_infeasible_block_makes_the_candidate_infeasible_for_good(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        tell(store, candidate, 0.5, block=0)
        store.record_infeasible(candidate.id, Split.SEARCH, "NaN logits", block=1)
        tell(store, candidate, 0.9, block=2)
        (row,) = store.candidates(experiment.id)
        assert (row.state, row.fitness, row.reason) == (CandidateState.INFEASIBLE, None, "NaN logits")

    def test_standings_pool_the_blocks_of_a_split(self, store: Store) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        tell(store, candidate, 0.5, block=0, items=[Item("gsm", "a", 1.0), Item("mbpp", "b", 0.0, -2.0)])
        tell(store, candidate, 0.5, block=1, items=[Item("gsm", "c", 0.0), Item("gsm", "d", 0.0)])
        (standing,) = store.leaderboard(experiment.id)
        pooled = standing.splits[Split.SEARCH]
        assert pooled.items == 4
        third = pytest.approx(1 / 3)
        # The same as of all three at once.
        assert pooled.summary["gsm"] == {"items": 3, "score": third, "stderr": third, "reference_logprob": None}
        assert pooled.summary["mbpp"] == {"items": 1, "score": 0.0, "stderr": None, "reference_logprob": -2.0}
        assert store.progress(experiment.id).search_items == 4

    def test_tests_on_the_same_items_are_counted_by_experiment(self, store: Store) -> None:
        items = [Item("gsm", "a", 1.0), Item("gsm", "b", 0.0)]
        renamed = [Item("maths", "b", 0.0), Item("maths", "a", 1.0)]
        for scored in (items, renamed, items[:1]):
            experiment = claimed(store)
            for number in range(2):
                tell(store, ask(store, experiment, number), 0.5, Split.TEST, items=scored)
            tell(store, ask(store, experiment, 2), 0.5, Split.SELECTION, items=items)
        digests = {one.items_digest for one in store.evaluations(experiment.id, split=Split.TEST)}
        assert [store.tests_on(str(digest)) for digest in digests] == [1]
        first = store.evaluations(store.list_experiments()[-1].experiment.id, split=Split.TEST)[0]
        assert store.tests_on(str(first.items_digest)) == 2
        assert store.tests_on("none") == 0


class TestDriverContract:
    def test_claim_runs_and_release_ends(self, store: Store) -> None:
        experiment = claimed(store)
        assert experiment.state is ExperimentState.RUNNING
        assert experiment.driver is not None and experiment.driver.pid == os.getpid()
        store.heartbeat(experiment.id, 12.5)
        beaten = store.get_experiment(experiment.id)
        assert beaten.seconds_spent == 12.5
        assert beaten.driver is not None and beaten.driver.heartbeat > experiment.driver.heartbeat
        released = store.release_driver(experiment.id, ExperimentState.INTERRUPTED)
        assert (released.state, released.driver) == (ExperimentState.INTERRUPTED, None)
        assert store.claim_driver(experiment.id).state is ExperimentState.RUNNING
        failed = store.release_driver(experiment.id, ExperimentState.FAILED, error="boom\0")
        assert failed.state is ExperimentState.FAILED
        assert store.get_experiment(experiment.id).error == "boom\ufffd"

    @pytest.mark.parametrize("final", [ExperimentState.FINISHED, ExperimentState.FAILED])
    def test_ended_experiment_does_not_change(self, store: Store, final: ExperimentState) -> None:
        experiment = claimed(store)
        candidate = ask(store, experiment, 0)
        ended = store.release_driver(experiment.id, final)
        for change in (
            lambda: store.claim_driver(experiment.id),
            lambda: store.claim_driver(experiment.id, force=True),
            lambda: store.heartbeat(experiment.id, 99.0),
            lambda: ask(store, experiment, 1),
            lambda: tell(store, candidate, 1.0),
            lambda: store.release_driver(experiment.id, ExperimentState.FINISHED),
            lambda: store.record_decision(experiment.id, "winner", {}),
        ):
            with pytest.raises(StateConflict):
                change()
        assert store.get_experiment(experiment.id) == ended

    def test_release_only_to_states_that_follow(self, store: Store) -> None:
        experiment = claimed(store)
        with pytest.raises(StateConflict, match="it is running and cannot become created"):
            store.release_driver(experiment.id, ExperimentState.CREATED)
        ask(store, experiment, 0)  # still claimed

    def test_writing_needs_the_claim(self, store: Store) -> None:
        experiment = store.create_experiment(SPEC, "/", {})
        with pytest.raises(StateConflict, match=r"has not claimed it.*claim_driver first"):
            ask(store, experiment, 0)

    def test_unknown_ids(self, store: Store) -> None:
        for call in (
            lambda: store.claim_driver("nothere1"),
            lambda: store.heartbeat("nothere1", 1.0),
            lambda: store.record_lost(12345, Split.SEARCH, "r"),
        ):
            with pytest.raises(NotFound):
                call()

    def test_live_driver_keeps_its_claim(self, store: Store, store_url: str) -> None:
        experiment = claimed(store)
        with Store.open(store_url) as other:
            with pytest.raises(StateConflict, match=f"process {os.getpid()} on .* is driving it"):
                other.claim_driver(experiment.id)
            other.claim_driver(experiment.id, force=True)
            with pytest.raises(StateConflict, match="has taken it over"):
                ask(store, experiment, 0)
            with pytest.raises(StateConflict, match="has taken it over"):
                store.heartbeat(experiment.id, 1.0)
            ask(other, experiment, 0)

    def test_dead_driver_is_replaced_and_its_evaluations_are_lost(
        self, store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("experiments.store.this_process", dead)
            experiment = claimed(store)
            done, open_ = ask(store, experiment, 0), ask(store, experiment, 1)
            tell(store, done, 0.5)
            store.record_started(open_.id, Split.SEARCH, worker="w")
        with Store.open(store_url) as other:
            other.claim_driver(experiment.id)
            states = [e.state for e in other.evaluations(experiment.id)]
            assert states == [EvaluationState.DONE, EvaluationState.LOST]
            steps = [e.payload["to"] for e in other.ledger(experiment.id) if e.kind == EventKind.STATE]
            assert steps == ["created", "running", "interrupted", "running"]
            assert other.record_started(open_.id, Split.SEARCH, worker="v") == 2

    def test_driver_on_another_host_lives_by_its_heartbeat(
        self, store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def elsewhere(age_s: float) -> drivers.Driver:
            beat = datetime.now(UTC) - timedelta(seconds=age_s)
            return replace(dead(), host="elsewhere", heartbeat=beat)

        with monkeypatch.context() as patch:
            patch.setattr("experiments.store.this_process", lambda: elsewhere(50))
            experiment = claimed(store)
        with Store.open(store_url) as other:
            with pytest.raises(StateConflict, match="on elsewhere is driving it"):
                other.claim_driver(experiment.id)
            with monkeypatch.context() as patch:
                patch.setattr("experiments.store.this_process", lambda: elsewhere(70))
                store.heartbeat(experiment.id, 1.0)
            other.claim_driver(experiment.id)

    def test_release_gives_up_running_evaluations(self, store: Store) -> None:
        experiment = claimed(store)
        store.record_started(ask(store, experiment, 0).id, Split.SEARCH, worker="w")
        store.release_driver(experiment.id, ExperimentState.INTERRUPTED)
        (row,) = store.evaluations(experiment.id)
        assert (row.state, row.reason) == (EvaluationState.LOST, "the driver stopped")

    def test_one_of_many_claims_wins(self, store: Store, store_url: str) -> None:
        experiment = store.create_experiment(SPEC, "/", {})
        outcomes: list[str] = []

        def claim() -> None:
            with Store.open(store_url) as other:
                try:
                    other.claim_driver(experiment.id)
                    outcomes.append("won")
                except StateConflict:
                    outcomes.append("refused")

        threads = [threading.Thread(target=claim) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["refused"] * 5 + ["won"]

    def test_threads_of_one_store_share_the_ledger(self, store: Store) -> None:
        experiment = claimed(store)

        def work(first: int) -> None:
            for number in range(first, first + 5):
                tell(store, ask(store, experiment, number), float(number))
                store.heartbeat(experiment.id, float(number))

        threads = [threading.Thread(target=work, args=(5 * i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [e.seq for e in store.ledger(experiment.id)] == list(range(1, 2 + 40 + 1))
        assert store.progress(experiment.id).scored == 20


class TestBadPlaces:
    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("runs/store.db", "cannot be understood.*sqlite:///path/to/evomerge.db"),
            ("", "cannot be understood"),
            ("mysql://u:secret@h/d", "unknown kind of store 'mysql'"),
            ("nosuch://h/d", "cannot be understood|unknown kind of store"),
            ("sqlite://", "needs a file that outlives the process"),
            ("sqlite:///:memory:", "needs a file that outlives the process"),
            ("sqlite:////proc/evomerge/store.db", "choose a directory that you can write to"),
            ("sqlite:////dev/null/store.db", "choose a directory that you can write to"),
            ("postgresql://u:secret@127.0.0.1:1/d", "check that the server runs"),
        ],
    )
    def test_bad_url(self, url: str, message: str) -> None:
        with pytest.raises(StoreError, match=f"(?s){message}") as caught:
            Store.open(url)
        assert "Fix: " in str(caught.value) and "secret" not in str(caught.value)

    def test_directory_in_place_of_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"unable to open.*Fix: check that the file"):
            Store.open(f"sqlite:///{tmp_path}")

    def test_file_that_is_no_database_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("these are my notes\n" * 100)
        with pytest.raises(StoreError, match=r"not a database.*name another file"):
            Store.open(f"sqlite:///{path}")
        assert path.read_text().startswith("these are my notes")

    def test_network_file_system(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root = SimpleNamespace(mountpoint="/", fstype="ext4")
        home = SimpleNamespace(mountpoint=str(tmp_path), fstype="nfs4")
        monkeypatch.setattr(psutil, "disk_partitions", lambda all: [home, root])
        with pytest.raises(StoreError, match=r"network file system \(nfs4\).*PostgreSQL"):
            Store.open(f"sqlite:///{tmp_path}/runs/store.db")

    def test_missing_directories_are_made_and_the_place_is_fixed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with Store.open("sqlite:///runs/a/store.db") as store:
            (tmp_path / "else").mkdir()
            monkeypatch.chdir(tmp_path / "else")
            store._engine.dispose()
            experiment = store.create_experiment(SPEC, "/", {})
        with Store.open(f"sqlite:///{tmp_path}/runs/a/store.db") as again:
            assert again.get_experiment(experiment.id) == experiment

    def test_damaged_store_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        with Store.open(f"sqlite:///{path}") as store:
            store.create_experiment(SPEC, "/", {})
        raw = bytearray(path.read_bytes())
        raw[100:8192] = b"\xff" * (8192 - 100)
        path.write_bytes(raw)
        with pytest.raises(StoreError, match=r"malformed.*restore a backup"):
            Store.open(f"sqlite:///{path}")
