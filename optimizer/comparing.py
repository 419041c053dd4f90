"""How the models lie to each other, found out while the workers start."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evomerge.errors import EvomergeError
from optimizer.journal import Journal
from optimizer.problem import Problem

# Workers rarely start in less, and the search must not wait for a picture.
LIMIT_S = 60.0
_DECISION = "similarity"


class ModelComparison:
    """Compares the models in a thread of its own, once for an experiment.

    Args:
        journal: of the experiment.
        problem: has the models.
        stop: ends it, without a result.
    """

    def __init__(self, journal: Journal, problem: Problem, stop: threading.Event) -> None:
        """Begin."""
        self._journal = journal
        self._problem = problem
        self._stop = stop
        self._closed = threading.Event()
        self._until = time.monotonic() + LIMIT_S
        self._thread = ThreadPoolExecutor(1)
        self._found = None if _DECISION in journal.decisions else self._thread.submit(self._compare)

    def record(self) -> None:
        """Wait for the end, and record the result, or why there is none; of a black box, nothing."""
        found = None if self._found is None else self._found.result()
        if found is not None and not self._stop.is_set():
            self._journal.decide(_DECISION, found)

    def close(self) -> None:
        """Stop before the next tensor."""
        self._closed.set()
        self._thread.shutdown(wait=False)

    def _compare(self) -> Mapping[str, Any] | None:
        try:
            return self._problem.similarity(self._expired)
        except EvomergeError as error:  # the search can do without
            return {"models": [], "cosine": [], "norms": [], "by_block": None, "reason": str(error)}

    def _expired(self) -> bool:
        return self._closed.is_set() or self._stop.is_set() or time.monotonic() > self._until
