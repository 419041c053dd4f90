"""The environment of a worker's process, whatever that of the machine is."""

from __future__ import annotations

import pytest

from merging.models import ModelRef
from workers.config import WorkerConfig, process_environment


def test_no_insecure_mode_of_vllm_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    from vllm import envs

    insecure = ("VLLM_ALLOW_INSECURE_SERIALIZATION", "VLLM_SERVER_DEV_MODE")
    for name in insecure:
        monkeypatch.setenv(name, "1")
    assert all(getattr(envs, name) for name in insecure)
    for name, value in process_environment(WorkerConfig(ModelRef("base", "/nowhere"), (), ())).items():
        monkeypatch.setenv(name, value)
    assert not any(getattr(envs, name) for name in insecure)
