"""The Python client against a real server, with the network at its worst."""

from __future__ import annotations

import hashlib
import inspect
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from proxy import CuttingProxy
from seeded import BLACKBOX, merge_spec, new_experiment, seed, write_model
from served import Served

from api.problems import problem_response
from evomerge import AsyncClient, Client, errors
from evomerge.client.steps import iteration, operation
from evomerge.errors import (
    EvomergeError,
    InvalidInput,
    ModelError,
    NotFound,
    PreconditionFailed,
    ServerError,
    SpecError,
    StateConflict,
    Unauthorized,
    Unavailable,
)
from experiments.entities import Artifact
from experiments.states import ExperimentState, Wanted


class Failing(httpx2.BaseTransport):
    """Answers the first requests itself, with what the test says; raises what is an exception."""

    def __init__(self, *first: httpx2.Response | Exception) -> None:
        self.first = list(first)
        self._real = httpx2.HTTPTransport()
        self.seen: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if not self.first:
            return self._real.handle_request(request)
        answer = self.first.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def run_async(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run on a thread of its own: the browser of other tests leaves its event loop running on this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, function, *arguments).result()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with served.client() as made:
        yield made


def ready_artifact(served: Served, experiment_id: str, files: dict[str, bytes]) -> Artifact:
    pending = served.store.ask_export(experiment_id, 1, str(served.folder / "artifacts"), by="tests")
    Path(pending.path).mkdir()
    for name, data in files.items():
        Path(pending.path, name).write_bytes(data)
    about = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    return served.store.finish_export(pending.id, about)


class TestImport:
    def test_loads_nothing_heavy_and_no_server(self) -> None:
        code = """
import sys, evomerge
light = {"torch", "ray", "vllm", "fastapi", "httpx2", "pydantic", "sqlalchemy"} & set(sys.modules)
client = evomerge.Client("http://127.0.0.1:8000", "evm_x")
heavy = {"torch", "ray", "vllm", "fastapi", "starlette", "sqlalchemy", "numpy", "transformers"} & set(sys.modules)
assert not light and not heavy, (light, heavy)
"""
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_other_names_do_not_exist(self) -> None:
        import evomerge

        with pytest.raises(AttributeError, match="Cleint"):
            evomerge.Cleint  # noqa: B018


class TestWhereAndWho:
    def test_the_environment_names_server_and_token(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVOMERGE_SERVER", f"{served.url}/")
        monkeypatch.setenv("EVOMERGE_TOKEN", served.token)
        with Client() as client:
            assert client.whoami().owner == "run-person"

    @pytest.mark.parametrize(
        "server", ["", "127.0.0.1:8000", "ftp://host", "http://", "http://host?x=1", "http://[::1"]
    )
    def test_what_is_no_address_is_refused(self, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("EVOMERGE_SERVER", raising=False)
        with pytest.raises(InvalidInput) as caught:
            Client(server)
        assert caught.value.field == "server"

    def test_secrets_are_shown_nowhere(self, served: Served) -> None:
        with pytest.raises(InvalidInput) as password:
            Client("http://me:sesame@host")
        with pytest.raises(InvalidInput) as spaced:
            Client("http://host", "evm_sesame x")
        with Client(served.url, "evm_sesame") as client, pytest.raises(Unauthorized) as refused:
            client.whoami()
        gone = Client("http://127.0.0.1:9", "evm_sesame", patience_s=0)
        with gone, pytest.raises(Unavailable) as unreachable:
            gone.whoami()
        shown = [
            repr(client),
            repr(gone),
            *(repr(one.value) + str(one.value) for one in (password, spaced, refused, unreachable)),
        ]
        assert not any("sesame" in text for text in shown)

    def test_a_server_that_is_not_there_is_named_with_what_to_do(self) -> None:
        with Client("http://127.0.0.1:9", patience_s=0) as client, pytest.raises(Unavailable) as caught:
            client.models()
        for part in ("http://127.0.0.1:9", "evomerge serve", "--server"):
            assert part in str(caught.value)

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (httpx2.Response(200, text="<html>hello</html>"), ServerError),
            (httpx2.Response(200, json={"models": 3}), ServerError),
            (httpx2.Response(302, headers={"Location": "https://elsewhere"}), InvalidInput),
            (httpx2.Response(404, text="<html>nothing</html>"), InvalidInput),
            (httpx2.Response(500, text="oops"), ServerError),
            (httpx2.Response(400, headers={"Content-Type": "application/problem+json"}, text="{"), InvalidInput),
        ],
    )
    def test_what_is_no_evomerge_server_is_said_to_be_none(
        self, answer: httpx2.Response, kind: type[Exception]
    ) -> None:
        with Client("http://other", transport=Failing(answer)) as client, pytest.raises(kind, match="evomerge server"):
            client.models()


