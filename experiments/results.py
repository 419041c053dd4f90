"""What a result must hold to be recorded, and what is kept of it beside its items."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from evomerge.errors import InvalidInput
from experiments.columns import storable
from experiments.entities import ScoredItem
from experiments.records import ItemScoreRecord, Record
from experiments.states import Split

_ITEM_COLUMNS = ("evaluation_id", "task", "item", "score", "reference_logprob", "output")
_INSERT = insert(Record.metadata.tables[ItemScoreRecord.__tablename__])


def items_digest(items: Iterable[str]) -> str:
    """Return 16 hex digits for a set of items, whatever their order and the names of their tasks."""
    return hashlib.sha256("\n".join(sorted(items)).encode()).hexdigest()[:16]


def check_result(split: Split, items: Sequence[ScoredItem], fitness: float | None) -> None:
    """Refuse a result that cannot be used later.

    Raises:
        InvalidInput: no items, an item twice, a number that is not finite, no fitness on the search split.
    """
    if not items:
        raise InvalidInput("items", "there are none", "record the candidate as lost or infeasible")
    advice = "record the candidate as infeasible"
    if split == Split.SEARCH and fitness is None:
        raise InvalidInput("fitness", "none is given for the search split", "give one")
    if fitness is not None and not math.isfinite(fitness):
        raise InvalidInput("fitness", f"{fitness} is not finite", advice)
    seen: set[tuple[str, str]] = set()
    for item in items:
        where = f"item {item.item} of {item.task}"
        if not math.isfinite(item.score):
            raise InvalidInput(where, f"score {item.score} is not finite", advice)
        # A reference of probability 0 has log-likelihood -inf: rare, but a result.
        if item.reference_logprob is not None and math.isnan(item.reference_logprob):
            raise InvalidInput(where, "reference log-likelihood is nan", advice)
        if (item.task, item.item) in seen:
            raise InvalidInput(where, "it is scored twice", "give each item once")
        seen.add((item.task, item.item))


def summary_of(items: Sequence[ScoredItem]) -> dict[str, Any]:
    """Return {task: {"items": n, "score": mean, "stderr": of the mean, "reference_logprob": mean or None}}.

    The standard error is that of a sample, None of a single item.
    """
    by_task: dict[str, list[ScoredItem]] = {}
    for item in items:
        by_task.setdefault(item.task, []).append(item)
    summary = {}
    for task, scored in by_task.items():
        logprobs = [x.reference_logprob for x in scored if x.reference_logprob is not None]
        mean = fmean(logprobs) if len(logprobs) == len(scored) else -math.inf
        summary[task] = {
            "items": len(scored),
            "score": fmean(x.score for x in scored),
            "stderr": _stderr([x.score for x in scored]),
            "reference_logprob": mean if math.isfinite(mean) else None,
        }
    return summary


def _stderr(scores: Sequence[float]) -> float | None:
    count, mean = len(scores), fmean(scores)
    if count < 2:
        return None
    return math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (count - 1) / count)


def insert_items(session: Session, scored: Iterable[tuple[int, Sequence[ScoredItem]]]) -> None:
    """Insert the items of evaluations, given as (id of the evaluation, items)."""
    rows = (
        (evaluation, item.task, item.item, float(item.score), item.reference_logprob, storable(item.output))
        for evaluation, items in scored
        for item in items
    )
    if session.get_bind().dialect.name == "postgresql":
        _copy_items(session.connection(), rows)
        return
    session.execute(_INSERT, [dict(zip(_ITEM_COLUMNS, row, strict=True)) for row in rows])


def _copy_items(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    # A third of the time that INSERT takes for the same rows.
    statement = f"COPY {ItemScoreRecord.__tablename__} ({', '.join(_ITEM_COLUMNS)}) FROM STDIN"
    dbapi: Any = connection.dialect.dbapi
    raw: Any = connection.connection.driver_connection
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except dbapi.Error as error:
        raise DBAPIError.instance(statement, None, error, dbapi.Error, dialect=connection.dialect) from error
