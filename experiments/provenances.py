"""What scores depend on besides the weights: recorded once each, named by every evaluation that it applies to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from experiments.entities import Evaluation, StoredItem
from experiments.reading import to_evaluation
from experiments.recording import Recorder
from experiments.records import CandidateRecord, EvaluationRecord, ItemScoreRecord, ProvenanceRecord
from experiments.states import CandidateKind, EvaluationState, Split
from experiments.texts import insert_missing

# Of the same weights on the same number of items; more than a few provenances of these say nothing new.
_LOOKED_AT = 50


@dataclass(frozen=True)
class Precedent:
    """An evaluation of the same weights on as many items, in any experiment; ``provenance`` as recorded."""

    evaluation: Evaluation
    provenance: Mapping[str, Any]


class ProvenanceBook(Recorder):
    """The provenance of all scores."""

    def record_provenance(self, experiment_id: str, digest: str, data: Mapping[str, Any]) -> None:
        """Record a provenance under its digest; what is recorded already stays as it is."""
        with self._driving(experiment_id) as ledger:
            statement = insert_missing(ledger.session.get_bind().dialect, ProvenanceRecord)
            ledger.session.execute(statement, [{"digest": digest, "data": dict(data)}])

    def provenances(self, experiment_id: str) -> dict[str, Mapping[str, Any]]:
        """Return the provenances of an experiment's scores by digest."""
        used = (
            select(EvaluationRecord.provenance)
            .join(CandidateRecord, CandidateRecord.id == EvaluationRecord.candidate_id)
            .where(CandidateRecord.experiment_id == experiment_id)
            .distinct()
        )
        with self._session() as session:
            rows = session.scalars(select(ProvenanceRecord).where(ProvenanceRecord.digest.in_(used)))
            return {row.digest: row.data for row in rows}

    def provenance_uses(self, experiment_id: str) -> dict[Split, dict[str, int]]:
        """Return how many evaluations of each split have which provenance, by digest, most first; one query."""
        count = func.count(EvaluationRecord.id)
        query = (
            select(EvaluationRecord.split, EvaluationRecord.provenance, count)
            .join(CandidateRecord, CandidateRecord.id == EvaluationRecord.candidate_id)
            .where(CandidateRecord.experiment_id == experiment_id, EvaluationRecord.provenance.is_not(None))
            .group_by(EvaluationRecord.split, EvaluationRecord.provenance)
            .order_by(count.desc(), EvaluationRecord.provenance)
        )
        found: dict[Split, dict[str, int]] = {}
        with self._session() as session:
            for split, digest, number in session.execute(query):
                found.setdefault(split, {})[str(digest)] = number
        return found

    def precedents(self, weights: str, split: Split, items: int) -> list[Precedent]:
        """Return how the same weights were scored on so many items of a split before, the latest first.

        What was copied itself is left out.
        """
        query = (
            select(EvaluationRecord, ProvenanceRecord.data)
            .join(ProvenanceRecord, ProvenanceRecord.digest == EvaluationRecord.provenance)
            .where(
                EvaluationRecord.weights == weights,
                EvaluationRecord.split == split,
                EvaluationRecord.state == EvaluationState.DONE,
                EvaluationRecord.num_items == items,
                EvaluationRecord.copied_from.is_(None),
            )
            .order_by(EvaluationRecord.id.desc())
            .limit(_LOOKED_AT)
        )
        with self._session() as session:
            return [Precedent(to_evaluation(row), data) for row, data in session.execute(query)]

    def timings_of(self, evaluations: Sequence[int]) -> list[Mapping[str, float]]:
        """Return the seconds per phase of evaluations by their ids, those that are still there."""
        query = select(EvaluationRecord.timings_s).where(EvaluationRecord.id.in_(evaluations))
        with self._session() as session:
            return list(session.scalars(query))

    def item_refs(self, experiment_id: str, split: Split) -> list[tuple[str, str]]:
        """Return task and hash of every item of a split, in order, as far as any was scored on."""
        # Plain merges are scored on all search items; of the others there may be thousands.
        whose = (CandidateRecord.kind == CandidateKind.BASELINE,) if split is Split.SEARCH else ()
        query = (
            select(ItemScoreRecord.task, ItemScoreRecord.item)
            .join(EvaluationRecord, EvaluationRecord.id == ItemScoreRecord.evaluation_id)
            .join(CandidateRecord, CandidateRecord.id == EvaluationRecord.candidate_id)
            .where(CandidateRecord.experiment_id == experiment_id, EvaluationRecord.split == split, *whose)
            .distinct()
            .order_by(ItemScoreRecord.task, ItemScoreRecord.item)
        )
        with self._session() as session:
            return [(task, item) for task, item in session.execute(query)]

    def items_of(self, evaluation: Evaluation) -> list[StoredItem]:
        """Return the items of one evaluation with what the model wrote, by task and item."""
        query = (
            select(CandidateRecord.number, ItemScoreRecord)
            .join(EvaluationRecord, EvaluationRecord.id == ItemScoreRecord.evaluation_id)
            .join(CandidateRecord, CandidateRecord.id == EvaluationRecord.candidate_id)
            .where(ItemScoreRecord.evaluation_id == evaluation.id)
            .order_by(ItemScoreRecord.task, ItemScoreRecord.item)
        )
        with self._session() as session:
            return [
                StoredItem(
                    evaluation.candidate_id, number, row.task, row.item, row.score, row.reference_logprob, row.output
                )
                for number, row in session.execute(query)
            ]
