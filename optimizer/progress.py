"""What a running driver tells the one who watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["starting", "baselines", "search", "selection", "test"]


@dataclass(frozen=True)
class Standing:
    """How a candidate stands on the search items: weighted mean score and its 95 % interval.

    Seen from afar it has its fitness for a score, and no interval.
    """

    label: str
    score: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class RunProgress:
    """One moment of a run. ``done`` and ``total`` count scored items of the current phase (one candidate on one item);
    ``total`` is 0 where it is not known how many they will be.

    ``per_minute`` and ``eta_s`` (seconds to the end of the phase) are None until they can be measured. ``notes`` are
    decisions that were taken since the last moment, to be kept in sight.
    """

    experiment: str
    phase: Phase
    done: int
    total: int
    best: Standing | None
    best_parent: Standing | None
    per_minute: float | None
    eta_s: float | None
    message: str
    notes: tuple[str, ...] = ()
