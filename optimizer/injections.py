"""Merges that people propose while a search runs: scored beside it, and finalists like any other."""

from __future__ import annotations

from experiments.states import CandidateKind, Split
from optimizer.jobs import Work
from optimizer.journal import Journal
from optimizer.problem import Problem


class Injections:
    """Hands out proposed merges as work on all search items, each once.

    The search is told nothing of them, so that it stays the search that its seed says; they cost nothing of its budget.
    """

    def __init__(self, journal: Journal, problem: Problem) -> None:
        self._journal = journal
        self._problem = problem
        self._looked_at = 0

    def open(self) -> list[Work]:
        """Return the work on merges that are recorded as candidates and not scored yet."""
        works = [Work(one.number, Split.SEARCH) for one in self._journal.of_kind(CandidateKind.INJECTED)]
        return [work for work in works if work not in self._journal.closed]

    def next(self) -> Work | None:
        """Record the next proposed merge as a candidate and return its work; None while there is none."""
        latest = self._journal.orders.control_seq
        if latest == self._looked_at:
            return None
        taken = len(self._journal.of_kind(CandidateKind.INJECTED))
        waiting = self._journal.injections()[taken:]
        if not waiting:
            self._looked_at = latest
            return None
        subject = self._problem.read(waiting[0]["recipe"])
        candidate = self._journal.ask(CandidateKind.INJECTED, waiting[0]["label"], subject, None)
        return Work(candidate.number, Split.SEARCH)
