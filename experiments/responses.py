"""How the candidates of all experiments scored on the search items of one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord, ItemScoreRecord, ProvenanceRecord
from experiments.states import EvaluationState, Split


@dataclass(frozen=True)
class Response:
    """One candidate's score on one item; the candidate by its id."""

    experiment: str
    candidate: int
    item: str
    score: float


class ResponseBook(Reader):
    """The scores of all experiments, item by item."""

    def all_provenances(self) -> dict[str, Mapping[str, Any]]:
        """Return every recorded provenance by digest."""
        with self._session() as session:
            return {row.digest: row.data for row in session.scalars(select(ProvenanceRecord))}

    def responses(self, task: str, provenances: Sequence[str], candidates: int) -> list[Response]:
        """Return what the search items of a task got, by candidate and item; one query.

        Scores that were copied from another evaluation are left out.

        Args:
            task: its name in the experiments.
            provenances: digests of those that ask the same question in the same way.
            candidates: at most so many, the newest.
        """
        wanted = (
            EvaluationRecord.split == Split.SEARCH,
            EvaluationRecord.state == EvaluationState.DONE,
            EvaluationRecord.copied_from.is_(None),
            EvaluationRecord.provenance.in_(provenances),
        )
        owner = EvaluationRecord.candidate_id
        newest = select(owner).where(*wanted).distinct().order_by(owner.desc()).limit(candidates).subquery()
        query = (
            select(CandidateRecord.experiment_id, CandidateRecord.id, ItemScoreRecord.item, ItemScoreRecord.score)
            .join(EvaluationRecord, EvaluationRecord.id == ItemScoreRecord.evaluation_id)
            .join(CandidateRecord, CandidateRecord.id == owner)
            .where(*wanted, ItemScoreRecord.task == task, owner.in_(select(newest.c.candidate_id)))
            .order_by(CandidateRecord.id, ItemScoreRecord.item)
        )
        with self._session() as session:
            return [Response(*row) for row in session.execute(query)]