def every_error() -> list[EvomergeError]:
    def tree(kind: type[EvomergeError]) -> Iterator[type[EvomergeError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from tree(child)

    kinds = [kind for kind in tree(EvomergeError) if kind.__module__ == errors.__name__]
    return [
        kind("a.field", "it is odd", "mend it") if issubclass(kind, InvalidInput) else kind("it broke")
        for kind in kinds
    ]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.code)
def test_every_error_arrives_as_it_was_raised(error: EvomergeError) -> None:
    answer = problem_response({"type": "http", "state": {"request_id": "r1"}}, error)
    sent = httpx2.Response(answer.status_code, headers=dict(answer.headers), content=answer.body)
    client = Client("http://server", patience_s=0, transport=Failing(sent))
    with client, pytest.raises(type(error)) as caught:
        client.models()
    assert type(caught.value) is type(error)
    assert caught.value.__notes__ == ["request r1"]
    if not isinstance(error, errors.StoreError):  # which tell no stranger where the store is
        assert str(caught.value) == str(error)


class TestRepetition:
    def test_what_is_cut_after_it_took_effect_takes_no_effect_again(self, served: Served, proxy: CuttingProxy) -> None:
        proxy.cuts = [0, 20]
        with served.client(proxy.url) as client:
            created = client.submit(BLACKBOX)
            assert proxy.connections == 3
            assert [one.id for one in client.experiments()] == [created.id]
            proxy.cut_all()
            proxy.cuts = [0]
            client.extend(created.id, {"evaluations": 50})
        assert served.store.get_experiment(created.id).budget == {"evaluations": 50}

    def test_a_connection_that_was_closed_meanwhile_is_made_again(self, served: Served, proxy: CuttingProxy) -> None:
        with served.client(proxy.url) as client:
            client.whoami()
            proxy.cut_all()
            assert client.whoami().owner == "run-person"

    @pytest.mark.parametrize(
        "failure",
        [
            httpx2.Response(502),
            httpx2.Response(503, headers={"Retry-After": "0"}),
            httpx2.Response(504),
            httpx2.Response(429, headers={"Retry-After": "1"}),
            httpx2.ConnectError("refused"),
            httpx2.ReadTimeout("silent"),
            httpx2.RemoteProtocolError("cut"),
        ],
        ids=str,
    )
    def test_what_passes_is_waited_for_with_the_same_key(
        self, served: Served, failure: httpx2.Response | Exception
    ) -> None:
        transport = Failing(failure, failure)
        began = time.monotonic()
        with served.client(transport=transport) as client:
            created = client.submit(BLACKBOX)
        assert created.state is ExperimentState.CREATED
        keys = [request.headers["Idempotency-Key"] for request in transport.seen]
        assert len(keys) == 3 and len(set(keys)) == 1
        if "Retry-After: 1" in str(getattr(failure, "headers", "")):
            assert time.monotonic() - began >= 2

    def test_the_same_request_under_way_is_waited_for(self, served: Served) -> None:
        busy = StateConflict("Idempotency-Key", "a request with it is under way", "send it again in a moment")
        answer = problem_response({"type": "http", "state": {"request_id": "r1"}}, busy)
        transport = Failing(httpx2.Response(409, headers=dict(answer.headers), content=answer.body))
        with served.client(transport=transport) as client:
            assert client.submit(BLACKBOX).state is ExperimentState.CREATED
        assert len(transport.seen) == 2

    def test_each_call_has_its_own_key(self, served: Served) -> None:
        transport = Failing()
        with served.client(transport=transport) as client:
            assert client.submit(BLACKBOX).id != client.submit(BLACKBOX).id
        assert len({request.headers["Idempotency-Key"] for request in transport.seen}) == 2

    def test_patience_ends(self, served: Served) -> None:
        later = httpx2.Response(429, headers={"Retry-After": "60"})
        transport = Failing(later, later)
        with served.client(transport=transport, patience_s=10) as client, pytest.raises(EvomergeError):
            client.whoami()
        assert len(transport.seen) == 1

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422])
    def test_what_the_server_refuses_is_not_repeated(self, served: Served, status: int) -> None:
        transport = Failing(httpx2.Response(status))
        with served.client(transport=transport) as client, pytest.raises(InvalidInput):
            client.submit(BLACKBOX)
        assert len(transport.seen) == 1

    def test_a_token_is_never_made_twice(self, served: Served) -> None:
        transport = Failing(httpx2.ReadTimeout("silent"))
        with served.client(transport=transport) as client, pytest.raises(Unavailable):
            client.create_token("x", "y")
        transport = Failing(httpx2.ConnectError("refused"))
        with served.client(transport=transport) as client:
            assert client.create_token("x", "y").secret.startswith("evm_")


