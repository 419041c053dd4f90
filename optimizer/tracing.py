"""The way of a search, recorded: its state after every update of its distribution."""

from __future__ import annotations

from experiments.traces import TraceRow
from optimizer.journal import Journal
from optimizer.search.interface import Search
from optimizer.search.state import Traced


class Tracer:
    """Keeps one row for every tell that moved the search's distribution; of a search without one, nothing.

    A search that repeats its record passes the same states again: those that are recorded are passed over, and those
    that a killed driver did not come to record are recorded then.

    Args:
        search: not told anything yet.
        journal: of the experiment.
    """

    def __init__(self, search: Search, journal: Journal) -> None:
        """Find out how far the record goes."""
        self._search = search if isinstance(search, Traced) else None
        self._journal = journal
        self._updates = journal.traced
        self._items = 0
        self._rows: list[TraceRow] = []

    def count(self, items: int) -> None:
        """Take note of so many more scored search items."""
        self._items += items

    def note(self, candidates: int) -> None:
        """Keep the state if it is new; ``candidates`` were asked by now."""
        if self._search is not None and self._search.updates > self._updates:
            state = self._search.state()
            self._updates = state.updates
            self._rows.append(TraceRow(state.updates, state.run, candidates, self._items, state.to_dict()))

    def record(self) -> None:
        """Write what was kept."""
        if self._rows:
            self._journal.trace(self._rows)
            self._rows = []
