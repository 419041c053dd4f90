"""Closed by default: no token, no answer; a weak token, no change."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.security.authentication import COOKIE, OPEN, Authenticator
from api.security.scopes import SAFE_METHODS
from api.settings import Settings
from evomerge.errors import TooManyRequests, Unauthorized
from experiments.states import Scope
from experiments.store import Store

# What needs no more than any token although its method is not safe.
FOR_READERS = {("DELETE", "/api/v1/session")}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and address, with something in place of each parameter."""
    found = []
    for route in app.routes:
        assert isinstance(route, APIRoute), f"{route} is no API route: what guards it?"
        found += [(method, re.sub(r"\{[^}]*\}", "aaaaaaaa", route.path)) for method in sorted(route.methods)]
    return found


def test_every_route_is_closed_without_a_token(app: FastAPI, anonymous: TestClient) -> None:
    every = routes(app)
    assert len(every) > 8
    assert set(every) >= OPEN
    for method, path in every:
        response = anonymous.request(method, path)
        if (method, path) in OPEN:
            assert response.status_code != 401, (method, path)
        else:
            assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), (method, path)
            assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_route_that_somebody_forgot_to_guard_is_closed(app: FastAPI, anonymous: TestClient) -> None:
    @app.get("/forgotten")
    def forgotten() -> None: ...

    @app.post("/api/v1/forgotten")
    def forgotten_too() -> None: ...

    assert anonymous.get("/forgotten").status_code == 401
    assert anonymous.post("/api/v1/forgotten").status_code == 401


def test_who_has_no_token_cannot_tell_what_exists(anonymous: TestClient) -> None:
    assert anonymous.get("/api/v1/nothing").status_code == 401
    assert anonymous.put("/api/v1/tokens", content=b"{").status_code == 401


def test_readers_change_nothing(app: FastAPI, reader: TestClient) -> None:
    for method, path in routes(app):
        if method not in SAFE_METHODS and (method, path) not in OPEN | FOR_READERS:
            response = reader.request(method, path)
            assert (response.status_code, response.json()["code"]) == (403, "forbidden"), (method, path)


def test_only_admins_see_tokens(runner: TestClient, client: TestClient) -> None:
    refused = runner.get("/api/v1/tokens")
    assert refused.status_code == 403
    assert "needs admin" in refused.json()["problem"]
    assert client.get("/api/v1/tokens").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic abc", "evm_abc", "Bearer evm_abc", "Bearer evm_abc def", "Bearer \xff"],
)
def test_what_is_no_token_opens_nothing(anonymous: TestClient, header: str) -> None:
    response = anonymous.get("/api/v1/session", headers={"Authorization": header.encode("latin-1")})  # type: ignore[dict-item]
    assert response.status_code == 401


def test_a_wrong_header_is_not_made_up_for_by_a_cookie(
    anonymous: TestClient, secret_of: Callable[[Scope], str]
) -> None:
    cookie = {"Cookie": f"{COOKIE}={secret_of(Scope.READ)}"}
    assert anonymous.get("/api/v1/session", headers=cookie).status_code == 200
    assert anonymous.get("/api/v1/session", headers={**cookie, "Authorization": "Bearer evm_no"}).status_code == 401


def test_revoked_and_expired_tokens_open_nothing(store: Store, anonymous: TestClient) -> None:
    def ask() -> int:
        return anonymous.get("/api/v1/session", headers={"Authorization": f"Bearer {secret}"}).status_code

    token, secret = store.create_token("revoked", Scope.READ, "me")
    assert ask() == 200
    store.revoke_token(token.id)
    assert ask() == 401
    _, secret = store.create_token("short", Scope.READ, "me", datetime.now(UTC) + timedelta(milliseconds=1))
    while datetime.now(UTC) < store.tokens()[0].expires_at:  # type: ignore[operator]
        pass
    assert ask() == 401


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_wrong_tokens_make_an_address_wait(store: Store) -> None:
    clock = Clock()
    door = Authenticator(store, failed_logins=3, timer=clock)
    _, secret = store.create_token("mine", Scope.READ, "me")

    def guess(address: str) -> None:
        with pytest.raises(Unauthorized):
            door.authenticate("evm_wrong", address)

    for _ in range(3):
        guess("192.0.2.1")
    # Right or wrong: a waiting address is not told.
    for attempt in ("evm_wrong", secret):
        with pytest.raises(TooManyRequests) as caught:
            door.authenticate(attempt, "192.0.2.1")
        assert caught.value.retry_after_s == 60
    assert door.authenticate(secret, "192.0.2.2").owner == "me"
    clock.now = 61.0
    assert door.authenticate(secret, "192.0.2.1").owner == "me"


def test_one_client_of_ipv6_is_one_address(store: Store) -> None:
    door = Authenticator(store, failed_logins=2, timer=Clock())
    for last in (1, 2):
        with pytest.raises(Unauthorized):
            door.authenticate("evm_wrong", f"2001:db8::{last}")
    with pytest.raises(TooManyRequests):
        door.authenticate("evm_wrong", "2001:db8::3")
    with pytest.raises(Unauthorized):
        door.authenticate("evm_wrong", "2001:db8:0:1::3")


def test_the_answer_to_too_many_wrong_tokens(anonymous: TestClient) -> None:
    def guess() -> object:
        return anonymous.get("/api/v1/session", headers={"Authorization": "Bearer evm_wrong"})

    statuses = [guess().status_code for _ in range(5)]  # type: ignore[attr-defined]
    assert statuses == [401] * 5
    refused = anonymous.post("/api/v1/session", json={"token": "evm_other"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == "60"
    assert anonymous.get("/livez").status_code == 200


def test_requests_without_a_token_are_no_guesses(anonymous: TestClient, reader: TestClient) -> None:
    for _ in range(10):
        assert anonymous.get("/api/v1/session").status_code == 401
    assert reader.get("/api/v1/session").status_code == 200


def test_a_stale_cookie_is_taken_back(anonymous: TestClient) -> None:
    response = anonymous.get("/api/v1/session", headers={"Cookie": f"{COOKIE}=evm_stale"})
    assert response.status_code == 401
    assert response.headers["set-cookie"].startswith(f'{COOKIE}=""')
    assert "Max-Age=0" in response.headers["set-cookie"]


class TestBehindAProxy:
    """The server's only peer is the proxy; what it reports counts if the operator has named it."""

    @pytest.fixture(params=[("127.0.0.1",), ()], ids=["named", "not named"])
    def settings(self, request: pytest.FixtureRequest) -> Settings:
        return Settings(failed_logins=1, trusted_proxies=request.param)

    def test_clients_are_told_apart_where_the_proxy_is_named(
        self, settings: Settings, address: tuple[str, int]
    ) -> None:
        def guess(client: str) -> int:
            headers = {"Authorization": "Bearer evm_wrong", "X-Forwarded-For": client}
            return httpx2.get(f"http://127.0.0.1:{address[1]}/api/v1/session", headers=headers).status_code

        assert guess("192.0.2.1") == 401
        assert guess("192.0.2.1") == 429
        assert guess("192.0.2.2") == (401 if settings.trusted_proxies else 429)