class TestExperiments:
    def test_the_life_of_one(self, client: Client, served: Served) -> None:
        created = client.submit(BLACKBOX, priority=3)
        assert client.experiment(created.id).priority == 3
        assert client.validate(BLACKBOX).dimensions == 2
        assert client.pause(created.id).state is ExperimentState.PAUSED
        resumed = client.resume("box")
        assert resumed.wanted is Wanted.RUN
        with pytest.raises(PreconditionFailed):
            client.cancel(created.id, revision=resumed.revision - 1)
        extended = client.extend(
            created.id,
            {
                "evaluations": 90,
            },
        )
        with pytest.raises(StateConflict):
            client.extend(created.id, {"evaluations": 80})
        cloned = client.clone(created.id, name="second", changes={"search": {"seed": 7}}, priority=-1)
        spec = client.experiment(cloned.id).spec
        assert (spec["name"], spec["search"]["seed"], spec["search"]["budget"]) == ("second", 7, {"evaluations": 90})
        injected = client.inject(created.id, {"blackbox": {"x": 0.5, "y": 1.0}}, label="mine")
        assert injected.recipe == {"blackbox": {"x": 0.5, "y": 1.0}}
        assert client.cancel(created.id, revision=extended.revision).state is ExperimentState.CANCELLED
        assert client.wait(created.id, timeout_s=1).state is ExperimentState.CANCELLED
        compared = client.compare([created.id, cloned.id]).experiments
        assert [one.experiment.id for one in compared] == [created.id, cloned.id]
        with pytest.raises(NotFound):
            client.experiment("nothing")

    def test_lists_are_iterated_over_all_pages(self, client: Client, served: Served) -> None:
        made = [new_experiment(served.store, name=f"e{number}").id for number in range(205)]
        assert [one.id for one in client.experiments()] == made[::-1]
        assert [one.id for one in client.experiments(limit=203)] == made[:1:-1]
        assert [one.name for one in client.experiments(text="e20", state="created", owner="run-person")] == [
            "e204",
            "e203",
            "e202",
            "e201",
            "e200",
            "e20",
        ]

    def test_waiting_ends(self, client: Client, served: Served) -> None:
        made = new_experiment(served.store)
        with pytest.raises(TimeoutError, match="created"):
            client.wait(made.id, timeout_s=0.3)
        threading.Timer(0.5, served.store.want, (made.id, Wanted.CANCEL), {"by": "somebody"}).start()
        assert client.wait(made.id).state is ExperimentState.CANCELLED


