"""Making, listing and revoking tokens over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

NEW: dict[str, Any] = {"name": "laptop", "owner": "ada", "scope": "run", "expires_at": "2099-01-01T00:00:00Z"}


def test_a_token_is_made_used_and_revoked(client: TestClient, make_client: Callable[..., TestClient]) -> None:
    response = client.post("/api/v1/tokens", json=NEW)
    assert response.status_code == 201
    token, secret = response.json()["token"], response.json()["secret"]
    assert {key: token[key] for key in NEW} == NEW
    bearer = make_client(secret)
    assert bearer.get("/api/v1/session").json() == {
        "token_id": token["id"],
        "name": "laptop",
        "owner": "ada",
        "scope": "run",
    }
    assert client.delete(f"/api/v1/tokens/{token['id']}").json()["revoked_at"] is not None
    assert bearer.get("/api/v1/session").status_code == 401
    listed = client.get("/api/v1/tokens").json()["tokens"]
    assert [one["name"] for one in listed] == ["laptop", "admin token"]


def test_a_secret_is_shown_once(client: TestClient) -> None:
    secret = client.post("/api/v1/tokens", json=NEW).json()["secret"]
    assert secret not in client.get("/api/v1/tokens").text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "body.name"),
        ({"scope": "root"}, "body.scope"),
        ({"expires_at": "2099-01-01T00:00:00"}, "body.expires_at"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"is_admin": True}, "body.is_admin"),
    ],
)
def test_a_bad_request_names_the_field(client: TestClient, change: dict[str, Any], field: str) -> None:
    response = client.post("/api/v1/tokens", json={**NEW, **change})
    assert (response.status_code, response.json()["field"]) == (422, field)


def test_what_was_never_made_cannot_be_revoked(client: TestClient) -> None:
    assert client.delete("/api/v1/tokens/00000000").status_code == 404
    assert client.delete("/api/v1/tokens/%00").status_code == 422
