"""Logging a browser in and out."""

from __future__ import annotations

from collections.abc import Callable

from fastapi.testclient import TestClient

from api.security.authentication import COOKIE
from experiments.states import Scope


def log_in(browser: TestClient, secret: str) -> object:
    return browser.post("/api/v1/session", json={"token": secret}, headers={"Sec-Fetch-Site": "same-origin"})


def test_a_browser_logs_in_and_out(anonymous: TestClient, secret_of: Callable[[Scope], str]) -> None:
    response = log_in(anonymous, secret_of(Scope.RUN))
    assert response.status_code == 200  # type: ignore[attr-defined]
    cookie = response.headers["set-cookie"]  # type: ignore[attr-defined]
    for part in (f"{COOKIE}=evm_", "HttpOnly", "SameSite=strict", "Path=/api", "Max-Age=43200"):
        assert part in cookie
    assert "Secure" not in cookie  # over plain HTTP on loopback some browsers would drop it
    me = anonymous.get("/api/v1/session")
    assert me.json()["scope"] == "run" and me.json()["owner"] == "run-person"
    assert anonymous.delete("/api/v1/session", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
    assert anonymous.get("/api/v1/session").status_code == 401


def test_the_cookie_of_an_encrypted_connection_stays_on_such(app: object, secret_of: Callable[[Scope], str]) -> None:
    with TestClient(app, base_url="https://localhost") as browser:  # type: ignore[arg-type]
        cookie = log_in(browser, secret_of(Scope.READ)).headers["set-cookie"]  # type: ignore[attr-defined]
    assert "Secure" in cookie


def test_a_wrong_token_logs_nobody_in(anonymous: TestClient) -> None:
    response = log_in(anonymous, "evm_wrong")
    assert response.status_code == 401  # type: ignore[attr-defined]
    assert "set-cookie" not in response.headers  # type: ignore[attr-defined]
    assert "evm_wrong" not in response.text  # type: ignore[attr-defined]


def test_another_site_logs_nobody_in(anonymous: TestClient, secret_of: Callable[[Scope], str]) -> None:
    """Else it could make a person work under its account."""
    body = {"token": secret_of(Scope.READ)}
    response = anonymous.post("/api/v1/session", json=body, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert "set-cookie" not in response.headers