class TestPathsInSpecs:
    def write(self, folder: Path, **changes: Any) -> Path:
        import yaml

        path = folder / "spec.yaml"
        path.write_text(yaml.safe_dump({**merge_spec(), **changes}))
        return path

    def sent(self, url: str, spec: Path, *first: httpx2.Response) -> dict[str, Any]:
        import json

        transport = Failing(*first, httpx2.Response(418))
        with Client(url, transport=transport) as client, pytest.raises(InvalidInput):
            client.submit(spec)
        data: dict[str, Any] = json.loads(transport.seen[-1].content)["spec"]
        return data

    def test_a_server_of_this_machine_gets_absolute_paths_of_what_is_there(self, tmp_path: Path) -> None:
        write_model(tmp_path / "base")
        (tmp_path / "words.yaml").write_text("task: words")
        spec = self.sent("http://127.0.0.1:1", self.write(tmp_path))
        assert spec["base_model"] == {"model": str(tmp_path / "base")}
        assert spec["models"]["a"] == {"model": "a"}
        assert spec["tasks"][0]["task"] == str(tmp_path / "words.yaml")

    def test_another_machine_gets_names_and_no_paths(self, tmp_path: Path) -> None:
        spec = self.write(tmp_path)
        assert self.sent("http://far", spec)["base_model"] == {"model": "base"}
        write_model(tmp_path / "base")
        offered = {"name": "base", "kind": "checkpoint", "architecture": None, "size_bytes": 1, "problem": None}
        there = httpx2.Response(200, json={"models": [offered]})
        assert self.sent("http://far", spec, there)["base_model"] == {"model": "base"}
        elsewhere = httpx2.Response(200, json={"models": [{**offered, "name": "bases"}]})
        with Client("http://far", transport=Failing(elsewhere)) as client, pytest.raises(ModelError) as caught:
            client.submit(spec)
        assert caught.value.field == "base_model"
        assert "evomerge models" in caught.value.fix and "'bases'" in caught.value.fix

    def test_files_of_options_are_paths_and_words_are_not(self, tmp_path: Path) -> None:
        for name in ("base", "data.jsonl"):
            (tmp_path / name).write_text("x")
        spec = self.write(tmp_path, merge={"method": "task_arithmetic", "options": {"a": "base", "b": "data.jsonl"}})
        assert self.sent("http://localhost", spec)["merge"]["options"] == {
            "a": "base",
            "b": str(tmp_path / "data.jsonl"),
        }
        with Client("http://far", transport=Failing()) as client, pytest.raises(SpecError, match="task directories"):
            client.submit(spec)

    def test_the_file_is_checked_before_anything_is_sent(self, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_text("name: x\nmodles: {}\n")
        with Client("http://127.0.0.1:9") as client:
            with pytest.raises(SpecError, match="line 2"):
                client.submit(tmp_path / "bad.yaml")
            with pytest.raises(NotFound):
                client.validate(tmp_path / "none.yaml")


class TestEvents:
    def test_each_comes_once_across_cuts_until_the_end(self, served: Served, proxy: CuttingProxy) -> None:
        made = seed(served.store, candidates=8)
        expected = [event.seq for event in served.store.events(made.id)]
        seen: list[int] = []
        with served.client(proxy.url) as client:
            real = client._connection.request
            asked: list[Any] = []

            def cutting(ask: Any) -> httpx2.Request:
                if ask.stream and not any(one.stream for one in asked):
                    # Whoever follows a name stays with the experiment that had it.
                    new_experiment(served.store, name=made.name)
                    proxy.cut_all()
                    proxy.cuts = [2000, 900]
                asked.append(ask)
                return real(ask)

            client._connection.request = cutting  # type: ignore[method-assign]
            for event in client.events(made.name):
                seen.append(event.seq)
                if event.seq == expected[-1]:
                    connections = proxy.connections
                    proxy.cut_all()
                    served.store.want(made.id, Wanted.PAUSE, by="somebody")
                    served.store.release_driver(made.id, ExperimentState.CANCELLED)
        assert seen == [event.seq for event in served.store.events(made.id)]
        assert len(seen) > len(expected)
        assert proxy.connections > connections >= 3

    def test_they_start_where_they_should(self, served: Served, client: Client) -> None:
        made = seed(served.store, finished=True)
        everything = served.store.events(made.id)
        assert [one.seq for one in client.events(made.id, after=5)] == [one.seq for one in everything[5:]]
        assert [one.seq for one in client.past_events(made.id, after=5)] == [one.seq for one in everything[5:]]
        decisions = list(client.past_events(made.id, kinds=["decision", "state"]))
        assert {one.kind for one in decisions} == {"decision", "state"}

    def test_a_page_that_is_no_stream_is_an_error(self, served: Served) -> None:
        made = new_experiment(served.store)
        transport = Failing()
        with served.client(transport=transport) as client:
            client.whoami()
            feed = client._connection.request

            def page(ask: Any) -> httpx2.Request:
                if ask.stream:
                    transport.first.append(httpx2.Response(200, html="<p>hello</p>"))
                return feed(ask)

            client._connection.request = page  # type: ignore[method-assign]
            with pytest.raises(ServerError, match="no events"):
                list(client.events(made.id))

    def test_leaving_early_closes_the_stream(self, served: Served, client: Client) -> None:
        made = seed(served.store)
        for _ in client.events(made.id):
            break
        assert client.whoami().owner == "run-person"


class TestDownloads:
    DATA = bytes(range(256)) * 4000

    def artifact(self, served: Served) -> Artifact:
        made = seed(served.store, finished=True)
        return ready_artifact(served, made.id, {"model.safetensors": self.DATA, "README.md": b"card"})

    def test_a_file_that_is_cut_is_continued(self, served: Served, proxy: CuttingProxy, tmp_path: Path) -> None:
        artifact = self.artifact(served)
        requests: list[str | None] = []
        with served.client(proxy.url) as client:
            shown = client.artifact(artifact.id)
            proxy.cut_all()
            proxy.cuts = [300_000, 400_000]
            real = client._connection.request

            def watched(ask: Any) -> httpx2.Request:
                request = real(ask)
                requests.append(request.headers.get("Range"))
                return request

            client._connection.request = watched  # type: ignore[method-assign]
            client.download(shown, tmp_path / "out")
        starts = [int(one.split("=")[1][:-1]) for one in requests if one]
        assert len(starts) >= 2 and 0 < starts[0] < starts[1] < len(self.DATA)
        assert (tmp_path / "out" / "model.safetensors").read_bytes() == self.DATA
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "model.safetensors"]

    def test_another_process_goes_on_and_keeps_what_is_whole(
        self, served: Served, client: Client, tmp_path: Path
    ) -> None:
        shown = client.artifact(self.artifact(served).id)
        out = tmp_path / "out"
        out.mkdir()
        (out / ".model.safetensors.part").write_bytes(self.DATA[:1000])
        (out / "README.md").write_bytes(b"card")
        before = (out / "README.md").stat().st_mtime_ns
        assert client.download(shown, out) == out
        assert (out / "model.safetensors").read_bytes() == self.DATA
        assert (out / "README.md").stat().st_mtime_ns == before

    def test_what_is_not_as_promised_gets_no_name(self, served: Served, client: Client, tmp_path: Path) -> None:
        artifact = self.artifact(served)
        Path(artifact.path, "model.safetensors").write_bytes(self.DATA[::-1])
        with pytest.raises(ServerError, match="checksum"):
            client.download(client.artifact(artifact.id), tmp_path / "out")
        assert not list((tmp_path / "out").glob("*model*"))

    def test_a_file_that_stays_short_ends_with_an_error(self, served: Served, tmp_path: Path) -> None:
        artifact = self.artifact(served)
        Path(artifact.path, "model.safetensors").write_bytes(b"short")
        with served.client(patience_s=0.2) as client, pytest.raises(EvomergeError):
            client.download(client.artifact(artifact.id), tmp_path / "out")

    def test_nothing_that_is_there_is_overwritten(self, served: Served, client: Client, tmp_path: Path) -> None:
        shown = client.artifact(self.artifact(served).id)
        (tmp_path / "README.md").write_text("mine")
        with pytest.raises(InvalidInput, match="empty directory"):
            client.download(shown, tmp_path)
        assert (tmp_path / "README.md").read_text() == "mine"
        with pytest.raises(InvalidInput, match="out: cannot write"):
            client.download(shown, tmp_path / "README.md" / "below")

    def test_names_of_files_lead_nowhere_else(self, served: Served, client: Client, tmp_path: Path) -> None:
        shown = client.artifact(self.artifact(served).id)
        for name in ("../x", "/x", "..", "a/b", ".x"):
            evil = shown.model_copy(update={"files": {name: shown.files["README.md"]}})
            with pytest.raises(ServerError, match="no plain name"):
                client.download(evil, tmp_path / "out")
        assert not list((tmp_path / "out").iterdir())

    def test_save_waits_for_the_export(self, served: Served, client: Client, tmp_path: Path) -> None:
        made = seed(served.store, finished=True)

        def make() -> None:
            while not (found := served.store.artifacts(made.id)):
                time.sleep(0.05)
            Path(found[0].path).mkdir()
            Path(found[0].path, "README.md").write_bytes(b"card")
            about = {"README.md": {"bytes": 4, "sha256": hashlib.sha256(b"card").hexdigest()}}
            served.store.finish_export(found[0].id, about)

        threading.Thread(target=make).start()
        saved = client.save(made.id, tmp_path / "out")
        assert (tmp_path / "out" / "README.md").read_bytes() == b"card"
        assert (saved.candidate.number, list(saved.files)) == (1, ["README.md"])
        assert [one.state for one in client.artifacts(made.id)] == ["ready"]

    def test_an_export_that_fails_says_why(self, served: Served, client: Client) -> None:
        made = seed(served.store, finished=True)

        def fail() -> None:
            while not (found := served.store.artifacts(made.id)):
                time.sleep(0.05)
            served.store.finish_export(found[0].id, {}, error="no room")

        threading.Thread(target=fail).start()
        with pytest.raises(ServerError, match="no room"):
            client.export(made.id, 2)
        pending = served.store.ask_export(made.id, 1, str(served.folder), by="x")
        with pytest.raises(StateConflict, match="pending"):
            client.download(client.artifact(pending.id), served.folder / "out")


