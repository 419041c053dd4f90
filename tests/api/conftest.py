"""The real application on both back ends, and clients of every scope."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.server import uvicorn_config
from api.settings import Settings
from experiments.states import Scope
from experiments.store import Store

ORIGIN = "http://127.0.0.1:8000"
ClientMaker = Callable[..., TestClient]


@pytest.fixture
def settings() -> Settings:
    return Settings(failed_logins=5)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def app(settings: Settings, store: Store) -> FastAPI:
    return create_app(settings, store)


@pytest.fixture
def secret_of(store: Store) -> Callable[[Scope], str]:
    """Make a token of a scope, owned by a person of the scope's name, and return its secret."""
    return lambda scope: store.create_token(f"{scope} token", scope, owner=f"{scope}-person")[1]


@pytest.fixture
def make_client(app: FastAPI) -> Iterator[ClientMaker]:
    """Return a client of the application that bears a token, or nothing."""
    made: list[TestClient] = []

    def make(secret: str | None = None, **options: object) -> TestClient:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        made.append(TestClient(app, base_url=ORIGIN, headers=headers, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def client(make_client: ClientMaker, secret_of: Callable[[Scope], str]) -> TestClient:
    """An admin."""
    return make_client(secret_of(Scope.ADMIN))


@pytest.fixture
def runner(make_client: ClientMaker, secret_of: Callable[[Scope], str]) -> TestClient:
    """Somebody who may run experiments."""
    return make_client(secret_of(Scope.RUN))


@pytest.fixture
def reader(make_client: ClientMaker, secret_of: Callable[[Scope], str]) -> TestClient:
    """Somebody who may only look."""
    return make_client(secret_of(Scope.READ))


@pytest.fixture
def anonymous(make_client: ClientMaker) -> TestClient:
    """Somebody without a token."""
    return make_client()


@pytest.fixture
def address(app: FastAPI, settings: Settings) -> Iterator[tuple[str, int]]:
    """Where the application listens in the server that ``evomerge serve`` runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn_config(app, settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()
