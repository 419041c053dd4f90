"""The ledger, page by page and as a stream."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from seeded import new_experiment, seed

from api.live.feeds import Feed
from api.settings import Settings
from experiments.states import ExperimentState, Scope
from experiments.store import Store

URL = "/api/v1/experiments"


class TestPages:
    def test_walking_with_after(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store)
        seen: list[int] = []
        while True:
            page = reader.get(
                f"{URL}/{experiment.id}/events", params={"after": max(seen, default=0), "limit": 7}
            ).json()
            if not page["events"]:
                break
            seen += [event["seq"] for event in page["events"]]
        assert seen == list(range(1, page["last_seq"] + 1)) and page["last_seq"] == experiment.last_seq

    def test_kinds(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store)
        url = f"{URL}/{experiment.id}/events?kind=state&kind=infeasible&limit=1000"
        kinds = [event["kind"] for event in reader.get(url).json()["events"]]
        assert (kinds.count("state"), kinds.count("infeasible")) == (2, 2) and len(kinds) == 4

    def test_walking_back_with_before(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store)
        url = f"{URL}/{experiment.id}/events"
        seen: list[int] = []
        while True:
            edge = min(seen, default=experiment.last_seq + 1)
            page = reader.get(url, params={"before": edge, "limit": 7}).json()
            seen += [event["seq"] for event in page["events"]]
            if len(page["events"]) < 7:
                break
        assert seen == list(range(experiment.last_seq, 0, -1))
        last = reader.get(url, params={"before": experiment.last_seq + 1, "kind": "infeasible", "limit": 1}).json()
        assert [event["kind"] for event in last["events"]] == ["infeasible"] and last["events"][0]["seq"] > 30
        assert reader.get(url, params={"before": 9, "after": 3}).json()["field"] == "query.before"


Message = dict[str, str]


class Stream:
    """Server-Sent Events over a socket, parsed as browsers do."""

    def __init__(self, address: tuple[str, int], path: str, secret: str, headers: dict[str, str]) -> None:
        self._socket = socket.create_connection(address, timeout=60)
        sent = {
            "Host": f"127.0.0.1:{address[1]}",
            "Authorization": f"Bearer {secret}",
            "Accept": "text/event-stream",
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value

    def __iter__(self) -> Iterator[Message]:
        found: Message = {}
        for line in self._lines():
            if line:
                name, _, value = line.partition(": ")
                found[name] = value
            elif found:
                yield found
                found = {}

    def _lines(self) -> Iterator[str]:
        while size := int(self._file.readline(), 16):  # chunked transfer coding
            chunk = self._file.read(size + 2)[:-2]
            yield from chunk.decode().split("\n")[:-1]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def open_stream(address: tuple[str, int], secret_of: Any) -> Iterator[Any]:
    opened: list[Stream] = []
    secret = secret_of(Scope.READ)

    def go(experiment: str, query: str = "", **headers: str) -> Stream:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        opened.append(Stream(address, f"{URL}/{experiment}/events{query}", secret, sent))
        return opened[-1]

    yield go
    for one in opened:
        one.close()


def numbers(messages: list[Message]) -> list[int]:
    return [int(one["id"]) for one in messages if "id" in one]


class TestStream:
    def test_a_finished_experiment_is_told_from_the_start_and_ends(self, open_stream: Any, store: Store) -> None:
        experiment = seed(store, finished=True)
        stream = open_stream(experiment.id)
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        messages = list(stream)
        assert numbers(messages) == list(range(1, experiment.last_seq + 1))
        assert (messages[-1]["event"], json.loads(messages[-1]["data"])) == ("end", {"state": "finished"})
        first = json.loads(messages[0]["data"])
        assert (messages[0]["event"], first["kind"], first["seq"]) == ("state", "state", 1)

    def test_a_viewer_goes_on_where_it_was_without_gap_or_double(self, open_stream: Any, store: Store) -> None:
        experiment = new_experiment(store)
        seen: list[int] = []
        written = threading.Event()

        def drive() -> None:
            store.claim_driver(experiment.id)
            for number in range(400):
                store.record_decision(experiment.id, f"d{number}", {"number": number})
                if number == 200:
                    written.wait(60)
            store.release_driver(experiment.id, ExperimentState.FINISHED)

        driver = threading.Thread(target=drive)
        driver.start()
        # Four viewers in turn, each of which hangs up in the middle; the third finds the driver still at work.
        for limit in (3, 90, 120):
            stream = open_stream(experiment.id, last_event_id=str(max(seen, default=0)))
            for message in stream:
                seen.append(int(message["id"]))
                if len(seen) % limit == 0:
                    break
            stream.close()
        written.set()
        rest = list(open_stream(experiment.id, query="?after=1", last_event_id=str(seen[-1])))
        driver.join()
        assert rest[-1]["event"] == "end"
        assert seen + numbers(rest) == list(range(1, store.get_experiment(experiment.id).last_seq + 1))

    def test_all_viewers_share_one_reader(
        self, open_stream: Any, store: Store, monkeypatch: pytest.MonkeyPatch, app: FastAPI
    ) -> None:
        experiment = new_experiment(store)
        feeds = []
        follow = Feed._follow

        async def counted_follow(feed: Feed) -> None:
            feeds.append(feed)
            await follow(feed)

        monkeypatch.setattr(Feed, "_follow", counted_follow)
        streams = [iter(open_stream(experiment.id)) for _ in range(5)]
        assert {next(one)["id"] for one in streams} == {"1"}
        assert app.state.metrics.sse_clients._value.get() == 5
        store.claim_driver(experiment.id)
        store.release_driver(experiment.id, ExperimentState.FAILED, error="x")
        endings = [list(one) for one in streams]
        assert {tuple(numbers(one)) for one in endings} == {(2, 3)}
        assert len(feeds) == 1

    def test_an_idle_stream_is_kept_alive(
        self, open_stream: Any, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("api.live.stream.PING_S", 0.05)
        lines = open_stream(new_experiment(store).id, query="?after=1")._lines()
        assert [next(lines) for _ in range(4)] == [": ping", "", ": ping", ""]

    def test_viewers_are_limited(self, open_stream: Any, store: Store, settings: Settings) -> None:
        experiment = new_experiment(store)
        with hold(open_stream, experiment.id, settings.max_streams):
            refused = open_stream(experiment.id)
            assert (refused.status, refused.headers["content-type"]) == (429, "application/problem+json")
            assert int(refused.headers["retry-after"]) > 0

    def test_a_stream_from_the_future_waits(self, open_stream: Any, store: Store) -> None:
        experiment = seed(store, finished=True)
        assert [one["event"] for one in open_stream(experiment.id, last_event_id="2000000000")] == ["end"]
        for wrong in ("-1", "x", "99999999999"):
            assert open_stream(experiment.id, last_event_id=wrong).status == 422


@contextmanager
def hold(open_stream: Any, experiment: str, count: int) -> Iterator[None]:
    """Have viewers whose streams have begun."""
    streams = [open_stream(experiment) for _ in range(count)]
    for one in streams:
        next(iter(one))
    yield


class TestChangesUnderViewers:
    """Viewers are told of an event a quarter of a second later; who made it need not wait for that."""

    def test_who_changes_an_experiment_sees_it_at_once(
        self, open_stream: Any, runner: TestClient, store: Store
    ) -> None:
        experiment = seed(store)
        assert open_stream(experiment.id).status == 200
        runner.get(URL)
        for number in range(5):
            for verb, body in (
                ("pause", None),
                ("resume", None),
                ("extend", {"budget": {"evaluations": 100 + number}}),
            ):
                changed = runner.post(f"{URL}/{experiment.id}/{verb}", json=body).json()
                (listed,) = runner.get(URL).json()["experiments"]
                (compared,) = runner.get(f"{URL}/compare", params={"ids": experiment.id}).json()["experiments"]
                for seen in (listed, compared["experiment"], runner.get(f"{URL}/{experiment.id}").json()):
                    assert (seen["wanted"], seen["revision"]) == (changed["wanted"], changed["revision"])

    def test_who_asks_for_an_export_sees_it_at_once(self, open_stream: Any, runner: TestClient, store: Store) -> None:
        experiment = seed(store)
        assert open_stream(experiment.id).status == 200
        for _ in range(5):
            known = runner.get(f"{URL}/{experiment.id}/lineage").json()["nodes"]
            number = next(int(one["href"].rpartition("/")[2]) for one in known if one["kind"] == "candidate")
            made = runner.post(f"{URL}/{experiment.id}/exports", json={"candidate": number}).json()
            nodes = runner.get(f"{URL}/{experiment.id}/lineage").json()["nodes"]
            assert f"artifact:{made['id']}" in {one["id"] for one in nodes}
