"""Files for machines without containers: the Ray cluster launcher's and systemd's."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from deployment import RAY_CLUSTER, SYSTEMD

HARDENING = (
    *("NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectClock", "ProtectControlGroups", "ProtectHostname"),
    *("ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "LockPersonality"),
    *("RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID"),
)


def unit() -> dict[str, dict[str, list[str]]]:
    """The unit's values by section and key; a key may be given more than once."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in SYSTEMD.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), defaultdict(list))
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section[key].append(value)
    return sections


def test_the_cluster_file_follows_rays_schema() -> None:
    config = yaml.safe_load(RAY_CLUSTER.read_text())
    validate_config(prepare_config(config))
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config({**config, "max_worker": 1}))


def test_the_cluster_asks_for_the_token_and_keeps_its_dashboard_to_itself() -> None:
    config = yaml.safe_load(RAY_CLUSTER.read_text())
    head, worker = config["head_start_ray_commands"][-1], config["worker_start_ray_commands"][-1]
    assert "RAY_AUTH_MODE=token" in head and "RAY_AUTH_MODE=token" in worker
    assert "--dashboard-host=127.0.0.1" in head and "--num-cpus=0" in head
    assert config["file_mounts"] == {"~/.ray/auth_token": "~/.ray/auth_token"}
    assert len(config["provider"]["worker_ips"]) == config["max_workers"]


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on this machine")
    # It also looks for the program, which is not installed here.
    text = SYSTEMD.read_text().replace("/opt/evomerge/bin/evomerge", shutil.which("true") or "/bin/true")
    copy = tmp_path / SYSTEMD.name
    copy.write_text(text)
    checked = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    copy.write_text(text.replace("Restart=on-failure", "Restart=on-failre"))
    assert "on-failre" in subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True).stderr


def test_the_unit_is_hardened() -> None:
    service = unit()["Service"]
    for key in HARDENING:
        assert service[key] == ["yes"], key
    assert service["ProtectSystem"] == ["strict"] and service["CapabilityBoundingSet"] == [""]
    assert service["User"] == ["evomerge"] and service["StateDirectory"] == ["evomerge"]
    assert service["Restart"] == ["on-failure"]


def test_the_unit_serves_this_machine_only() -> None:
    (command,) = unit()["Service"]["ExecStart"]
    assert "--host 127.0.0.1" in command
