"""The tables: what is kept of an experiment."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from experiments.columns import BIG_ID, PlainData, SafeText, UtcDateTime, names
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
        list[str]: PlainData(),
        ExperimentState: names(ExperimentState),
        CandidateState: names(CandidateState),
        EvaluationState: names(EvaluationState),
        CandidateKind: names(CandidateKind),
        EventKind: names(EventKind),
        Split: names(Split),
        Wanted: names(Wanted),
        Scope: names(Scope),
        ArtifactState: names(ArtifactState),
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
    __table_args__ = (
        UniqueConstraint("candidate_id", "split", "block"),
        Index(None, "items_digest"),
        Index("ix_evaluations_weights_split", "weights", "split"),
    )

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
    provenance: Mapped[str | None] = mapped_column(String(16))
    weights: Mapped[str | None] = mapped_column(String(16))
    copied_from: Mapped[int | None] = mapped_column(BigInteger)


class ItemScoreRecord(Record):
    """One row per scored item, written in the transaction of its evaluation's result."""

    __tablename__ = "item_scores"

    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluations.id"), primary_key=True)
    task: Mapped[str] = mapped_column(String(255), primary_key=True)
    item: Mapped[str] = mapped_column(String(64), primary_key=True)
    score: Mapped[float]
    reference_logprob: Mapped[float | None]
    output: Mapped[str | None] = mapped_column(SafeText)


class ProvenanceRecord(Record):
    """What scores depend on besides the weights, one row each; evaluations of all experiments name it."""

    __tablename__ = "provenances"

    digest: Mapped[str] = mapped_column(String(16), primary_key=True)
    data: Mapped[dict[str, Any]]


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


class SearchTraceRecord(Record):
    """One row per update of a search's distribution; ``state`` is what ``Trace`` has columns of."""

    __tablename__ = "search_traces"

    experiment_id: Mapped[str] = mapped_column(ForeignKey("experiments.id"), primary_key=True)
    updates: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run: Mapped[int]
    number: Mapped[int]
    items: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[dict[str, Any]]


class ItemTextRecord(Record):
    """What an item asks, once for all experiments whose task puts it in the same words."""

    __tablename__ = "item_texts"

    source: Mapped[str] = mapped_column(String(16), primary_key=True)
    item: Mapped[str] = mapped_column(String(64), primary_key=True)
    prompt: Mapped[str | None] = mapped_column(SafeText)
    reference: Mapped[str | None] = mapped_column(SafeText)
    choices: Mapped[list[str] | None]
    truncated: Mapped[bool]


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
