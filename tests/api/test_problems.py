"""Every error is a problem document from which a client makes the same error again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from api.problems import MEDIA_TYPE, STATUS
from evomerge import errors
from evomerge.errors import EvomergeError, InvalidInput, error_from_problem
from experiments.spec import parse_any


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """None of this depends on the back end."""
    return f"sqlite:///{tmp_path}/store.db"


def every_kind(kind: type[EvomergeError] = EvomergeError) -> Iterator[type[EvomergeError]]:
    if kind.__module__ == "evomerge.errors":
        yield kind
    for child in kind.__subclasses__():
        yield from every_kind(child)


PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
KINDS = list(dict.fromkeys(every_kind()))
# The statuses that clients build on; a change here breaks them.
EXPECTED = {
    "error": 500,
    "internal": 500,
    "invalid_input": 422,
    "invalid_spec": 422,
    "invalid_model": 422,
    "invalid_task": 422,
    "invalid_recipe": 422,
    "infeasible": 422,
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "state_conflict": 409,
    "precondition_failed": 412,
    "too_large": 413,
    "misdirected": 421,
    "too_many_requests": 429,
    "engine": 503,
    "store": 503,
    "store_unavailable": 503,
    "unavailable": 503,
    "interrupted": 503,
}


def status_of(kind: type[EvomergeError]) -> int:
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)  # type: ignore[index]


def make(kind: type[EvomergeError]) -> EvomergeError:
    return kind("budget", "it is gone", "extend it") if issubclass(kind, InvalidInput) else kind("it broke")


class Body(BaseModel):
    names: list[int]


@pytest.fixture
def raising(app: FastAPI) -> FastAPI:
    """The application with routes that fail in every way."""

    @app.get("/raise/{code}")
    def fail(code: str) -> None:
        raise make(next(kind for kind in KINDS if kind.code == code))

    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError("the password is hunter2")

    @app.post("/body")
    def body(body: Body, limit: int) -> None: ...

    return app


def check(response: object, status: int) -> dict[str, object]:
    document = response.json()  # type: ignore[attr-defined]
    assert response.status_code == status  # type: ignore[attr-defined]
    assert response.headers["content-type"] == MEDIA_TYPE  # type: ignore[attr-defined]
    assert document["status"] == status
    assert document["request_id"] == response.headers["x-request-id"]  # type: ignore[attr-defined]
    assert document["type"] == f"urn:evomerge:problem:{document['code']}"
    assert document["title"] and document["detail"]
    return dict(document)


def test_every_error_has_a_code_of_its_own_and_a_status() -> None:
    assert {kind.code for kind in KINDS} == set(EXPECTED)
    assert len({kind.code for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_an_error_arrives_as_the_class_that_it_left_as(
    raising: FastAPI, client: TestClient, kind: type[EvomergeError]
) -> None:
    document = check(client.get(f"/raise/{kind.code}"), EXPECTED[kind.code])
    again = error_from_problem(document)
    assert type(again) is kind
    assert f"request {document['request_id']}" in again.__notes__
    if isinstance(again, InvalidInput):
        assert (again.field, again.problem, again.fix) == ("budget", "it is gone", "extend it")
        assert str(again) == document["detail"]
    elif not issubclass(kind, errors.StoreError):
        assert str(again) == "it broke"


def test_a_wait_is_told_to_programs_too(raising: FastAPI, client: TestClient) -> None:
    response = client.get("/raise/too_many_requests")
    assert response.headers["retry-after"] == "1"
    error = error_from_problem({**response.json(), "retry_after_s": 7})
    assert isinstance(error, errors.TooManyRequests) and error.retry_after_s == 7


def test_errors_of_the_store_do_not_tell_where_it_is(raising: FastAPI, client: TestClient) -> None:
    assert "it broke" not in client.get("/raise/store").text


def test_a_crash_tells_nothing_but_its_id(raising: FastAPI, client: TestClient) -> None:
    response = client.get("/crash")
    document = check(response, 500)
    assert document["code"] == "internal"
    assert "hunter2" not in response.text and "RuntimeError" not in response.text
    assert str(document["request_id"]) in str(document["detail"])


def test_the_document_of_a_stranger_is_understood_as_far_as_it_goes() -> None:
    later = error_from_problem({"code": "from_the_future", "status": 418, "detail": "I am a teapot"})
    assert type(later) is InvalidInput and later.problem == "I am a teapot"
    odd = error_from_problem({"code": "too_many_requests", "status": "429", "retry_after_s": "soon"})
    assert isinstance(odd, errors.TooManyRequests) and odd.retry_after_s == 1
    proxy = error_from_problem({"status": 502, "title": "Bad Gateway"})
    assert type(proxy) is EvomergeError and str(proxy) == "Bad Gateway"


def test_everything_wrong_with_a_request_is_named(raising: FastAPI, client: TestClient) -> None:
    response = client.post("/body?limit=many", json={"names": [1, "sesame"]})
    document = check(response, 422)
    assert document["errors"] == [
        {
            "field": "query.limit",
            "problem": "input should be a valid integer, unable to parse string as an integer",
        },
        {
            "field": "body.names[1]",
            "problem": "input should be a valid integer, unable to parse string as an integer",
        },
    ]
    assert document["field"] == "query.limit"
    assert "sesame" not in response.text  # what was sent may be a secret


def test_a_body_that_is_no_json_is_named(raising: FastAPI, client: TestClient) -> None:
    response = client.post("/body?limit=1", content=b'{"names": ', headers={"Content-Type": "application/json"})
    document = check(response, 422)
    assert document["field"] == "body"
    assert document["problem"] == "it is not JSON: expecting value at character 10"


@pytest.mark.parametrize("content", [b"[" * 100_000, b"1" * 5000, b'"\xff"'], ids=["deep", "long number", "not UTF-8"])
def test_a_body_that_the_parser_gives_up_on_is_a_bad_request(
    raising: FastAPI, client: TestClient, content: bytes
) -> None:
    response = client.post("/body?limit=1", content=content, headers={"Content-Type": "application/json"})
    assert check(response, 400)["code"] == "bad_request"


def test_what_is_not_there_is_a_problem_too(client: TestClient) -> None:
    assert check(client.get("/api/v1/nothing"), 404)["code"] == "not_found"
    assert check(client.get("/api/v1/tokens/"), 404)["code"] == "not_found"
    response = client.put("/api/v1/tokens")
    assert check(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"]


def test_a_spec_error_has_the_status_of_its_family(app: FastAPI, client: TestClient) -> None:
    @app.get("/spec")
    def spec() -> None:
        parse_any({"name": "x", "nonsense": 1})

    document = check(client.get("/spec"), 422)
    assert type(error_from_problem(document)) is errors.SpecError


def test_everything_that_is_wrong_with_a_spec_is_listed_by_field(app: FastAPI, client: TestClient) -> None:
    @app.get("/several")
    def several() -> None:
        parse_any({"name": "x", "nonsense": 1})

    @app.get("/one")
    def one() -> None:
        parse_any(
            {
                "blackbox": {"parameters": {"x": {"range": [0, 1]}}, "url": "http://a"},
                "search": {"budget": {"items": 1}},
            }
        )

    document = check(client.get("/several"), 422)
    listed = [one["field"] for one in document["errors"]]
    assert listed[0] == document["field"] == "nonsense"
    assert {"base_model", "merge", "tasks", "search"} <= set(listed)
    assert all("\n" not in one["problem"] and "To fix it: " in one["problem"] for one in document["errors"])
    document = check(client.get("/one"), 422)
    assert document["field"] == "name" and "errors" not in document, "one problem needs no list"


def test_the_document_of_the_api_promises_problems_everywhere(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            responses = operation["responses"]
            assert {"4XX", "5XX"} <= set(responses), (method, path)
            for status, response in responses.items():
                if status[0] in "45":
                    assert list(response["content"]) == [MEDIA_TYPE], (method, path, status)
    assert set(document["components"]["schemas"]["Problem"]["required"]) >= {"type", "title", "status", "detail"}


def test_every_operation_has_a_name_of_its_own(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names) > 5


def test_the_statuses_are_those_that_clients_know() -> None:
    assert {kind.code: status_of(kind) for kind in KINDS} == EXPECTED


def test_the_page_of_errors_lists_every_one() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| `(\w+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [
        (kind.code, str(status_of(kind)), str(kind.exit_code), kind.__name__, str(kind.__doc__).splitlines()[0])
        for kind in KINDS
    ]
