"""Scores of checkpoints that were evaluated by themselves, in no experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from evomerge.errors import NotFound
from experiments.columns import BIG_ID, SafeText, storable
from experiments.entities import ScoredItem
from experiments.recording import Recorder
from experiments.records import ProvenanceRecord, Record
from experiments.results import check_result, summary_of
from experiments.states import Split
from experiments.texts import insert_missing

# As many as in ``experiments.provenances``.
_LOOKED_AT = 50


class CheckpointEvaluationRecord(Record):
    """One row per checkpoint that ``evomerge evaluate`` scored on a split, in no experiment."""

    __tablename__ = "checkpoint_evaluations"
    __table_args__ = (Index("ix_checkpoint_evaluations_weights_split", "weights", "split"),)

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    label: Mapped[str] = mapped_column(SafeText)
    model: Mapped[str] = mapped_column(SafeText)
    weights: Mapped[str] = mapped_column(String(16))
    split: Mapped[Split]
    provenance: Mapped[str] = mapped_column(String(16))
    task_weights: Mapped[dict[str, Any]]
    summary: Mapped[dict[str, Any]]
    num_items: Mapped[int]
    timings_s: Mapped[dict[str, Any]]
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    generated_tokens: Mapped[int] = mapped_column(BigInteger)
    copied_from: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class CheckpointItemRecord(Record):
    """One row per item of such an evaluation."""

    __tablename__ = "checkpoint_items"

    evaluation_id: Mapped[int] = mapped_column(ForeignKey("checkpoint_evaluations.id"), primary_key=True)
    task: Mapped[str] = mapped_column(String(255), primary_key=True)
    item: Mapped[str] = mapped_column(String(64), primary_key=True)
    score: Mapped[float]
    reference_logprob: Mapped[float | None]
    output: Mapped[str | None] = mapped_column(SafeText)


_ITEMS = insert(Record.metadata.tables[CheckpointItemRecord.__tablename__])


@dataclass(frozen=True)
class CheckpointEvaluation:
    """One checkpoint on one split; ``summary`` and times as those of ``Evaluation``.

    Attributes:
        id: counts from 1.
        label: of the model, as it was shown.
        model: as it was named.
        weights: hash of what was scored.
        split: that was scored.
        provenance: digest of a recorded provenance.
        task_weights: weight of each task in the mean.
        summary: mean and standard error of each task.
        num_items: over all tasks.
        timings_s: seconds per phase.
        prompt_tokens: read.
        generated_tokens: written.
        copied_from: id of the experiments' evaluation that the scores were taken from; None where they were made.
        created_at: when it was recorded.
    """

    id: int
    label: str
    model: str
    weights: str
    split: Split
    provenance: str
    task_weights: Mapping[str, float]
    summary: Mapping[str, Mapping[str, Any]]
    num_items: int
    timings_s: Mapping[str, float]
    prompt_tokens: int
    generated_tokens: int
    copied_from: int | None
    created_at: datetime


@dataclass(frozen=True)
class CheckpointItem:
    """One item of such an evaluation."""

    task: str
    item: str
    score: float
    reference_logprob: float | None
    output: str | None


class CheckpointBook(Recorder):
    """The evaluations that no experiment asked for."""

    def record_checkpoint(
        self,
        *,
        label: str,
        model: str,
        weights: str,
        split: Split,
        provenance: tuple[str, Mapping[str, Any]],
        task_weights: Mapping[str, float],
        items: Sequence[ScoredItem],
        timings_s: Mapping[str, float],
        prompt_tokens: int,
        generated_tokens: int,
        copied_from: int | None = None,
    ) -> int:
        """Record an evaluation with its items and its provenance, given as digest and data; return its id.

        Raises:
            InvalidInput: no items, an item twice, a number that is not finite.
        """
        # No search reads it, so that it needs no fitness on any split.
        check_result(Split.TEST, items, None)
        row = CheckpointEvaluationRecord(
            label=label,
            model=model,
            weights=weights,
            split=split,
            provenance=provenance[0],
            task_weights=dict(task_weights),
            summary=summary_of(items),
            num_items=len(items),
            timings_s=dict(timings_s),
            prompt_tokens=prompt_tokens,
            generated_tokens=generated_tokens,
            copied_from=copied_from,
            created_at=datetime.now(UTC),
        )
        with self._writing() as session:
            missing = insert_missing(session.get_bind().dialect, ProvenanceRecord)
            session.execute(missing, [{"digest": provenance[0], "data": dict(provenance[1])}])
            session.add(row)
            session.flush()
            session.execute(_ITEMS, [{"evaluation_id": row.id, **_item_row(one)} for one in items])
            return row.id

    def checkpoints(self, *, limit: int = 50) -> list[CheckpointEvaluation]:
        """Return the latest evaluations, newest first."""
        query = select(CheckpointEvaluationRecord).order_by(CheckpointEvaluationRecord.id.desc()).limit(limit)
        with self._session() as session:
            return [_entity(row) for row in session.scalars(query)]

    def checkpoint(self, id: int) -> tuple[CheckpointEvaluation, Mapping[str, Any]]:
        """Return an evaluation and its provenance.

        Raises:
            NotFound: there is none of this id.
        """
        query = (
            select(CheckpointEvaluationRecord, ProvenanceRecord.data)
            .join(ProvenanceRecord, ProvenanceRecord.digest == CheckpointEvaluationRecord.provenance)
            .where(CheckpointEvaluationRecord.id == id)
        )
        with self._session() as session:
            found = session.execute(query).one_or_none()
            if found is None:
                raise NotFound(f"evaluation {id}", "the store has none of this id", "'evomerge evaluations' lists them")
            return _entity(found[0]), found[1]

    def checkpoint_items(self, id: int) -> list[CheckpointItem]:
        """Return the items of an evaluation by task and item."""
        table = CheckpointItemRecord
        query = select(table).where(table.evaluation_id == id).order_by(table.task, table.item)
        with self._session() as session:
            return [
                CheckpointItem(row.task, row.item, row.score, row.reference_logprob, row.output)
                for row in session.scalars(query)
            ]

    def checkpoint_precedents(
        self, weights: str, split: Split, items: int
    ) -> list[tuple[CheckpointEvaluation, Mapping[str, Any]]]:
        """Return how the same weights were scored on so many items of a split, the latest first, with provenance.

        What was copied itself is left out.
        """
        table = CheckpointEvaluationRecord
        query = (
            select(table, ProvenanceRecord.data)
            .join(ProvenanceRecord, ProvenanceRecord.digest == table.provenance)
            .where(
                table.weights == weights, table.split == split, table.num_items == items, table.copied_from.is_(None)
            )
            .order_by(table.id.desc())
            .limit(_LOOKED_AT)
        )
        with self._session() as session:
            return [(_entity(row), data) for row, data in session.execute(query)]

    def checkpoint_timings(self, ids: Sequence[int]) -> list[Mapping[str, float]]:
        """Return the seconds per phase of evaluations by their ids."""
        query = select(CheckpointEvaluationRecord.timings_s).where(CheckpointEvaluationRecord.id.in_(ids))
        with self._session() as session:
            return list(session.scalars(query))


def _entity(row: CheckpointEvaluationRecord) -> CheckpointEvaluation:
    return CheckpointEvaluation(**{field.name: getattr(row, field.name) for field in fields(CheckpointEvaluation)})


def _item_row(item: ScoredItem) -> dict[str, Any]:
    return {
        "task": item.task,
        "item": item.item,
        "score": float(item.score),
        "reference_logprob": item.reference_logprob,
        "output": storable(item.output),
    }
