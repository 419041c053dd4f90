"""Every operation under requests that the OpenAPI document allows, and under ones that it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from seeded import seed

from api.app import create_app
from api.openapi import FILE
from api.settings import Settings
from experiments.states import Scope
from experiments.store import Store

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
ORIGIN = "http://127.0.0.1:8000"
# What there is, by the name of the path parameter; None before the server of these tests stands.
KNOWN: dict[str, Any] = {}


class Server:
    """Stands for the application, which cannot be made before the tests are collected."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


SERVER = Server()
CONFIG = {
    "generation": {"mode": "all"},
    # 413 too: some refused values are refused for the length of the address.
    "checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}},
}
api = schemathesis.openapi.from_path(FILE, config=schemathesis.Config.from_dict(CONFIG))
api.app = SERVER
api.config.update(base_url=ORIGIN)


@api.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Let most of those that are well formed mean something that there is."""
    found = path_parameters or {}
    for name in KNOWN.keys() & found:
        form = "[0-9]{1,9}" if name == "number" else "[a-z0-9-]{1,64}"
        if re.fullmatch(form, str(found[name])) and len(str(found[name])) % 3:
            found[name] = KNOWN[name]
    return path_parameters


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Serve a store that holds an experiment and an artifact; return the headers of an admin."""
    folder = tmp_path_factory.mktemp("fuzz")
    with Store.open(f"sqlite:///{folder}/store.db") as store:
        chosen = Settings(
            model_roots=(folder / "models",),
            task_roots=(folder / "tasks",),
            artifact_root=folder / "artifacts",
            failed_logins=10**6,
        )
        SERVER.app = create_app(chosen, store)
        experiment = seed(store, owner="fuzz")
        artifact = store.ask_export(experiment.id, 0, str(folder), by="fuzz")
        KNOWN.update(experiment_id=experiment.id, number=3, artifact_id=artifact.id)
        yield {"Authorization": f"Bearer {store.create_token('fuzz', Scope.ADMIN, 'fuzz')[1]}"}
        SERVER.app.state.planner.close()


@api.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=15)
def test_no_request_finds_the_server_unprepared(case: Any, headers: dict[str, str]) -> None:
    case.call_and_validate(headers=headers, checks=CHECKS)
