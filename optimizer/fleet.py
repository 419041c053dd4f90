"""Workers that outlive an experiment: the next one on the same engine goes on with them."""

from __future__ import annotations

from typing import Any

import ray

from workers.config import WorkerConfig


class Fleet:
    """Scoring workers between two pools; Ray must be running for as long as it holds any.

    Pools take workers whose engine fits (``WorkerConfig.engine_only``), or which have none yet and whose process fits
    (``WorkerConfig.process_only``), and give them back when they close.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[WorkerConfig, Any]] = []

    def __len__(self) -> int:
        """Number of workers that wait."""
        return len(self._waiting)

    def take(self, config: WorkerConfig) -> Any | None:
        """Return the actor of a worker that can adopt ``config``, None where there is none.

        Workers with another engine are stopped then: they would hold the memory that the new one needs.
        """
        for held, actor in list(self._waiting):
            if not _fits(held, config):
                self._waiting.remove((held, actor))
                ray.kill(actor)
        return self._waiting.pop()[1] if self._waiting else None

    def give(self, config: WorkerConfig, actor: Any) -> None:
        """Keep an idle worker that was started with, or has adopted, ``config``."""
        self._waiting.append((config, actor))

    def close(self) -> None:
        """Stop every worker that waits."""
        for _, actor in self._waiting:
            ray.kill(actor)
        self._waiting = []


def _fits(held: WorkerConfig, config: WorkerConfig) -> bool:
    return held == config.process_only or held.engine_only == config.engine_only
