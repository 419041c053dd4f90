"""What an operator sets, and what the service loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from api.settings import LOOPBACK, Settings, load_settings
from evomerge.errors import InvalidInput

ROOT = Path(__file__).resolve().parents[2]


def test_the_defaults_are_for_one_machine() -> None:
    settings = load_settings()
    assert settings.host == "127.0.0.1"
    assert settings.hosts == LOOPBACK
    assert settings.otlp_endpoint is None


def test_the_environment_and_then_the_caller_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOMERGE_PORT", "9000")
    monkeypatch.setenv("EVOMERGE_HOSTS", " A.example , [::1]")
    assert load_settings(port=None).port == 9000
    assert load_settings(port=9001).port == 9001
    assert load_settings().hosts == ("a.example", "::1")


def test_a_path_is_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOMERGE_STORE", "runs/a.db")
    assert load_settings().store.get_secret_value() == "sqlite:///runs/a.db"


def test_the_password_of_the_store_is_not_shown() -> None:
    assert "hunter2" not in repr(load_settings(store="postgresql://me:hunter2@host/db"))


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("PORT", "70000"), ("MAX_BODY_BYTES", "0"), ("LOG_FORMAT", "xml")]
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EVOMERGE_{name}", value)
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    assert caught.value.field == f"EVOMERGE_{name}"


def test_settings_do_not_change_under_a_running_server() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_the_service_starts_without_tensors_engines_and_the_cluster() -> None:
    code = (
        "import sys; import api.app; "
        "print(*sorted({'torch', 'ray', 'vllm', 'transformers', 'lm_eval', 'opentelemetry.sdk'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
