"""Sequences of requests in which each takes what earlier ones answered: what was created is read, changed and ended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)
from seeded import BLACKBOX

from api.app import create_app
from api.openapi import FILE
from api.settings import Settings
from experiments.states import Scope
from experiments.store import Store

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    response_schema_conformance,
    ensure_resource_availability,
    use_after_free,
]
ADDRESS = "http://127.0.0.1:8000"
# Sequences are drawn until this many operations on what was made before have worked, and this many that change it.
REACHED = 20
CHANGED = 3
ROUNDS = 6


class Server:
    """Stands for the application, which every sequence gets anew: what one did must not decide what the next does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settings = Settings(
            model_roots=(folder / "models",),
            task_roots=(folder / "tasks",),
            artifact_root=folder / "artifacts",
            endpoint_hosts=("127.0.0.1",),
        )
        with Store.open(f"sqlite:///{folder}/first.db") as store:
            self.headers = {"Authorization": f"Bearer {store.create_token('stateful', Scope.ADMIN, 'stateful')[1]}"}
            app = create_app(self._settings, store)
            with TestClient(app, base_url=ADDRESS, headers=self.headers) as client:
                created = client.post("/api/v1/experiments", json={"spec": BLACKBOX}).raise_for_status()
        self.experiment = created.json()["id"]
        # It keeps nothing of what it checked, and takes seconds to start.
        self.planner = app.state.planner
        self.store: Store | None = None
        self.app: Any = None

    def renew(self) -> None:
        if self.store is not None:
            self.store.close()
        shutil.copy(self._folder / "first.db", self._folder / "store.db")
        self.store = Store.open(f"sqlite:///{self._folder}/store.db")
        self.app = create_app(self._settings, self.store)
        self.app.state.planner = self.planner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def _steered(server: Server, made: set[str]) -> Any:
    """The documented operations, with most of what is invented led to what exists."""
    api = schemathesis.openapi.from_path(FILE)
    api.app = server
    api.config.update(base_url=ADDRESS, request_timeout=300)

    @api.hook
    def map_body(context: Any, body: Any) -> Any:
        """Give most new experiments a spec that passes; what is generated names models that are not there."""
        if isinstance(body, dict) and "spec" in body and len(str(body)) % 4:
            return {"spec": BLACKBOX}
        if isinstance(body, dict) and "changes" in body:
            return {**body, "changes": {}}
        return body

    @api.hook
    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        """Most invented experiments become the one that every sequence begins with; an unknown one is soon answered."""
        named = (path_parameters or {}).get("experiment_id")
        if named is None or named in made or len(str(named)) % 4 == 0:
            return path_parameters
        return {**path_parameters, "experiment_id": server.experiment}

    return api


def _enough(done: set[tuple[str, str]]) -> bool:
    return len(done) >= REACHED and len({path for method, path in done if method != "GET"}) >= CHANGED


def test_sequences_of_requests(tmp_path: Path) -> None:
    server = Server(tmp_path)
    done: set[tuple[str, str]] = set()
    made: set[str] = set()

    class Workflow(_steered(server, made).as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            server.renew()

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": server.headers}

        def validate_response(self, response: Any, case: Any, **options: Any) -> None:
            case.validate_response(response, checks=CHECKS)
            if response.status_code == 201 and "id" in response.json():
                made.add(response.json()["id"])
            if response.status_code < 300 and "{" in case.operation.path:
                done.add((case.operation.method.upper(), case.operation.path))

    # Its own seeds: the examples are the same on every machine, whatever profile hypothesis takes there.
    options = settings(
        max_examples=15,
        stateful_step_count=12,
        deadline=None,
        derandomize=False,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        for number in range(ROUNDS):
            run_state_machine_as_test(seed(number)(Workflow), settings=options)
            if _enough(done):
                break
    finally:
        server.planner.close()
    assert _enough(done), sorted(done)
