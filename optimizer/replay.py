"""Rebuild a search from the record: the same asks and tells in the same order give the same next ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from evomerge.errors import StoreError
from experiments.entities import Candidate, Event
from experiments.states import CandidateKind, EventKind, Split
from optimizer.search import Proposal, Search


def replay(search: Search, ledger: Iterable[Event], candidates: Mapping[int, Candidate]) -> dict[int, Proposal]:
    """Repeat every recorded ask and tell on a fresh search.

    Args:
        search: a search that has not been asked anything yet.
        ledger: the experiment's events in order.
        candidates: every candidate by number.

    Returns:
        The proposals that were asked and not told, by candidate number.

    Raises:
        StoreError: the search proposes something else than the record says, as another version of the
            algorithm would.
    """
    proposals: dict[int, Proposal] = {}
    for event in ledger:
        number = event.payload.get("number")
        if event.kind is EventKind.ASK and event.payload["kind"] == CandidateKind.SEARCH:
            proposals[event.payload["number"]] = _check_same(candidates[event.payload["number"]], search.ask())
        elif number in proposals and event.payload.get("split") == Split.SEARCH:
            if event.kind is EventKind.TELL:
                search.tell(proposals.pop(number), event.payload["fitness"])
            elif event.kind is EventKind.INFEASIBLE:
                search.tell(proposals.pop(number), None)
    return proposals


def _check_same(candidate: Candidate, proposal: Proposal | None) -> Proposal:
    if proposal is None or candidate.vector is None or not np.array_equal(np.asarray(candidate.vector), proposal.point):
        raise StoreError(
            f"candidate {candidate.number} of experiment {candidate.experiment_id} cannot be reproduced: the search "
            "proposes another point than the record holds. Resume with the versions that 'evomerge show' lists for it, "
            "or start a new experiment"
        )
    return proposal
