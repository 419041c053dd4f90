"""The texts of items: what is asked, and what the right answer is, once for all experiments that share them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Dialect, Insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from experiments.columns import storable
from experiments.entities import Experiment
from experiments.recording import Recorder
from experiments.records import ItemTextRecord, Record

# PostgreSQL takes 32,767 parameters in a statement.
_ROWS = 2000


@dataclass(frozen=True)
class StoredText:
    """What an item asks.

    Attributes:
        source: what words it: the ``config_hash`` of its task's provenance.
        item: 16 hex digits of the item's content hash.
        prompt: the question; None where the task has none.
        reference: the right answer; None where the task has none.
        choices: the answers to choose from; None where there are none.
        truncated: whether a text is longer than what is kept of it.
    """

    source: str
    item: str
    prompt: str | None
    reference: str | None
    choices: tuple[str, ...] | None
    truncated: bool


class TextBook(Recorder):
    """The texts of all items."""

    def texts(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredText]:
        """Return the texts of items by (source, item), without those that nobody recorded; one query."""
        table = ItemTextRecord
        query = select(table).where(tuple_(table.source, table.item).in_(list(keys)))
        with self._session() as session:
            return {
                (row.source, row.item): StoredText(
                    row.source,
                    row.item,
                    row.prompt,
                    row.reference,
                    None if row.choices is None else tuple(row.choices),
                    row.truncated,
                )
                for row in session.scalars(query)
            }

    def record_texts(self, experiment_id: str, texts: Sequence[StoredText]) -> None:
        """Record the texts of an experiment's items; what is recorded already stays as it is."""
        # In one order, so that two drivers wait for each other and never both.
        rows = [_row(text) for text in sorted(texts, key=lambda one: (one.source, one.item))]
        with self._driving(experiment_id) as ledger:
            statement = insert_missing(ledger.session.get_bind().dialect, ItemTextRecord)
            for start in range(0, len(rows), _ROWS):
                ledger.session.execute(statement, rows[start : start + _ROWS])


def text_sources(experiment: Experiment) -> dict[str, str]:
    """Return, by task, what the texts of an experiment's items are stored under; empty for a black box."""
    return {name: task["config_hash"] for name, task in experiment.resolved.get("tasks", {}).items()}


def _row(text: StoredText) -> dict[str, object]:
    choices = None if text.choices is None else [storable(one) for one in text.choices]
    return {**vars(text), "choices": choices}


def insert_missing(dialect: Dialect, table: type[Record]) -> Insert:
    """Return the statement that inserts rows and leaves those alone that are there."""
    if dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
