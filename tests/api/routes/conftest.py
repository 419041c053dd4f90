"""One planner for all tests, since its child process takes seconds to import torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.planning import Planner
from api.settings import Settings


@pytest.fixture(scope="session")
def planner() -> Iterator[Planner]:
    made = Planner(check_seconds=300)
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server with its own models, tasks and artifacts, which calls black boxes of this machine."""
    for name in ("models", "tasks", "artifacts"):
        (tmp_path / name).mkdir()
    return Settings(
        model_roots=(tmp_path / "models",),
        task_roots=(tmp_path / "tasks",),
        artifact_root=tmp_path / "artifacts",
        tasks=("gsm8k",),
        endpoint_hosts=("127.0.0.1",),
        max_open_experiments=3,
        max_priority=5,
        max_streams=5,
    )


@pytest.fixture
def app(app: FastAPI, planner: Planner) -> FastAPI:
    app.state.planner = planner
    return app
