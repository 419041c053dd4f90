"""Searching what is only seen through a function or an endpoint."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.tasks import ItemRef
from evomerge.errors import EngineError, Infeasible, InvalidInput, SpecError
from experiments.spec import BlackboxExperiment, parse_any
from experiments.states import Split
from optimizer.blackbox import Coefficients, make_blackbox_plan
from optimizer.calls import CallPool, Endpoint, Evaluator, read_scores
from optimizer.jobs import Job, Outcome, Work
from runs import run

REFS = {Split.SEARCH: (ItemRef("items", "a"), ItemRef("items", "b"))}
FUNCTION = """
def score(coefficients, items):
    distance = (coefficients["x"] - 0.7) ** 2 + (coefficients["y"] + 0.2) ** 2
    return {item: 1.0 - distance + 0.001 * len(item) for item in items}
"""


def spec(**box: Any) -> dict[str, Any]:
    return {
        "name": "box",
        "blackbox": {
            "callable": "scorer:score",
            "parameters": {"x": {"range": [-1, 1], "init": 0.0}, "y": {"range": [-1, 1]}},
            "items": 4,
            "selection": ["p", "q"],
            "test": 6,
            **box,
        },
        "search": {"budget": {"evaluations": 60}, "algorithm": "pycma", "sigma": 0.2},
    }


def parsed(**box: Any) -> BlackboxExperiment:
    found = parse_any(spec(**box))
    assert isinstance(found, BlackboxExperiment)
    return found


def outcome(evaluate: Evaluator, **options: Any) -> Outcome:
    pool = CallPool(evaluate, REFS, 1, **{"timeout_s": 5.0, "retries": 0, **options})
    pool.submit(Job(Work(0, Split.SEARCH), Coefficients({"x": 0.5}), None))
    assert pool.next_worker is None
    pool.begin()
    while (found := pool.wait(0.1)) is None:
        pass
    assert pool.num_running == 0
    return found


def test_a_function_is_searched_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "scorer.py").write_text(FUNCTION)
    (tmp_path / "box.yaml").write_text(yaml.safe_dump(spec()))
    url = f"sqlite:///{tmp_path / 'box.db'}"

    def evomerge(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return run(*words, "--store", url, "--format", "json")

    done = evomerge("run", tmp_path / "box.yaml")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    values = found["winner"]["recipe"]["blackbox"]
    assert abs(values["x"] - 0.7) < 0.15 and abs(values["y"] + 0.2) < 0.15
    assert found["counts"]["search_items"] <= 60 * 4
    assert found["report"]["best_parent"] == "start"
    assert found["gap"]["items"] == {"search": 4, "selection": 2, "test": 6}
    assert any("winner's coefficients" in note for note in found["notes"])
    refused = evomerge("export", "box", "--out", tmp_path / "out")
    assert refused.returncode == 2 and "no weights" in json.loads(refused.stdout)["error"]["message"]


def test_code_is_refused_where_the_spec_may_come_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "scorer.py").write_text("raise RuntimeError('must not run')")
    with pytest.raises(SpecError, match=r"blackbox.callable.*blackbox.url"):
        make_blackbox_plan(parsed(), tmp_path, allow_code=False)


@pytest.mark.parametrize(("name", "words"), [("nowhere:score", "No module"), ("json:nothing", "no attribute")])
def test_a_missing_function_is_named(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        make_blackbox_plan(parsed(callable=name), tmp_path, allow_code=True)
    assert caught.value.field == "blackbox.callable"


@pytest.mark.parametrize(
    ("box", "field", "words"),
    [
        ({"url": "http://localhost:1/"}, "blackbox", "either 'callable' or 'url'"),
        ({"callable": "no colon"}, "blackbox.callable", "module:function"),
        ({"parameters": {}}, "blackbox.parameters", "at least 1"),
        ({"parameters": {"x": {"range": [1, 0]}}}, "blackbox.parameters.x.range", "not below"),
        ({"parameters": {"x": {"range": [0, 1], "init": 2}}}, "blackbox.parameters.x.init", "outside"),
        ({"items": ["p"]}, "blackbox", "'p' is named twice"),
        ({"items": 0}, "blackbox", "no search item"),
    ],
)
def test_a_bad_spec_is_refused(box: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_any(spec(**box))
    assert caught.value.field == field
    assert words in str(caught.value)


def test_scores_come_by_order_by_item_or_alone() -> None:
    refs = REFS[Split.SEARCH]
    assert read_scores([0, 1.5], refs) == [0.0, 1.5]
    assert read_scores({"b": 2, "a": 1, "other": 3}, refs) == [1.0, 2.0]
    assert read_scores(0.25, refs[:1]) == [0.25]


@pytest.mark.parametrize(
    ("answer", "words"),
    [(0.5, "1 scores for 2 items"), ({"a": 1.0}, "no score for item 'b'"), (None, "no list"), (["x", "y"], "no list")],
)
def test_an_answer_without_a_score_per_item_is_refused(answer: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        outcome(lambda values, items: answer)


def test_a_black_box_may_say_that_it_cannot_score() -> None:
    def refuse(values: Any, items: Any) -> Any:
        raise Infeasible("too hot")

    assert (outcome(refuse).kind, outcome(refuse).reason) == ("infeasible", "too hot")
    assert outcome(lambda values, items: [1.0, float("nan")]).kind == "infeasible"


def test_a_failing_call_is_repeated_and_then_ends_the_run_so_that_it_can_be_resumed() -> None:
    calls: list[int] = []

    def flaky(values: Any, items: Any) -> Any:
        calls.append(1)
        if len(calls) < 2:
            raise RuntimeError("busy")
        return [1.0, 0.0]

    assert outcome(flaky, retries=1).kind == "done"
    calls.clear()
    with pytest.raises(EngineError, match="failed 1 times, at last with RuntimeError: busy"):
        outcome(flaky)


def test_a_call_that_never_returns_ends_the_run() -> None:
    with pytest.raises(EngineError, match="has not answered"):
        outcome(lambda values, items: time.sleep(60), timeout_s=0.2)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    servers: list[HTTPServer] = []

    def start(answer: Callable[[dict[str, Any]], tuple[int, Any]], location: str | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, found = answer(json.loads(body))
                self.send_response(status)
                if location is not None:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

            def do_GET(self) -> None:
                answer({})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/score"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(serve: Any, status: int) -> None:
    reached = threading.Event()

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.set()
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, args=(0.02,), daemon=True).start()
        url = serve(lambda body: (status, {}), location=f"http://127.0.0.1:{elsewhere.server_port}/")
        with pytest.raises(InvalidInput, match=str(status)):
            outcome(Endpoint(url, 5.0))
        elsewhere.shutdown()
    assert not reached.is_set()


def test_an_endpoint_is_sent_coefficients_and_items(serve: Any) -> None:
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        asked.append(body)
        return 200, {"scores": [0.25, 0.75]}

    done = outcome(Endpoint(serve(answer), 5.0))
    assert asked == [{"coefficients": {"x": 0.5}, "items": ["a", "b"]}]
    assert done.result is not None and [item.score for item in done.result.items] == [0.25, 0.75]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((404, {}), InvalidInput, "answers 404"),
        ((503, {}), EngineError, "failed 1 times.*503"),
        ((200, b"<html>"), InvalidInput, "not JSON"),
        ((200, {"result": 1}), InvalidInput, "keys"),
        ((200, [1]), InvalidInput, "answers"),
    ],
)
def test_an_endpoint_that_answers_wrongly_is_explained(serve: Any, answer: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        outcome(Endpoint(serve(lambda body: answer), 5.0))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_endpoint_cannot_send_the_request_elsewhere(serve: Any, status: int) -> None:
    reached: list[dict[str, Any]] = []

    def elsewhere(body: dict[str, Any]) -> tuple[int, Any]:
        reached.append(body)
        return 200, {"scores": [1.0, 1.0]}

    door = serve(lambda body: (status, {}), {"Location": serve(elsewhere)})
    with pytest.raises(InvalidInput, match=f"answers {status}"):
        outcome(Endpoint(door, 5.0))
    assert reached == []


def test_an_endpoint_may_call_a_candidate_infeasible(serve: Any) -> None:
    found = outcome(Endpoint(serve(lambda body: (200, {"infeasible": "no memory"})), 5.0))
    assert (found.kind, found.reason) == ("infeasible", "no memory")


def test_an_endpoint_that_is_not_there_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="URLError"):
        outcome(Endpoint("http://127.0.0.1:9/", 1.0))
