"""A search whose every ask and tell is in the record: repeated in their order, they give the same next ask."""

from __future__ import annotations

import numpy as np

from evomerge.errors import StoreError
from experiments.entities import Candidate
from experiments.states import CandidateKind, EventKind, Split
from optimizer.jobs import Work
from optimizer.journal import Journal
from optimizer.problem import Space
from optimizer.screening import Screening
from optimizer.search.interface import Proposal, Scores, Search, Vector
from optimizer.tracing import Tracer


class RecordedSearch:
    """Asks a search for work, writes each ask down first, and passes the scores on.

    Args:
        search: not asked anything yet; it is brought to where the record says that it was.
        space: decodes its points.
        journal: the record.
        screening: who chooses the candidates of its generations; None leaves that to the search.

    Raises:
        StoreError: the search proposes something else than the record says, as another version of the algorithm
            would.
    """

    def __init__(self, search: Search, space: Space, journal: Journal, screening: Screening | None = None) -> None:
        """Repeat every recorded ask and tell."""
        self._search = search
        self._screening = screening
        self._space = space
        self._journal = journal
        self._numbers: list[int] = []
        self._open: dict[Work, Proposal] = {}
        self._asked_items = 0
        self._stopped_telling = False
        self._tracer = Tracer(search, journal)
        self._replay()

    @property
    def asked_items(self) -> int:
        """Item evaluations that the search has asked for, those in flight included."""
        return self._asked_items

    @property
    def stopped_telling(self) -> bool:
        """Whether the last thing in the record was a tell when it was read: all that was open then was being scored."""
        return self._stopped_telling

    @property
    def open(self) -> list[Work]:
        """What was asked and not told yet, in the order of the asks."""
        return list(self._open)

    def ask(self) -> Work | None:
        """Record and return what the search wants scored next; None while there is nothing, or ever again."""
        proposal = self._propose()
        if proposal is None:
            return None
        if proposal.number < len(self._numbers):
            candidate = self._journal.candidates[self._numbers[proposal.number]]
            self._journal.ask_again(candidate, proposal.block)
        else:
            label = f"candidate {len(self._journal.candidates)}"
            subject = self._space.decode(proposal.point)
            candidate = self._journal.ask(CandidateKind.SEARCH, label, subject, proposal.point, proposal.block)
            self._numbers.append(candidate.number)
        return self._opened(candidate, proposal)

    def fill(self) -> bool:
        """Have candidates chosen where the search waits for that; False where it does not."""
        return self._screening is not None and self._screening.fill(self._search)

    def tell(self, work: Work, scores: Scores | None) -> None:
        """Tell the search how a work came out that is recorded already; None means infeasible.

        Work that it did not ask for is none of its business.
        """
        self._tracer.count(0 if scores is None else len(scores.positions))
        if work in self._open:
            self._search.tell(self._open.pop(work), scores)
            self._tracer.note(len(self._journal.candidates))
            self._tracer.record()

    def center(self) -> Vector:
        """See ``Search.center``."""
        return self._search.center()

    def _opened(self, candidate: Candidate, proposal: Proposal) -> Work:
        work = Work(candidate.number, Split.SEARCH, proposal.block)
        self._open[work] = proposal
        self._asked_items += len(self._journal.tables[Split.SEARCH].positions(proposal.block))
        return work

    def _replay(self) -> None:
        table, candidates = self._journal.tables[Split.SEARCH], 0
        for event in self._journal.ledger():
            payload = event.payload
            if event.kind is EventKind.ASK:
                candidates = max(candidates, payload["number"] + 1)
            if event.kind is EventKind.ASK and payload["kind"] == CandidateKind.SEARCH:
                self._repeat_ask(self._journal.candidates[payload["number"]], payload.get("block", 0))
                self._stopped_telling = False
            elif event.kind in (EventKind.TELL, EventKind.INFEASIBLE) and payload["split"] == Split.SEARCH:
                work = Work(payload["number"], Split.SEARCH, payload.get("block", 0))
                told = event.kind is EventKind.TELL
                self._tracer.count(len(table.positions(work.block)) if told else 0)
                if work in self._open:
                    self._stopped_telling = True
                    scores = table.scores(work.candidate, work.block) if told else None
                    self._search.tell(self._open.pop(work), scores)
                    self._tracer.note(candidates)
        self._tracer.record()

    def _propose(self) -> Proposal | None:
        proposal = self._search.ask()
        if proposal is None and self._screening is not None and self._screening.repeat(self._search):
            return self._search.ask()
        return proposal

    def _repeat_ask(self, candidate: Candidate, block: int) -> None:
        proposal = self._propose()
        known = candidate.number in self._numbers
        if (
            proposal is None
            or candidate.vector is None
            or not np.array_equal(np.asarray(candidate.vector), proposal.point)
            or proposal.block != block
            or proposal.number != (self._numbers.index(candidate.number) if known else len(self._numbers))
        ):
            raise StoreError(
                f"candidate {candidate.number} of experiment {candidate.experiment_id} cannot be reproduced: the "
                "search proposes another point or block than the record holds. Resume with the versions that 'evomerge "
                "show' lists for it, or start a new experiment"
            )
        if not known:
            self._numbers.append(candidate.number)
        self._opened(candidate, proposal)
