"""Sequences of requests in which each takes what earlier ones answered: what was created is read, changed and ended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
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
# Operations on what an earlier request of the same sequence made must have worked; this many, whatever is drawn.
REACHED = 12


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
        with Store.open(f"sqlite:///{folder}/empty.db") as store:
            self.token = store.create_token("stateful", Scope.ADMIN, "stateful")[1]
        self.store: Store | None = None
        self.planner: Any = None
        self.app: Any = None

    def renew(self) -> None:
        if self.store is not None:
            self.store.close()
        shutil.copy(self._folder / "empty.db", self._folder / "store.db")
        self.store = Store.open(f"sqlite:///{self._folder}/store.db")
        self.app = create_app(self._settings, self.store)
        # It keeps nothing of what it checked, and takes seconds to start.
        self.planner = self.planner or self.app.state.planner
        self.app.state.planner = self.planner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def test_sequences_of_requests(tmp_path: Path) -> None:
    server = Server(tmp_path)
    api = schemathesis.openapi.from_path(FILE)
    api.app = server
    api.config.update(base_url="http://127.0.0.1:8000", request_timeout=300)
    done: set[tuple[str, str]] = set()

    @api.hook
    def map_body(context: Any, body: Any) -> Any:
        """Give most new experiments a spec that passes; what is generated names models that are not there."""
        if isinstance(body, dict) and "spec" in body and len(str(body)) % 4:
            return {"spec": BLACKBOX}
        if isinstance(body, dict) and "changes" in body:
            return {**body, "changes": {}}
        return body

    class Workflow(api.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            server.renew()

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {server.token}"}}

        def validate_response(self, response: Any, case: Any, **options: Any) -> None:
            case.validate_response(response, checks=CHECKS)
            if response.status_code < 300 and "{" in case.operation.path:
                done.add((case.operation.method.upper(), case.operation.path))

    options = settings(max_examples=30, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
    try:
        run_state_machine_as_test(Workflow, settings=options)
    finally:
        server.planner.close()
    assert len(done) >= REACHED and len({path for method, path in done if method != "GET"}) >= 3, done
