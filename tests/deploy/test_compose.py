"""docker-compose.yml is valid, and closed to everybody but this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from deployment import COMPOSE, ROOT, compose

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("evomerge:")}
NODES = {name: one for name, one in OURS.items() if name.startswith("ray-")}


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_services_are_those_of_one_machine() -> None:
    assert set(SERVICES) == {"postgres", "migrate", "api", "ray-head", "ray-worker-cpu", "ray-worker-gpu"}
    assert {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one} == {
        "ray-worker-cpu": ["cpu"],
        "ray-worker-gpu": ["gpu"],
    }


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert len(published) == 2
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port) for port in published)
    assert not any("network_mode" in one for one in SERVICES.values())


def test_the_store_is_on_a_network_without_a_way_out() -> None:
    assert compose()["networks"]["store"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["store"]


@pytest.mark.parametrize("name", ["ray-worker-cpu", "ray-worker-gpu"])
def test_workers_cannot_reach_the_store(name: str) -> None:
    assert SERVICES[name]["networks"] == ["cluster"]
    assert "EVOMERGE_STORE" not in SERVICES[name]["environment"]


@pytest.mark.parametrize("name", ["api", *NODES])
def test_ray_asks_for_the_token(name: str) -> None:
    environment = OURS[name]["environment"]
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")


def test_no_secret_has_a_default() -> None:
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE.read_text())
    secret = [(name, rest) for name, rest in variables if re.search("TOKEN|PASSWORD|SECRET|KEY", name)]
    assert {name for name, _ in secret} == {"RAY_AUTH_TOKEN", "POSTGRES_PASSWORD"}
    assert all(rest.startswith(":?") for _, rest in secret)
    assert subprocess.run(["git", "check-ignore", "--quiet", ".env"], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "of the image") not in ("root", "0", 0)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_says_how_it_is(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if check.get("disable"):
        # Then its end is waited for, by exit code.
        waiting = [one["depends_on"].get(name) for one in SERVICES.values() if "depends_on" in one]
        assert {"condition": "service_completed_successfully"} in waiting
    else:
        assert check["test"][0] == "CMD" and {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", ["api", *NODES])
def test_models_and_tasks_are_never_written(name: str) -> None:
    mounts = [str(one) for one in OURS[name]["volumes"] if "/models" in str(one) or "/tasks" in str(one)]
    assert len(mounts) == 2 and all(mount.endswith(":ro") for mount in mounts)


def test_what_must_last_is_on_volumes() -> None:
    assert set(compose()["volumes"]) == {"postgres", "artifacts", "ray-head-tmp", "ray-head-home"}
    assert "postgres:/var/lib/postgresql/data" in SERVICES["postgres"]["volumes"]
    assert "artifacts:/artifacts" in SERVICES["api"]["volumes"]


def test_the_gpu_worker_reserves_gpus() -> None:
    (device,) = SERVICES["ray-worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert "deploy" not in SERVICES["ray-worker-cpu"]
