"""What the workers of a pool are at: plain data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from evals.provenance import Provenance
from optimizer.cluster import alive_nodes
from optimizer.jobs import Job


@dataclass(frozen=True, eq=False)
class Worker:
    """A worker that is ready; ``label`` is its ``host:pid``."""

    actor: Any
    label: str
    provenance: Provenance


@dataclass(frozen=True)
class Start:
    """A worker that starts, and the nodes that were up when it began to."""

    actor: Any
    nodes: frozenset[str] = field(default_factory=alive_nodes)


@dataclass(frozen=True)
class Run:
    """Jobs that a worker does, ``together`` or the only one, and when it began by the monotonic clock."""

    worker: Worker
    jobs: tuple[Job, ...]
    together: bool
    since: float = field(default_factory=time.monotonic)
