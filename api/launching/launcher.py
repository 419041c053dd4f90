"""What starts a driver somewhere, and what there is to run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Capacity:
    """What the workers of all experiments have together; a worker takes ``cpus`` cores and ``gpus`` GPUs of it."""

    cpus: float
    gpus: float


class Launcher(Protocol):
    """Starts drivers, each a process whose only orders are the id of its experiment."""

    def start(self, experiment_id: str, handle: str, *, workers: bool = True) -> None:
        """Start a driver under a name that no other driver ever has.

        Args:
            experiment_id: what it drives.
            handle: the name.
            workers: whether it has workers on Ray; a black box has none.

        Raises:
            EngineError: it cannot be started now.
        """
        ...

    def is_alive(self, handle: str) -> bool:
        """Return whether a driver that this or another server started still is, or may still come to be.

        Raises:
            EngineError: that cannot be found out now.
        """
        ...

    def capacity(self) -> Capacity | None:
        """Return what there is to run on; None while that is not known."""
        ...

    def close(self) -> None:
        """Let go of what the launcher holds; drivers are asked to stop where they cannot live without it."""
        ...