EARLY = datetime(2020, 1, 1, tzinfo=UTC)
READS: list[tuple[str, Callable[[Any, str], Any]]] = [
    ("experiment", lambda client, one: client.experiment(one)),
    ("experiments", lambda client, one: client.experiments(text="json")),
    ("candidates", lambda client, one: client.candidates(one, order="-fitness", limit=3)),
    ("candidate", lambda client, one: client.candidate(one, 1)),
    ("items", lambda client, one: client.items(one, 1, outputs=True)),
    ("evaluations", lambda client, one: client.evaluations(one, limit=5)),
    ("workers", lambda client, one: client.workers(one)),
    ("running_workers", lambda client, one: client.running_workers()),
    ("series", lambda client, one: client.series(one, points=5)),
    ("points", lambda client, one: client.points(one, limit=3)),
    ("coefficients", lambda client, one: client.coefficients(one, limit=4)),
    ("baselines", lambda client, one: client.baselines(one)),
    ("generalisation", lambda client, one: client.generalisation(one)),
    ("racing", lambda client, one: client.racing(one, limit=3)),
    ("tradeoffs", lambda client, one: client.tradeoffs(one)),
    ("lineage", lambda client, one: client.lineage(one)),
    ("timeline", lambda client, one: client.timeline(one, since=EARLY, limit=3)),
    ("cost", lambda client, one: client.cost(one, points=3)),
    ("vitals", lambda client, one: client.vitals(one)),
    ("trace", lambda client, one: client.trace(one, points=5)),
    ("similarity", lambda client, one: client.similarity(one)),
    ("comparison", lambda client, one: client.comparison(one, 1, 2)),
    ("items_compared", lambda client, one: client.items_compared(one, 1, [2, 0], only="changed")),
    ("events", lambda client, one: client.events(one)),
    ("past_events", lambda client, one: client.past_events(one, kinds=["state"])),
    ("last_seq", lambda client, one: client.last_seq(one)),
    ("method", lambda client, one: client.method("ties")),
    ("algorithm", lambda client, one: client.algorithm("merge-cam")),
    ("wait", lambda client, one: client.wait(one)),
    ("compare", lambda client, one: client.compare([one, one], points=3)),
    ("report", lambda client, one: client.report(one)),
    ("artifacts", lambda client, one: client.artifacts(one)),
    ("models", lambda client, one: client.models()),
    ("tasks", lambda client, one: client.tasks()),
    ("methods", lambda client, one: client.methods()),
    ("algorithms", lambda client, one: client.algorithms()),
    ("whoami", lambda client, one: client.whoami()),
    ("validate", lambda client, one: client.validate(BLACKBOX)),
    ("pause", lambda client, one: client.pause("second")),
    ("resume", lambda client, one: client.resume("second")),
    ("extend", lambda client, one: client.extend("second", {"evaluations": 2**20})),
    ("inject", lambda client, one: client.inject("nothing", {})),
    ("cancel", lambda client, one: client.cancel(one)),
    ("submit", lambda client, one: client.submit({})),
    ("clone", lambda client, one: client.clone(one, changes={"modles": {}})),
    ("export", lambda client, one: client.export(one, 999)),
    ("artifact", lambda client, one: client.artifact("0" * 32)),
    ("revoke_token", lambda client, one: client.revoke_token("00000000")),
    ("create_token", lambda client, one: client.create_token("", "x")),
]


