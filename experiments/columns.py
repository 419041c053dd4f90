"""The types of columns: what may be stored in them, and how it comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Enum, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


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


def names(states: type[StrEnum]) -> Enum:
    """Return a column type for the members of an enumeration."""
    # Text columns: a new state needs no ALTER TYPE.
    return Enum(states, native_enum=False, length=16, values_callable=lambda kind: [m.value for m in kind])
