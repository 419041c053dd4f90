"""The tables: what is kept of an experiment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from experiments.states import (
    WHOLE,
    ArtifactState,
    CandidateKind,
    CandidateState,
    EvaluationState,
    EventKind,
    ExperimentState,
    Scope,
    Split,
    Wanted,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: always aware and in UTC in Python, whatever the back end keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: they would be read back as another moment."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Attach UTC where the back end (SQLite) keeps no zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def storable(text: str | None) -> str | None:
    """Replace what cannot be stored; a result is never lost for one odd character."""
    if text is None:
        return None
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class SafeText(TypeDecorator[str]):
    """Text as models write it: what PostgreSQL or UTF-8 cannot hold (NUL, lone surrogates) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what cannot be stored."""
        return storable(value)


# SQLite numbers rows by itself only in a column that is declared INTEGER.
BIG_ID = BigInteger().with_variant(Integer(), "sqlite")


class PlainData(TypeDecorator[Any]):
    """JSON without NaN and infinities, which are not JSON; None is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Refuse what is not JSON here, since the drivers of the back ends refuse it in different ways."""
        json.dumps(value, allow_nan=False)
        return value


def _names(states: type[StrEnum]) -> Enum:
    # Text columns: a new state needs no ALTER TYPE.
    return Enum(states, native_enum=False, length=16, values_callable=lambda kind: [m.value for m in kind])


class Record(DeclarativeBase):
    """Base of all tables; constraints have predictable names so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        float: Double(),
        dict[str, Any]: PlainData(),
        list[float]: PlainData(),
        ExperimentState: _names(ExperimentState),
        CandidateState: _names(CandidateState),
        EvaluationState: _names(EvaluationState),
        CandidateKind: _names(CandidateKind),
        EventKind: _names(EventKind),
        Split: _names(Split),
        Wanted: _names(Wanted),
        Scope: _names(Scope),
        ArtifactState: _names(ArtifactState),
    }


class ExperimentRecord(Record):
    """One row per experiment; ``driver`` is a Driver and its fencing token, ``launch`` a Launch.

    The counts are kept with every write, so that no reader has to count candidates.
    """

    __tablename__ = "experiments"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "name"),
        Index(None, "state", "created_at"),
        Index(None, "owner", "state"),
    )

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    state: Mapped[ExperimentState]
    spec: Mapped[dict[str, Any]]
    source_dir: Mapped[str] = mapped_column(SafeText)
    resolved: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    seconds_spent: Mapped[float]
    error: Mapped[str | None] = mapped_column(SafeText)
    driver: Mapped[dict[str, Any] | None]
    owner: Mapped[str] = mapped_column(String(64), server_default="")
    priority: Mapped[int] = mapped_column(server_default="0")
    wanted: Mapped[Wanted | None]
    revision: Mapped[int] = mapped_column(server_default="1")
    budget: Mapped[dict[str, Any] | None]
    workers: Mapped[int | None]
    launch: Mapped[dict[str, Any] | None]
    last_seq: Mapped[int] = mapped_column(server_default="0")
    control_seq: Mapped[int] = mapped_column(server_default="0")
    num_candidates: Mapped[int] = mapped_column(server_default="0")
    num_scored: Mapped[int] = mapped_column(server_default="0")
    num_infeasible: Mapped[int] = mapped_column(server_default="0")
    num_running: Mapped[int] = mapped_column(server_default="0")
    num_done: Mapped[int] = mapped_column(server_default="0")
    num_lost: Mapped[int] = mapped_column(server_default="0")
    num_search_items: Mapped[int] = mapped_column(BigInteger, server_default="0")
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    generated_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")


class CandidateRecord(Record):
    """One row per candidate, written before the candidate is scored."""

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("experiment_id", "number"),
        Index(None, "experiment_id", "recipe_digest"),
        Index(None, "experiment_id", "state", "fitness"),
        # Curves and joins are read from this alone: a row is ten times as long, most of it vector and recipe.
        Index("ix_candidates_overview", "experiment_id", "number", "kind", "state", "fitness", "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    experiment_id: Mapped[str] = mapped_column(ForeignKey("experiments.id"))
    number: Mapped[int]
    kind: Mapped[CandidateKind]
    label: Mapped[str] = mapped_column(SafeText)
    vector: Mapped[list[float] | None]
    recipe: Mapped[dict[str, Any]]
    recipe_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[CandidateState]
    reason: Mapped[str | None] = mapped_column(SafeText)
    fitness: Mapped[float | None]
    created_at: Mapped[datetime]


class EvaluationRecord(Record):
    """One row per candidate, split and block: a second result has nowhere to go."""

    __tablename__ = "evaluations"
    __table_args__ = (UniqueConstraint("candidate_id", "split", "block"), Index(None, "items_digest"))

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"))
    split: Mapped[Split]
    block: Mapped[int] = mapped_column(server_default=str(WHOLE))
    state: Mapped[EvaluationState]
    attempt: Mapped[int]
    worker: Mapped[str | None] = mapped_column(SafeText)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    timings_s: Mapped[dict[str, Any]]
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    generated_tokens: Mapped[int] = mapped_column(BigInteger)
    fitness: Mapped[float | None]
    summary: Mapped[dict[str, Any]]
    num_items: Mapped[int] = mapped_column(server_default="0")
    items_digest: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(SafeText)


class ItemScoreRecord(Record):
    """One row per scored item, written in the transaction of its evaluation's result."""

    __tablename__ = "item_scores"

    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluations.id"), primary_key=True)
    task: Mapped[str] = mapped_column(String(255), primary_key=True)
    item: Mapped[str] = mapped_column(String(64), primary_key=True)
    score: Mapped[float]
    reference_logprob: Mapped[float | None]
    output: Mapped[str | None] = mapped_column(SafeText)


class EventRecord(Record):
    """The ledger, append-only: every change, in the transaction that makes it."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("experiment_id", "seq"), Index(None, "experiment_id", "kind", "seq"))

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    experiment_id: Mapped[str] = mapped_column(ForeignKey("experiments.id"))
    seq: Mapped[int]
    kind: Mapped[EventKind]
    payload: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class TokenRecord(Record):
    """One row per access token; the secret itself is nowhere."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(SafeText)
    owner: Mapped[str] = mapped_column(String(64))
    scope: Mapped[Scope]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class RequestRecord(Record):
    """What a request with an idempotency key made, written in the transaction that made it."""

    __tablename__ = "requests"
    __table_args__ = (Index(None, "at"),)

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    resource: Mapped[str] = mapped_column(SafeText)
    at: Mapped[datetime]


class ArtifactRecord(Record):
    """One row per exported checkpoint; ``path`` is where the server keeps it."""

    __tablename__ = "artifacts"
    __table_args__ = (Index(None, "experiment_id", "created_at"), Index(None, "state"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    experiment_id: Mapped[str] = mapped_column(ForeignKey("experiments.id"))
    number: Mapped[int]
    state: Mapped[ArtifactState]
    path: Mapped[str] = mapped_column(SafeText)
    files: Mapped[dict[str, Any]]
    error: Mapped[str | None] = mapped_column(SafeText)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
