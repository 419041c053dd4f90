"""Answers that are made once for all who ask, and headlines that are kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel
from seeded import new_experiment, seed

from api import answers
from api.answers import Answers
from api.figures import headlines
from api.figures.headlines import Headlines
from experiments.entities import Experiment, ExperimentSummary
from experiments.states import ExperimentState, Scope, Wanted
from experiments.store import Store


class Told:
    """Feeds of which some have viewers, who know events up to one."""

    def __init__(self) -> None:
        self.viewers: dict[str, int] = {}

    def told(self, experiment_id: str, last_seq: int) -> int:
        return self.viewers.get(experiment_id, last_seq)


class Answer(BaseModel):
    place: int


class Maker:
    """Makes answers, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Answer:
        self.made += 1
        return Answer(place=self.made)


@pytest.fixture
def feeds() -> Told:
    return Told()


@pytest.fixture
def shared(feeds: Told) -> Answers:
    return Answers(feeds)  # type: ignore[arg-type]


@pytest.fixture
def experiment(store: Store) -> Experiment:
    return new_experiment(store)


def grown(experiment: Experiment) -> Experiment:
    return replace(experiment, last_seq=experiment.last_seq + 1)


def test_an_answer_is_made_again_when_there_is_more_to_know(shared: Answers, experiment: Experiment) -> None:
    make = Maker()
    assert shared.get("series", [experiment], make) == b'{"place":1}'
    assert shared.get("series", [experiment], make) == b'{"place":1}'
    assert shared.get("other", [experiment], make) == b'{"place":2}'
    assert shared.get("series", [grown(experiment)], make) == b'{"place":3}'


def test_viewers_get_what_they_were_told_of(shared: Answers, feeds: Told, experiment: Experiment) -> None:
    make = Maker()
    feeds.viewers[experiment.id] = experiment.last_seq
    assert shared.get("series", [experiment], make) == shared.get("series", [grown(experiment)], make)
    feeds.viewers[experiment.id] += 1
    assert shared.get("series", [grown(experiment)], make) == b'{"place":2}'


def test_what_people_did_is_known_before_viewers_are_told(
    shared: Answers, feeds: Told, experiment: Experiment, store: Store
) -> None:
    make = Maker()
    feeds.viewers[experiment.id] = experiment.last_seq
    shared.get("list", [experiment], make)
    paused = store.want(experiment.id, Wanted.PAUSE, by="ada")
    assert shared.get("list", [paused], make) == b'{"place":2}'
    resumed = store.want(experiment.id, Wanted.RUN, by="ada")
    assert shared.get("list", [resumed], make) == b'{"place":3}'
    store.inject(experiment.id, {"method": "linear"}, label="", by="ada")
    assert shared.get("list", [store.get_experiment(experiment.id)], make) == b'{"place":4}'


def test_what_was_read_before_viewers_were_told_is_no_answer_to_them(
    shared: Answers, feeds: Told, experiment: Experiment
) -> None:
    make = Maker()
    feeds.viewers[experiment.id] = experiment.last_seq + 1
    shared.get("list", [experiment], make)
    assert shared.get("list", [grown(experiment)], make) == b'{"place":2}'


def test_an_answer_about_several_depends_on_each(shared: Answers, store: Store) -> None:
    first, second, make = new_experiment(store), new_experiment(store), Maker()
    for pair in ([first, second], [first, grown(second)], [grown(first), grown(second)], [second, first]):
        shared.get("compare", pair, make)
    assert make.made == 4


def test_an_answer_gets_old(shared: Answers, experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    shared.get("timeline", [experiment], make)
    monkeypatch.setattr(answers.time, "monotonic", lambda now=time.monotonic: now() + 6)
    assert shared.get("timeline", [experiment], make) == b'{"place":2}'


def ask_at_once(shared: Answers, experiment: Experiment, make: Callable[[], Answer]) -> list[bytes | Exception]:
    """Ask the same with eight threads, of which seven come while the first one's answer is being made."""
    begun, waiting = threading.Event(), threading.Event()

    def slow() -> Answer:
        begun.set()
        assert waiting.wait(10)
        return make()

    def ask() -> bytes | Exception:
        try:
            return shared.get("series", [experiment], slow)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask)
        assert begun.wait(10)
        others = [pool.submit(ask) for _ in range(7)]
        waiting.set()
        return [one.result(10) for one in (first, *others)]


def test_who_asks_the_same_at_once_gets_the_same(shared: Answers, experiment: Experiment) -> None:
    make = Maker()
    assert ask_at_once(shared, experiment, make) == [b'{"place":1}'] * 8
    assert make.made == 1


def test_an_error_is_not_kept(shared: Answers, experiment: Experiment) -> None:
    def fail() -> Answer:
        raise ValueError("no luck")

    assert all(isinstance(one, ValueError) for one in ask_at_once(shared, experiment, fail))
    assert shared.get("series", [experiment], Maker()) == b'{"place":1}'


def test_charts_need_a_token_whoever_asked_before(
    store: Store, make_client: Callable[..., TestClient], secret_of: Callable[[Scope], str]
) -> None:
    url = f"/api/v1/experiments/{seed(store).id}/series"
    assert make_client(secret_of(Scope.READ)).get(url).is_success
    assert make_client().get(url).status_code == 401


def test_headlines_of_experiments_that_do_not_run_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    running, ended = seed(store), seed(store, name="ended", finished=True)
    asked: list[list[str]] = []
    original = headlines.headlines

    def spy(store: Store, found: list[ExperimentSummary]) -> object:
        asked.append([one.experiment.id for one in found])
        return original(store, found)

    monkeypatch.setattr(headlines, "headlines", spy)
    kept = Headlines(store)
    summaries = [ExperimentSummary(one, store.progress(one.id)) for one in (running, ended)]
    assert kept.of(summaries) == kept.of(summaries) == original(store, summaries)
    grown_summary = replace(summaries[1], experiment=grown(ended))
    kept.of([grown_summary])
    paused = ExperimentSummary(replace(running, state=ExperimentState.PAUSED), store.progress(running.id))
    assert kept.of([paused]) == kept.of([paused])
    assert asked == [[running.id, ended.id], [running.id], [ended.id], [running.id], []]
