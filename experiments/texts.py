"""The texts of items: what is asked, and what the right answer is, once for all experiments that share them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Dialect, Insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from experiments.columns import storable
from experiments.recording import Recorder
from experiments.records import ItemTextRecord, Record

# PostgreSQL takes 32,767 parameters in a statement.
_ROWS = 2000


@dataclass(frozen=True)
class StoredText:
    """What an item asks, see ``ItemText``."""

    source: str
    item: str
    prompt: str | None
    reference: str | None
    choices: tuple[str, ...] | None
    truncated: bool


class ItemText(Protocol):
    """What is recorded of an item's words; anything with these attributes can be."""

    @property
    def source(self) -> str:
        """16 hex digits of whatever words it: the configuration of its task."""
        ...

    @property
    def item(self) -> str:
        """16 hex digits of the item's content hash."""
        ...

    @property
    def prompt(self) -> str | None:
        """What is asked."""
        ...

    @property
    def reference(self) -> str | None:
        """The right answer."""
        ...

    @property
    def choices(self) -> Sequence[str] | None:
        """The answers to choose from; None where there are none."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether a text is longer than what is kept of it."""
        ...


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

    def record_texts(self, experiment_id: str, texts: Sequence[ItemText]) -> None:
        """Record the texts of an experiment's items; what is recorded already stays as it is."""
        # In one order, so that two drivers wait for each other and never both.
        rows = [_row(text) for text in sorted(texts, key=lambda one: (one.source, one.item))]
        with self._driving(experiment_id) as ledger:
            statement = insert_missing(ledger.session.get_bind().dialect, ItemTextRecord)
            for start in range(0, len(rows), _ROWS):
                ledger.session.execute(statement, rows[start : start + _ROWS])


def _row(text: ItemText) -> dict[str, object]:
    choices = None if text.choices is None else [storable(one) for one in text.choices]
    known = {name: getattr(text, name) for name in ("source", "item", "prompt", "reference", "truncated")}
    return {**known, "choices": choices}


def insert_missing(dialect: Dialect, table: type[Record]) -> Insert:
    """Return the statement that inserts rows and leaves those alone that are there."""
    if dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
