"""What a driver that nobody watches leaves in the log."""

from __future__ import annotations

import time

import structlog

from optimizer.progress import RunProgress

# Every evaluation has a line of its own; this one is for whoever reads the log from afar.
_EVERY_S = 60.0


class DriverLog:
    """Logs notes and messages of one experiment as they come, and where the run stands once a minute."""

    def __init__(self, experiment_id: str) -> None:
        structlog.contextvars.bind_contextvars(experiment_id=experiment_id)
        self._log = structlog.get_logger(__name__)
        self._last = -_EVERY_S

    def say(self, message: str) -> None:
        """Log what happens to the driver itself."""
        self._log.warning(message)

    def update(self, progress: RunProgress) -> None:
        """Log what is new."""
        for note in progress.notes:
            self._log.info(note, phase=progress.phase)
        now = time.monotonic()
        if now - self._last >= _EVERY_S:
            self._last = now
            best = None if progress.best is None else progress.best.score
            self._log.info(
                "progress",
                phase=progress.phase,
                done=progress.done,
                total=progress.total,
                best=best,
                eta_s=progress.eta_s,
                message=progress.message,
            )
