"""Every request is logged, and no secret ever is."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api import logs
from api.security.authentication import COOKIE
from api.settings import Settings
from experiments.states import Scope

CANARY = "evm_canary-0123456789"


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """None of this depends on the back end."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the process logs, as JSON or as a test asks with ``indirect``."""
    root = logging.getLogger()
    before = root.handlers, root.level
    stream = io.StringIO()
    logs.configure(Settings(log_format=getattr(request, "param", "auto")), stream)
    yield stream
    root.handlers, root.level = before
    structlog.reset_defaults()


def entries(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_request_is_one_line(log: io.StringIO, client: TestClient) -> None:
    client.get("/api/v1/tokens", headers={"X-Request-ID": "mine"})
    (entry,) = [entry for entry in entries(log) if entry["event"] == "request"]
    token_id = client.get("/api/v1/session").json()["token_id"]
    assert (
        entry.items()
        >= {
            "method": "GET",
            "route": "/api/v1/tokens",
            "path": "/api/v1/tokens",
            "status": 200,
            "request_id": "mine",
            "token_id": token_id,
            "client": "testclient",
            "level": "info",
            "logger": "evomerge.api",
        }.items()
    )
    assert entry["duration_s"] >= 0
    assert entry["timestamp"].endswith("Z")


def test_what_a_route_logs_carries_the_ids_of_its_request(log: io.StringIO, app: FastAPI, client: TestClient) -> None:
    @app.get("/work")
    def work() -> None:
        structlog.get_logger("work").info("working", experiment_id="abc")
        logging.getLogger("library").warning("the disk is %s", "slow")

    client.get("/work", headers={"X-Request-ID": "mine"})
    client.get("/livez")
    found = {entry["event"]: entry for entry in entries(log)}
    for event in ("working", "the disk is slow"):
        assert found[event]["request_id"] == "mine" and found[event]["token_id"]
    assert found["working"]["experiment_id"] == "abc"
    assert "token_id" not in [entry for entry in entries(log) if entry["event"] == "request"][-1]


def test_a_readiness_probe_is_one_line_too(log: io.StringIO, anonymous: TestClient) -> None:
    anonymous.get("/readyz")
    assert [entry["event"] for entry in entries(log) if entry["logger"] != "httpx2"] == ["request"]


def test_libraries_say_more_in_their_extras(log: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("up", extra={"color_message": "\x1b[1mup", "port": 8000})
    (entry,) = entries(log)
    assert entry["port"] == 8000 and "color_message" not in entry


@pytest.mark.parametrize("log", ["json", "text"], indirect=True)
def test_no_secret_gets_into_the_log(
    log: io.StringIO, app: FastAPI, client: TestClient, anonymous: TestClient, secret_of: Callable[[Scope], str]
) -> None:
    secret = secret_of(Scope.READ)

    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError(f"Authorization: Bearer {CANARY}; postgresql://me:canary-password@host/db?password=canary-q")

    anonymous.post("/api/v1/session", json={"token": secret})
    anonymous.post("/api/v1/session", json={"token": CANARY})
    anonymous.get(f"/api/v1/tokens?token={CANARY}", headers={"Cookie": f"{COOKIE}={CANARY}"})
    anonymous.get(f"/nothing/{CANARY}", headers={"Authorization": f"Bearer {CANARY}", "X-Request-ID": CANARY})
    made = client.post("/api/v1/tokens", json={"name": "a", "owner": "b", "scope": "read"}).json()["secret"]
    client.get("/crash")
    logger = structlog.get_logger("anything")
    logger.info("a", headers={"Authorization": "canary-1", "cookie": b"canary-2"}, password="canary-3")
    logger.info("b", nested=[{"Token": "canary-4"}, ("hf_canary0123456789",)], settings=Settings(store=f"x/{CANARY}"))
    logging.getLogger("library").error("failed: %s", {"key": CANARY})
    text = log.getvalue()
    assert "[redacted]" in text and "RuntimeError" in text
    assert "canary" not in text.replace("evm_[redacted]", "")
    assert secret not in text and made not in text


@pytest.mark.parametrize("log", ["text"], indirect=True)
def test_nothing_that_is_logged_moves_a_terminal(log: io.StringIO, anonymous: TestClient) -> None:
    anonymous.get("/%1b[2J%0d%0aforged")
    structlog.get_logger("x").info("y", name="\x1b]0;title\x07", other="\x9b2J")
    text = log.getvalue()
    assert "\\x1b]0;title\\x07" in text
    assert "\x1b]" not in text and "\x1b[2J" not in text and "\x07" not in text and "\x9b" not in text
    assert "\nforged" not in text


def test_a_terminal_gets_text_and_a_pipe_json() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    root = logging.getLogger()
    before = root.handlers, root.level
    try:
        terminal, pipe = Terminal(), io.StringIO()
        for stream in (terminal, pipe):
            logs.configure(Settings(), stream)
            structlog.get_logger("x").info("hello")
    finally:
        root.handlers, root.level = before
        structlog.reset_defaults()
    assert json.loads(pipe.getvalue())["event"] == "hello"
    assert "hello" in terminal.getvalue() and "{" not in terminal.getvalue()