def outcome_of(error: EvomergeError) -> tuple[type, str]:
    return type(error), str(error)


CHANGING = ("updated_at", "revision", "last_used_at", "store_ms")


def shown(result: Any) -> Any:
    """Return a result without what differs from call to call."""
    if isinstance(result, list):
        return [shown(one) for one in result]
    if isinstance(result, int):
        return result
    dumped = result.model_dump()
    return {name: value for name, value in dumped.items() if name not in CHANGING}


def test_both_clients_answer_alike(served: Served) -> None:
    one = seed(served.store, finished=True).id
    new_experiment(served.store, name="second")

    def blocking(call: Callable[[Any, str], Any]) -> Any:
        with served.client() as client:
            try:
                result = call(client, one)
                return shown(list(result) if isinstance(result, Iterator) else result)
            except EvomergeError as error:
                return outcome_of(error)

    async def awaited(call: Callable[[Any, str], Any]) -> Any:
        async with AsyncClient(served.url, served.token) as client:
            try:
                result = call(client, one)
                return shown(await result if inspect.isawaitable(result) else [part async for part in result])
            except EvomergeError as error:
                return outcome_of(error)

    for name, call in READS:
        second = run_async(awaited, call)
        first = blocking(call)
        if name == "extend":  # the second time nothing rises
            assert (second["name"], first[0]) == ("second", StateConflict)
        else:
            assert first == second, name


