"""The dashboard beside a run."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from filelock import FileLock, Timeout

from evomerge.beside import dashboard
from evomerge.errors import StoreError
from experiments.store import Store


def test_it_is_there_while_the_run_lasts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with Store.open(url) as store, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with dashboard(store, url, port) as address:
            base, _, secret = address.partition("/#token=")
            assert base.startswith("http://127.0.0.1:") and not base.endswith(f":{port}")
            assert httpx.post(f"{base}/api/v1/session", json={"token": secret}).json()["scope"] == "admin"
            assert httpx.get(base, headers={"Accept": "text/html"}).status_code == 200
            # One server has a SQLite file for itself.
            with pytest.raises(StoreError, match="another server serves"), dashboard(store, url):
                pass
        with pytest.raises(httpx.ConnectError):
            httpx.get(base)
        assert all(token.revoked_at is not None for token in store.tokens())


RUN = """
import sys, time
from evomerge.beside import dashboard
from experiments.store import Store

with Store.open(sys.argv[1]) as store, dashboard(store, sys.argv[1]):
    print(flush=True)
    time.sleep(3600)
"""


def test_a_run_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    run = subprocess.Popen([sys.executable, "-c", RUN, f"sqlite:///{tmp_path}/store.db"], stdout=subprocess.PIPE)
    assert run.stdout is not None and run.stdout.readline() == b"\n"
    served = FileLock(tmp_path / "store.db.server.lock")
    with pytest.raises(Timeout):
        served.acquire(blocking=False)
    run.kill()
    run.wait()
    # Whoever serves the file holds it until the end.
    with served.acquire(timeout=60):
        pass
