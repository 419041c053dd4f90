"""What a run records for people who watch it: the way of the search, the words of items, how the models lie."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeProblem, drive, search_spec, spec_data
from sqlalchemy import delete

from evomerge.errors import EvomergeError, Interrupted
from experiments.records import SearchTraceRecord
from experiments.states import CandidateKind, EventKind, Split
from experiments.store import Store
from optimizer import comparing

TASKS = {"one": {"config_hash": "aaaa", "weight": 1.0}, "two": {"config_hash": "bbbb", "weight": 1.0}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def problem(algorithm: str = "merge-cma", **changes: Any) -> FakeProblem:
    block = {"block_size": 8} if algorithm == "merge-cma" else {}
    spec = search_spec(algorithm=algorithm, budget={"evaluations": 14}, options={"popsize": 4}, **block)
    return FakeProblem(spec, num_workers=2, **changes)


def run(store: Store, one: FakeProblem, resolved: Any = None) -> str:
    experiment = store.create_experiment(spec_data(one.search), "/", resolved or {}).id
    drive(store, experiment, one)
    return experiment


def test_every_update_is_a_row_that_says_how_far_the_run_was(store: Store) -> None:
    experiment = run(store, problem())
    rows = store.trace(experiment).rows
    assert len(rows) > 3 and [row.updates for row in rows] == list(range(1, len(rows) + 1))
    # What the ledger says of the moment of each update: asks by then, and items of the search split.
    sizes = {(one.candidate_id, one.block): one.num_items for one in store.evaluations(experiment, split=Split.SEARCH)}
    asked = items = told = 0
    moments = set()
    for event in store.ledger(experiment):
        if event.kind is EventKind.ASK:
            asked += event.payload["number"] >= asked
        elif event.kind is EventKind.TELL:
            items += sizes[event.payload["candidate_id"], event.payload["block"]]
            told += 1
            moments.add((asked, items))
    assert {(row.number, row.items) for row in rows} <= moments
    assert rows[-1].items > rows[0].items and rows[-1].number > rows[0].number
    assert rows[-1].state["sigma"] != rows[0].state["sigma"]


def test_rows_that_are_missing_are_written_by_whoever_resumes(store: Store) -> None:
    """As where a driver was killed between tell and row, or an older version had begun the experiment."""
    experiment = run(store, problem())
    expected = store.trace(experiment)
    for kept in (2, 0):
        with store._transaction() as session:
            session.execute(delete(SearchTraceRecord).where(SearchTraceRecord.updates > kept))
        assert len(store.trace(experiment).rows) == kept
        drive(store, experiment, problem())
        assert store.trace(experiment) == expected


def test_other_algorithms_leave_no_trace(store: Store) -> None:
    experiment = run(store, problem("pycma"))
    assert store.trace(experiment).rows == []
    assert any(one.kind is CandidateKind.SEARCH for one in store.candidates(experiment))


def test_words_are_kept_once_for_all_experiments(store: Store) -> None:
    one = problem()
    for _ in range(2):
        run(store, one, {"tasks": TASKS})
    keys = [(TASKS[ref.task]["config_hash"], ref.item) for refs in one.items.values() for ref in refs]
    texts = store.texts(keys)
    assert len(texts) == len(keys) and {text.prompt for text in texts.values()} == {f"what is {x}?" for _, x in keys}


def test_models_are_compared_once(store: Store) -> None:
    compared = []

    class Counting(FakeProblem):
        def similarity(self, expired: Callable[[], bool]) -> dict[str, Any]:
            compared.append(threading.current_thread())
            return super().similarity(expired)

    one = Counting(problem().search)
    experiment = run(store, one)
    drive(store, experiment, one)
    assert len(compared) == 1 and compared[0] is not threading.main_thread()
    assert store.decisions(experiment)["similarity"]["models"] == ["m0", "m1"]


def test_what_takes_too_long_or_fails_is_said_and_stops_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "LIMIT_S", 0.05)

    class Slow(FakeProblem):
        def similarity(self, expired: Callable[[], bool]) -> dict[str, Any]:
            while not expired():
                time.sleep(0.01)
            raise EvomergeError("there was no time")

    experiment = run(store, Slow(problem().search))
    decisions = store.decisions(experiment)
    assert (decisions["similarity"]["reason"], decisions["similarity"]["models"]) == ("there was no time", [])
    assert "winner" in decisions


def test_a_run_that_is_stopped_does_not_wait_for_it(store: Store) -> None:
    ended = threading.Event()

    class Endless(FakeProblem):
        def similarity(self, expired: Callable[[], bool]) -> dict[str, Any]:
            while not expired():
                time.sleep(0.01)
            ended.set()
            raise EvomergeError("there was no time")

        def texts(self) -> list[Any]:
            raise Interrupted("stopped on request")

    one = Endless(problem().search)
    experiment = store.create_experiment(spec_data(one.search), "/", {}).id
    with pytest.raises(Interrupted):
        drive(store, experiment, one)
    assert ended.wait(10) and "similarity" not in store.decisions(experiment)
