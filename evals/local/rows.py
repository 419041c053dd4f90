"""Rows of local data files, each with its place for error messages."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evomerge.errors import TaskError, nearest


@dataclass(frozen=True)
class Row:
    """One item as its file holds it; ``place`` is ``file:line``, or ``file[number]`` where a format has no lines."""

    place: str
    values: dict[str, Any]


def read_rows(path: Path, kind: str | None = None) -> list[Row]:
    """Return the rows of a file; every row has all columns, None where it names none.

    Args:
        path: the file.
        kind: json (JSON Lines or one array), csv (with a header; every value is text) or parquet; None goes by the
            file's ending.

    Raises:
        TaskError: the file is missing, empty or malformed, or a column holds texts here and lists there.
    """
    kind = kind or _kind(path)
    rows = _READERS[kind](path)
    if not rows:
        raise TaskError(str(path), "the file holds no items", "put data into it")
    columns = list(dict.fromkeys(column for row in rows for column in row.values))
    _check_types(rows)
    return [Row(row.place, {column: row.values.get(column) for column in columns}) for row in rows]


def _kind(path: Path) -> str:
    endings = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
    if path.suffix not in endings:
        raise TaskError(str(path), f"{path.suffix or 'no ending'!r} is no known format", nearest(path.suffix, endings))
    return endings[path.suffix]


def _check_types(rows: Sequence[Row]) -> None:
    first: dict[str, tuple[str, str]] = {}
    for row in rows:
        for column, value in row.values.items():
            if value is None:
                continue
            kind = _type(value)
            known, place = first.setdefault(column, (kind, row.place))
            if kind != known:
                raise TaskError(
                    row.place,
                    f"{column!r} holds a {kind}, and a {known} at {place}",
                    "give the column one type",
                )


def _type(value: Any) -> str:
    names = {str: "text", bool: "truth value", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _read_json(path: Path) -> list[Row]:
    text = _read_text(path)
    if text.lstrip().startswith("["):
        found = [(f"{path}[{number}]", entry) for number, entry in enumerate(_parse(path, 1, text))]
    else:
        lines = text.split("\n")
        found = [(f"{path}:{n}", _parse(path, n, line)) for n, line in enumerate(lines, 1) if line.strip()]
    for place, entry in found:
        if not isinstance(entry, dict):
            raise TaskError(place, f"found {entry!r:.60}, expected an object", "correct the line")
    return [Row(place, entry) for place, entry in found]


def _parse(path: Path, first_line: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise TaskError(f"{path}:{line}", f"is not valid JSON: {error.msg}", "correct the line") from error


def _read_csv(path: Path) -> list[Row]:
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    rows: list[Row] = []
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            place, line = f"{path}:{line}", reader.line_num + 1
            if not cells:
                continue
            if not header:
                header = _header(place, cells)
                continue
            if len(cells) != len(header):
                raise TaskError(
                    place,
                    f"{len(cells)} values in a table of {len(header)} columns ({', '.join(header)})",
                    "add what is missing, or quote values that hold commas",
                )
            rows.append(Row(place, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise TaskError(f"{path}:{reader.line_num}", f"is not valid CSV: {error}", "correct the line") from error
    return rows


def _header(place: str, cells: list[str]) -> list[str]:
    wrong = next((cell for cell in cells if not cell or cells.count(cell) > 1), None)
    if wrong is not None:
        raise TaskError(place, f"the header names a column {wrong!r} twice or not at all", "give each column a name")
    return cells


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(str(path), f"cannot be read: {error}", "name a readable data file") from error


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.ParquetFile(path).read().to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise TaskError(str(path), f"cannot be read: {error}", "name a readable Parquet file") from error
    return [Row(f"{path}[{number}]", row) for number, row in enumerate(rows)]


_READERS: Final[Mapping[str, Callable[[Path], list[Row]]]] = {
    "json": _read_json,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
