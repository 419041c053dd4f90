"""The service as a person runs it: one command, a real search with real workers, and nothing lost when it dies."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psutil
import yaml
from service import Service, ServiceStarter, wait_until

from experiments.states import Scope
from experiments.store import Store
from runs import TinyExperiment


def spec_of(tiny: TinyExperiment, name: str, **changes: Any) -> dict[str, Any]:
    spec = yaml.safe_load(tiny.spec(name).read_text())
    return {**spec, **changes}


def settings_of(tiny: TinyExperiment) -> dict[str, str]:
    return {"EVOMERGE_MODEL_ROOTS": str(tiny.folder), "EVOMERGE_TASK_ROOTS": str(tiny.folder)}


def state(service: Service, experiment: str) -> dict[str, Any]:
    found: dict[str, Any] = service.call("GET", f"/experiments/{experiment}")
    return found


def test_submit_export_and_download(tiny_experiment: TinyExperiment, serve: ServiceStarter, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/service.db"
    service = serve(store, settings=settings_of(tiny_experiment))
    plan = service.call("POST", "/experiments/validate", json={"spec": spec_of(tiny_experiment, "served")})
    assert plan["genes"]
    made = service.call("POST", "/experiments", json={"spec": spec_of(tiny_experiment, "served")})
    wait_until(lambda: state(service, made["id"])["state"] == "finished")
    shown = state(service, made["id"])
    assert shown["outcome"]["report"]["models"] and shown["outcome"]["winner"]["number"] is not None

    # Its Ray, some of whose ports are open to other machines, is for whoever has a token that nobody else knows.
    (head,) = [one for one in psutil.process_iter(["name"]) if one.info["name"] == "gcs_server" and _of(one, tmp_path)]
    assert head.environ()["RAY_AUTH_MODE"] == "token" and len(head.environ()["RAY_AUTH_TOKEN"]) == 64

    artifact = service.call("POST", f"/experiments/{made['id']}/exports", json={})
    ready = wait_until(
        lambda: (found := service.call("GET", f"/artifacts/{artifact['id']}"))["state"] != "pending" and found
    )
    assert ready["state"] == "ready", ready
    weights = ready["files"]["model.safetensors"]
    answer = service.ask("GET", f"/artifacts/{artifact['id']}/files/model.safetensors")
    assert hashlib.sha256(answer.content).hexdigest() == weights["sha256"]

    assert service.stop() == 0
    assert not [one for one in psutil.process_iter(["name"]) if one.info["name"] == "raylet" and _of(one, tmp_path)]
    with Store.open(store) as opened:
        assert opened.audit() == []


def test_a_server_that_is_killed_in_mid_run_is_followed_by_one_that_goes_on(
    tiny_experiment: TinyExperiment, serve: ServiceStarter, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path}/service.db"
    service = serve(store, settings=settings_of(tiny_experiment))
    made = service.call("POST", "/experiments", json={"spec": spec_of(tiny_experiment, "survivor")})
    wait_until(lambda: state(service, made["id"])["progress"]["done"] >= 8)
    service.kill()
    again = serve(store, token=service.token, settings=settings_of(tiny_experiment))
    wait_until(lambda: state(again, made["id"])["state"] == "finished")
    with Store.open(store) as opened:
        assert opened.audit() == []
        # The driver never noticed: it is the one of the first server.
        claims = [e for e in opened.ledger(made["id"]) if e.payload.get("to") == "running"]
        assert len(claims) == 1
    assert again.stop() == 0


def test_a_second_server_on_a_sqlite_file_is_refused(serve: ServiceStarter, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/service.db"
    serve(store)
    second = serve(store, token="none", wait=False)
    assert second.process.wait(60) == 2
    assert "another server serves" in second.log.read_text()


def test_the_first_token_is_printed_once(serve: ServiceStarter, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/service.db"
    first = serve(store)
    assert first.call("GET", "/session")["scope"] == Scope.ADMIN
    assert first.stop() == 0
    second = serve(store, token=first.token)
    assert "evm_" not in second.log.read_text() and "evomerge token create" in second.log.read_text()
    assert second.call("GET", "/experiments") == {"experiments": [], "next": None}


def test_tokens_that_work_no_more_do_not_lock_everybody_out(serve: ServiceStarter, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/service.db"
    with Store.open(store) as opened:
        opened.revoke_token(opened.create_token("dashboard of a run", Scope.ADMIN, "admin")[0].id)
    server = serve(store, settings={"EVOMERGE_LAUNCHER": "none"})
    assert f"{server.url}/#token={server.token}" in server.log.read_text()
    assert server.call("GET", "/session")["scope"] == Scope.ADMIN


def _of(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get("EVOMERGE_STATE") == str(folder / "state")
    except psutil.Error:
        return False
