"""A driver that is killed at any registered place is followed by one that ends as the uninterrupted run did."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psutil
import psycopg
import pytest
from crashes import DRIVER_PLACES, PROCESSES, black_box, drive, run_driver, story, submit

from experiments.states import CandidateKind, EventKind, ExperimentState, Wanted
from experiments.store import Store


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with black_box() as served:
        yield served


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, url: str) -> tuple[dict[str, Any], dict[str, int]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    store_url = f"sqlite:///{folder}/store.db"
    with Store.open(store_url) as store:
        experiment = submit(store, url)
        assert run_driver(store_url, experiment, hits=str(folder / "hits")) == 0
        hits = json.loads((folder / "hits").read_text())
        return story(store, experiment), hits


@pytest.mark.parametrize("where", ["first", "middle"])
@pytest.mark.parametrize("place", DRIVER_PLACES)
def test_a_driver_killed_at_a_place_is_followed_by_one_that_ends_the_same(
    place: str, where: str, store_url: str, url: str, uninterrupted: tuple[dict[str, Any], dict[str, int]]
) -> None:
    expected, hits = uninterrupted
    nth = 1 if where == "first" else hits[place] // 2 + 1
    with Store.open(store_url) as store:
        experiment = submit(store, url)
        assert run_driver(store_url, experiment, place, nth) == -signal.SIGKILL
        left = store.get_experiment(experiment)
        finished = {one.id: one for one in store.evaluations(experiment) if one.finished_at and one.num_items}
        if left.state is not ExperimentState.FINISHED:  # killed after the very last commit
            assert run_driver(store_url, experiment) == 0
        assert store.get_experiment(experiment).state is ExperimentState.FINISHED
        assert story(store, experiment) == expected
        # No finished evaluation was run again.
        after = {one.id: one for one in store.evaluations(experiment)}
        assert all(after[key] == one for key, one in finished.items())
        assert store.audit() == []
        seqs = [event.seq for event in store.ledger(experiment)]
        assert seqs == list(range(1, len(seqs) + 1))


def test_every_place_is_passed(uninterrupted: tuple[dict[str, Any], dict[str, int]]) -> None:
    _, hits = uninterrupted
    assert set(DRIVER_PLACES) <= set(hits)


def test_a_driver_is_killed_again_and_again(
    store_url: str, url: str, uninterrupted: tuple[dict[str, Any], dict[str, int]]
) -> None:
    with Store.open(store_url) as store:
        experiment = submit(store, url)
        for _ in range(8):
            assert run_driver(store_url, experiment, "driver.recorded_not_told", 1) == -signal.SIGKILL
        assert run_driver(store_url, experiment) == 0
        assert story(store, experiment) == uninterrupted[0]
        takeovers = [
            e for e in store.events(experiment, kinds=(EventKind.STATE,)) if "died" in (e.payload["error"] or "")
        ]
        assert len(takeovers) == 8


@pytest.fixture
def driver(store_url: str) -> Iterator[Callable[[str], Any]]:
    """Start a driver beside the test."""
    started = []

    def start(experiment: str) -> Any:
        started.append(PROCESSES.Process(target=drive, args=(store_url, experiment, None, 1, None)))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        if one.is_alive():
            os.kill(one.pid or 0, signal.SIGKILL)
        one.join()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    for _ in range(1500):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen")


def test_pause_resume_extend_inject_and_cancel_reach_a_driver(
    store_url: str, url: str, driver: Callable[[str], Any], uninterrupted: tuple[dict[str, Any], dict[str, int]]
) -> None:
    with Store.open(store_url) as store:
        experiment = submit(store, f"{url}/slow")
        running = driver(experiment)
        eventually(lambda: store.progress(experiment).done > 3)
        store.want(experiment, Wanted.PAUSE, by="me")
        running.join(30)
        assert store.get_experiment(experiment).state is ExperimentState.PAUSED
        done = store.progress(experiment).done
        assert run_driver(store_url, experiment) == 1  # it is not wanted to run

        store.want(experiment, Wanted.RUN, by="me")
        store.extend(experiment, {"evaluations": 14}, by="me")
        store.inject(experiment, {"blackbox": {"x": 0.7, "y": -0.2}}, label="my guess", by="me")
        assert run_driver(store_url, experiment) == 0
        assert store.get_experiment(experiment).state is ExperimentState.FINISHED
        assert store.progress(experiment).done > done
        (mine,) = (one for one in store.candidates(experiment) if one.kind is CandidateKind.INJECTED)
        assert (mine.label, mine.vector) == ("my guess", None) and mine.fitness is not None
        assert store.decisions(experiment)["winner"]["number"] == mine.number
        # The search had 14 passes over 12 items, and the injected one came on top.
        assert 13 * 12 < store.progress(experiment).search_items <= 15 * 12
        # Up to the injection, the search is the one that nobody disturbed.
        found, expected = story(store, experiment)["candidates"], uninterrupted[0]["candidates"]
        assert [one[3] for one in found[: mine.number]] == [one[3] for one in expected[: mine.number]]

        other = submit(store, f"{url}/slow")
        running = driver(other)
        eventually(lambda: store.progress(other).done > 3)
        store.want(other, Wanted.CANCEL, by="me")
        running.join(30)
        assert store.get_experiment(other).state is ExperimentState.CANCELLED
        assert run_driver(store_url, other) == 1


def put_to_sleep(pid: int, store_url: str) -> None:
    """Stop a process while it is in no transaction, which would keep everybody else out."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        # On a busy machine the thread that records goes on for a while before the signal is heard.
        eventually(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        if is_unlocked(store_url):
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)


def is_unlocked(store_url: str) -> bool:
    try:
        if store_url.startswith("sqlite:///"):
            with closing(sqlite3.connect(store_url.removeprefix("sqlite:///"), timeout=0)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        else:
            with psycopg.connect(store_url) as session:
                session.execute("SELECT 1 FROM experiments FOR UPDATE NOWAIT")
    except (sqlite3.OperationalError, psycopg.errors.LockNotAvailable):
        return False
    return True


@pytest.mark.parametrize("taken_over", [False, True], ids=["nobody", "somebody"])
def test_a_driver_that_slept_through_its_heartbeats_goes_on_unless_somebody_took_over(
    taken_over: bool,
    store_url: str,
    url: str,
    driver: Callable[[str], Any],
    uninterrupted: tuple[dict[str, Any], dict[str, int]],
) -> None:
    with Store.open(store_url) as store:
        experiment = submit(store, f"{url}/slow")
        sleeping = driver(experiment)
        eventually(lambda: store.progress(experiment).done > 3)
        put_to_sleep(sleeping.pid, store_url)
        if taken_over:
            store.claim_driver(experiment, force=True)
            store.release_driver(experiment, ExperimentState.INTERRUPTED)
        before = store.ledger(experiment)
        os.kill(sleeping.pid, signal.SIGCONT)
        sleeping.join(60)
        assert sleeping.exitcode == int(taken_over)
        if taken_over:
            # What it had in hand when it woke up was refused.
            assert store.ledger(experiment) == before
            assert run_driver(store_url, experiment) == 0
        assert story(store, experiment) == uninterrupted[0]
        assert store.audit() == []
