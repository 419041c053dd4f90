"""What the command line prints: tables for people, one JSON object for programs."""

from __future__ import annotations

import dataclasses
import json as jsonlib
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from evomerge.errors import EvomergeError, InvalidInput

if TYPE_CHECKING:
    from pydantic import BaseModel

    from evomerge.doctor import Check
    from experiments.entities import Candidate
    from merging.export import ExportResult
    from optimizer.outcome import Summary


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


class Output:
    """Data on stdout, messages on stderr. With ``json``, stdout carries exactly one JSON object."""

    def __init__(self, json: bool) -> None:
        self.json = json
        # A pipe has no width: tables keep theirs there instead of being cut to 80 columns.
        self._data = Console(soft_wrap=True) if sys.stdout.isatty() else Console(width=160)
        self._messages = Console(stderr=True, soft_wrap=True)

    def say(self, message: str) -> None:
        """Print a message."""
        self._messages.print(message, markup=False, highlight=False)

    def error(self, error: EvomergeError) -> None:
        """Print an error, on stdout too where a program is reading."""
        self.say(f"evomerge: {error}")
        if self.json:
            body: dict[str, Any] = {"code": error.code, "message": str(error)}
            if isinstance(error, InvalidInput):
                body |= {"field": error.field, "problem": error.problem, "fix": error.fix}
            self.document({"error": body})

    def document(self, data: Mapping[str, Any] | BaseModel) -> None:
        """Print one JSON object."""
        sys.stdout.write(jsonlib.dumps(_plain(data), indent=2, allow_nan=False) + "\n")

    def result(self, data: Mapping[str, Any] | BaseModel, text: str) -> None:
        """Print what a verb did: the data for programs, the text for people."""
        if self.json:
            self.document(data)
        else:
            self._data.print(text, markup=False, highlight=False, soft_wrap=True)

    def listed(self, name: str, data: Sequence[Any], columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a list: the data under a name for programs, the rows for people."""
        if self.json:
            self.document({name: data})
            return
        table = Table(*columns, box=None)
        for row in rows:
            table.add_row(*map(escape, row))
        self._data.print(table)

    def shown(self, data: Mapping[str, Any] | BaseModel, lines: Iterable[RenderableType]) -> None:
        """Print what a verb shows: the data for programs, tables and lines for people."""
        if self.json:
            self.document(data)
            return
        for line in lines:
            # Tables would be wrapped in the middle of their cells.
            self._data.print(line, highlight=False, soft_wrap=not isinstance(line, Table))

    def summary(self, summary: Summary, exported: tuple[ExportResult, Candidate] | None = None) -> None:
        """Print an experiment's outcome."""
        if self.json:
            document = {field.name: getattr(summary, field.name) for field in dataclasses.fields(summary)}
            document["report"] = None if summary.report is None else summary.report.to_dict()
            document["exported"] = None if exported is None else exported[0]
            self.document(document)
            return
        from api.schemas.experiments import standing_view
        from evomerge.tables import front_table, report_table, standings_table

        experiment = summary.experiment
        self._data.print(f"{experiment.name} {experiment.id}: {experiment.state.value}", highlight=False)
        if experiment.error:
            self._data.print(experiment.error, markup=False, highlight=False)
        self._data.print(standings_table("best on the search items", [standing_view(one) for one in summary.leaders]))
        if summary.tradeoffs is not None:
            self._data.print(front_table(summary.tradeoffs))
        if summary.report is not None:
            self._data.print(report_table(summary.report.to_dict()))
            self._data.print(summary.report.statement, highlight=False, soft_wrap=True)
        for note in summary.notes:
            self._data.print(note, markup=False, highlight=False, soft_wrap=True)
        if exported is not None:
            self.exported(*exported)

    def exported(self, result: ExportResult, candidate: Candidate) -> None:
        """Print where a checkpoint was written."""
        self._data.print(f"{candidate.label} written to {result.path}", highlight=False, soft_wrap=True)

    def check(self, check: Check) -> None:
        """Print one line of the doctor's report as soon as it is known."""
        fix = "" if check.fix is None else f". Fix: {check.fix}"
        self.say(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.finding}{fix}")

    def checks_done(self, checks: Sequence[Check]) -> None:
        """Print the doctor's whole report for programs."""
        if self.json:
            self.document({"ok": all(check.ok for check in checks), "checks": list(checks)})


def write_file(path: Path, text: str) -> None:
    """Write a file as a whole or not at all.

    Raises:
        InvalidInput: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InvalidInput("--out", f"{path} cannot be written: {error.strerror}", "name another file") from error


def _plain(value: Any) -> Any:
    """Turn data classes, models, enums, paths, times and mappings with enum keys into JSON data."""
    if dump := getattr(value, "model_dump", None):
        return _plain(dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
