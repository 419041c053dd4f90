"""Makes pending artifacts, one at a time, each in a process of its own: merging takes memory that a server has not."""

from __future__ import annotations

import os
import subprocess
import sys

import structlog

from experiments.states import ArtifactState
from experiments.store import Store

_log = structlog.get_logger(__name__)


class Exporter:
    """Looks for pending artifacts whenever it is asked to.

    A process that dies is followed by a second one, since what kills a process, such as a full memory, often passes;
    then the artifact has failed. Processes of several servers take turns, see ``optimizer.exports``.

    Args:
        store: of the service.
        url: of the store, handed over in the environment.
    """

    def __init__(self, store: Store, url: str) -> None:
        self._store = store
        self._url = url
        self._running: tuple[str, subprocess.Popen[bytes]] | None = None
        self._died: set[str] = set()

    def tick(self) -> None:
        """Notice that an export has ended, and start the next one.

        Raises:
            StoreError: the store is out of reach.
        """
        if self._running is not None:
            artifact, process = self._running
            if process.poll() is None:
                return
            _log.info("export ended", artifact=artifact, status=process.returncode)
            if self._store.artifact(artifact).state is ArtifactState.PENDING:
                self._note_death(artifact, process.returncode)
            self._running = None
        waiting = self._store.artifacts(state=ArtifactState.PENDING)
        if waiting:
            oldest = waiting[-1].id
            environment = {**os.environ, "EVOMERGE_STORE": self._url}
            command = [sys.executable, "-m", "evomerge", "driver", "--artifact", oldest]
            self._running = oldest, subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)

    def close(self) -> None:
        """End an export that is under way; the next server makes it again."""
        if self._running is not None:
            self._running[1].kill()
            self._running[1].wait()

    def _note_death(self, artifact: str, status: int) -> None:
        if artifact not in self._died:
            self._died.add(artifact)
            return
        error = f"the exporting process ended twice, at last with {status}; the server's log says why"
        self._store.finish_export(artifact, {}, error=error)
