"""Makes pending artifacts, one at a time, each in a process of its own: merging takes memory that a server has not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from experiments.states import ArtifactState
from experiments.store import Store

_log = structlog.get_logger(__name__)


class Exporter:
    """Looks for pending artifacts whenever it is asked to.

    Args:
        store: of the service.
        url: of the store, handed over in the environment.
        folder: of the artifacts; servers that share it take turns.
    """

    def __init__(self, store: Store, url: str, folder: Path) -> None:
        self._store = store
        self._url = url
        self._folder = folder
        self._lock = FileLock(folder / ".export.lock", blocking=False, thread_local=False)
        self._running: tuple[str, subprocess.Popen[bytes]] | None = None

    def tick(self) -> None:
        """Notice that an export has ended, and start the next one.

        Raises:
            StoreError: the store is out of reach.
        """
        if self._running is not None:
            artifact, process = self._running
            if process.poll() is None:
                return
            if self._store.artifact(artifact).state is ArtifactState.PENDING:
                error = f"the exporting process ended with {process.returncode}; the server's log says why"
                self._store.finish_export(artifact, {}, error=error)
            _log.info("export ended", artifact=artifact, status=process.returncode)
            self._running = None
            self._lock.release()
        waiting = self._store.artifacts(state=ArtifactState.PENDING)
        if waiting and self._take_turn():
            oldest = waiting[-1].id
            environment = {**os.environ, "EVOMERGE_STORE": self._url}
            command = [sys.executable, "-m", "evomerge", "driver", "--artifact", oldest]
            self._running = oldest, subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)

    def close(self) -> None:
        """End an export that is under way; the next server makes it again."""
        if self._running is not None:
            self._running[1].kill()
            self._running[1].wait()
            self._lock.release()

    def _take_turn(self) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            return False
        return True
