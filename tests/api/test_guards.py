"""What a request may look like, and what every answer tells a browser."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.problems import MEDIA_TYPE
from api.security.authentication import COOKIE
from api.settings import Settings
from evomerge import __version__
from experiments.states import Scope
from experiments.store import Store

OWN = "http://127.0.0.1:8000"
SAFE = ("GET", "HEAD", "OPTIONS")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "FROBNICATE")
# Headers of a request that bears the cookie, and whether an unsafe one passes.
WITH_COOKIE: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "frobnicated"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
    ({"Origin": OWN}, True),
    ({"Origin": "https://127.0.0.1:8000"}, True),
    ({"Origin": "http://127.0.0.1:8001"}, False),
    ({"Origin": "http://127.0.0.1"}, False),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "http://127.0.0.1:8000.evil.example"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
]


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """None of this depends on the back end."""
    return f"sqlite:///{tmp_path}/store.db"


def refused_by_csrf(response: Any) -> bool:
    if response.status_code != 403:
        return False
    document = response.json()
    return (document["code"], document["field"]) == ("forbidden", "Origin")


@pytest.fixture
def cookie(secret_of: Callable[[Scope], str]) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={secret_of(Scope.ADMIN)}"}


@pytest.mark.parametrize(("headers", "allowed"), WITH_COOKIE, ids=lambda value: str(value))
def test_requests_with_a_cookie_come_from_our_own_pages(
    anonymous: TestClient,
    cookie: dict[str, str],
    secret_of: Callable[[Scope], str],
    headers: dict[str, str],
    allowed: bool,
) -> None:
    bearer = {"Authorization": f"Bearer {secret_of(Scope.ADMIN)}"}
    for method in UNSAFE:
        for extra in ({}, bearer):  # a token beside the cookie does not excuse it
            response = anonymous.request(method, "/api/v1/tokens", headers={**headers, **cookie, **extra})
            assert refused_by_csrf(response) is not allowed, (method, extra)
    for method in SAFE:
        assert not refused_by_csrf(anonymous.request(method, "/api/v1/tokens", headers={**headers, **cookie}))


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("headers", [headers for headers, _ in WITH_COOKIE], ids=str)
def test_a_token_without_a_cookie_may_come_from_anywhere(
    client: TestClient, method: str, headers: dict[str, str]
) -> None:
    assert not refused_by_csrf(client.request(method, "/api/v1/tokens", headers=headers))


def test_an_origin_is_compared_with_a_host_even_where_any_host_is_answered(anonymous: TestClient) -> None:
    for origin in ("", "://", OWN):
        headers = [("Origin", origin), ("Cookie", f"{COOKIE}=evm_x"), ("Host", "")]
        assert refused_by_csrf(anonymous.post("/livez", headers=headers))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8000", "LOCALHOST:1", "localhost", "[::1]", "[::1]:8000"],
)
def test_our_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/session", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example:8000", 421),
        ("192.0.2.1", 421),
        ("localhost.", 421),
        ("", 400),
        ("localhost@evil.example", 400),
        ("localhost:port", 400),
        ("localhost/evil", 400),
        ("[::1", 400),
    ],
)
def test_other_names_are_not(client: TestClient, host: str, status: int) -> None:
    response = client.get("/api/v1/session", headers={"Host": host})
    assert (response.status_code, response.json()["field"]) == (status, "Host")


def test_two_hosts_are_none(client: TestClient) -> None:
    headers = [("Host", "127.0.0.1"), ("Host", "evil.example"), ("Authorization", client.headers["Authorization"])]
    assert client.get("/api/v1/session", headers=headers).status_code == 400  # type: ignore[arg-type]


def test_probes_may_name_any_host(anonymous: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        assert anonymous.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


class TestSizes:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(max_body_bytes=1000, max_query_bytes=100)

    def test_a_large_body_is_refused(self, client: TestClient) -> None:
        response = client.post("/api/v1/tokens", json={"name": "x" * 1000})
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
        assert response.headers["content-type"] == MEDIA_TYPE

    def test_a_body_of_the_allowed_size_is_read(self, client: TestClient) -> None:
        content = b'{"name": "a"}'.ljust(1000)
        response = client.post("/api/v1/tokens", content=content, headers={"Content-Type": "application/json"})
        assert response.json()["field"] == "body.owner"

    def test_a_large_body_of_unknown_length_is_refused(self, address: tuple[str, int], client: TestClient) -> None:
        head = (
            "POST /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: {client.headers['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(head.encode())
            for _ in range(3):  # never ended: the server must not wait for the rest
                connection.sendall(b"190\r\n" + b" " * 400 + b"\r\n")
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b'"code":"too_large"' in answer

    @pytest.mark.parametrize("digits", [5, 30, 5000])
    def test_a_large_length_is_refused_before_the_body_comes(self, client: TestClient, digits: int) -> None:
        response = client.post("/api/v1/tokens", content=b"{}", headers={"Content-Length": "9" * digits})
        assert response.status_code == 413

    def test_a_length_that_is_no_number_is_refused(self, client: TestClient) -> None:
        response = client.post("/api/v1/tokens", content=b"{}", headers={"Content-Length": "-1"})
        assert (response.status_code, response.json()["field"]) == (400, "Content-Length")

    def test_a_long_query_is_refused(self, client: TestClient) -> None:
        response = client.get("/api/v1/tokens?" + "x" * 101)
        assert (response.status_code, response.json()["field"]) == (413, "query")


def test_unknown_parameters_are_refused_on_every_route(app: FastAPI, client: TestClient) -> None:
    for route in app.routes:
        method = sorted(route.methods)[0]  # type: ignore[attr-defined]
        path = route.path  # type: ignore[attr-defined]
        document = client.request(method, f"{path}?frobnicate=1").json()
        assert (document["status"], document["field"]) == (422, "query.frobnicate"), (method, path)


def test_a_misspelt_parameter_gets_its_nearest_name(app: FastAPI, client: TestClient) -> None:
    @app.get("/list")
    def list_something(limit: int = 1, after: str = "") -> None: ...

    assert client.get("/list?limit=3&after=x").status_code == 200
    fix = client.get("/list?limt=3").json()["fix"]
    assert fix == "did you mean 'limit'? (known: after, limit)"


def test_every_answer_tells_the_browser_to_trust_nothing(app: FastAPI, client: TestClient) -> None:
    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError

    for path, status in (("/livez", 200), ("/api/v1/tokens", 200), ("/nothing", 404), ("/crash", 500)):
        response = client.get(path)
        assert response.status_code == status
        headers = response.headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "font-src": "'self'",
            "connect-src": "'self'",
            "object-src": "'none'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
        }
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["x-evomerge-version"] == __version__
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("given", ["abc-1.2_3", "x" * 64])
def test_a_request_id_is_kept(anonymous: TestClient, given: str) -> None:
    assert anonymous.get("/livez", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "<script>", "\x1b[31m", "\xe9"])
def test_a_request_id_that_cannot_stand_in_a_log_is_replaced(anonymous: TestClient, given: str) -> None:
    headers = {"X-Request-ID": given.encode("latin-1")}
    found = anonymous.get("/livez", headers=headers).headers["x-request-id"]  # type: ignore[arg-type]
    assert len(found) == 32 and found.isalnum()


def test_hosts_are_what_the_operator_says(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOMERGE_HOSTS", "Merge.example.org, 192.0.2.1")
    with TestClient(create_app(Settings(), store), base_url="https://merge.example.org") as outside:
        assert outside.get("/api/v1/session").status_code == 401
        assert outside.get("/api/v1/session", headers={"Host": "127.0.0.1"}).status_code == 421