def test_the_table_holds_every_call() -> None:
    calls = {
        name
        for kind in AsyncClient.__mro__
        for name, member in vars(kind).items()
        if isinstance(member, operation | iteration)
    }
    elsewhere = {"download", "save", "tokens"}
    assert calls - elsewhere == {name for name, _ in READS}
    page = (Path(__file__).resolve().parents[2] / "docs" / "client.md").read_text()
    table = page[page.index("## Calls") : page.index("## When")]
    assert calls == set(re.findall(r"`(\w+)`", table.replace("`revision=`", "")))
    assert set(re.findall(r"client\.(\w+)\(", page)) <= calls
    assert str(inspect.signature(Client("http://x").pause)).startswith("(reference: 'str', *, revision: 'int | None'")
    assert "nothing" in (inspect.getdoc(Client("http://x").pause) or "")


def test_the_asynchronous_client_downloads_and_meets_cuts(served: Served, proxy: CuttingProxy, tmp_path: Path) -> None:
    made = seed(served.store, finished=True)
    data = bytes(500_000)
    artifact = ready_artifact(served, made.id, {"model.safetensors": data})

    async def work() -> int:
        async with AsyncClient(proxy.url, served.token) as client:
            created = await client.submit(BLACKBOX)
            found = await client.artifact(artifact.id)
            proxy.cut_all()
            proxy.cuts = [200_000]
            await client.download(found, tmp_path / "out")
            assert repr(client) == f"AsyncClient(server='{proxy.url}')"
            assert len(await client.tokens()) == 1
            return len([one async for one in client.experiments(text=created.id)])

    proxy.cuts = [0]
    assert run_async(work) == 1
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == data
    assert len(served.store.list_experiments(text="box")) == 1


def test_a_client_serves_several_threads(served: Served, client: Client) -> None:
    made = seed(served.store)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(list(client.candidates(made.id))))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [12] * 8
