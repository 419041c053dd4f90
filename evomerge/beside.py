"""A server beside a run on this machine, so that the run can be looked at in a browser."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx2

from evomerge.errors import StoreError

if TYPE_CHECKING:
    from experiments.store import Store

_HOST = "127.0.0.1"
_START_S = 60.0
_VALID = timedelta(days=2)


@contextmanager
def dashboard(store: Store, url: str, port: int = 8000) -> Iterator[str]:
    """Serve the dashboard of a store while the context lasts; yields the address that logs a browser in.

    The address holds a token behind its ``#``, which no browser sends to anybody; it is revoked in the end.

    Args:
        store: the store, open.
        url: where it is.
        port: to serve at; where it is taken, some other one.

    Raises:
        StoreError: the server did not start, such as where another one serves the same SQLite file.
    """
    from experiments.states import Scope

    token, secret = store.create_token(
        "dashboard of a run", Scope.ADMIN, "admin", expires_at=datetime.now(UTC) + _VALID
    )
    port = _free(port)
    command = [sys.executable, "-m", "evomerge", "serve", "--launcher", "none", "--host", _HOST, "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        # However this process ends, its end of the pipe is closed then, and the server follows.
        process = subprocess.Popen(
            [*command, "--store", url, "--until-stdin-ends"], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        try:
            if not _answers(process, port):
                log.seek(0)
                said = log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
                raise StoreError("dashboard", f"its server did not start: {said[-1]}", "leave --dashboard out")
            yield f"http://{_HOST}:{port}/#token={secret}"
        finally:
            process.terminate()
            process.wait()
            store.revoke_token(token.id)


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(f"http://{_HOST}:{port}/readyz", timeout=5).is_success:
                return True
        except httpx2.TransportError:
            time.sleep(0.2)
    return False
