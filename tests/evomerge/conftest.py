"""A real server with a SQLite store, as ``evomerge serve`` runs it."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from proxy import CuttingProxy, cutting_proxy
from served import Served
from structlog.testing import capture_logs

from api.app import create_app
from api.planning import Planner
from api.server import uvicorn_config
from api.settings import Settings
from experiments.states import Scope
from experiments.store import Store


@pytest.fixture(autouse=True)
def quiet_libraries() -> Iterator[None]:
    """Give commands the log level of a fresh process: a library that ran before in this one may have raised it."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)
    yield
    root.setLevel(level)


@pytest.fixture(scope="session")
def planner() -> Iterator[Planner]:
    """One for all tests, since its child process takes seconds to import torch."""
    made = Planner(check_seconds=300)
    yield made
    made.close()


@pytest.fixture
def served(tmp_path: Path, planner: Planner) -> Iterator[Served]:
    for name in ("models", "tasks", "artifacts"):
        (tmp_path / name).mkdir()
    url = f"sqlite:///{tmp_path}/store.db"
    settings = Settings(
        store=url,  # type: ignore[arg-type]
        model_roots=(tmp_path / "models",),
        task_roots=(tmp_path / "tasks",),
        artifact_root=tmp_path / "artifacts",
        endpoint_hosts=("127.0.0.1",),
        launcher="none",
    )
    # In this process the log of the server would be on the stdout of commands.
    with capture_logs(), Store.open(url) as store, socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(settings, store)
        own, app.state.planner = app.state.planner, planner
        server = uvicorn.Server(uvicorn_config(app, settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        host, port = listener.getsockname()
        token = store.create_token("tests", Scope.ADMIN, owner="run-person")[1]
        yield Served(f"http://{host}:{port}", (host, port), token, store, url, tmp_path)
        app.state.planner = own  # a server that ends closes its planner
        server.should_exit = True
        thread.join()


@pytest.fixture
def proxy(served: Served) -> Iterator[CuttingProxy]:
    """In front of the server."""
    with cutting_proxy(served.address) as made:
        yield made
