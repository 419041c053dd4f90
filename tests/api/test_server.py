"""The server's process."""

from __future__ import annotations

import gc
import signal
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr

from api.server import serve
from api.settings import Settings


def test_what_lives_as_long_as_the_server_is_no_burden_to_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server: frozen.append(gc.get_freeze_count()))
    before = signal.getsignal(signal.SIGTERM)
    try:
        serve(Settings(store=SecretStr(f"sqlite:///{tmp_path}/store.db"), launcher="none"))
    finally:
        signal.signal(signal.SIGTERM, before)
        gc.unfreeze()
    assert frozen[0] > 100_000
