"""What the command line prints: tables for people, one JSON object for programs."""

from __future__ import annotations

import dataclasses
import json as jsonlib
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evomerge.errors import EvomergeError, InvalidInput

if TYPE_CHECKING:
    from evomerge.doctor import Check
    from experiments.entities import Candidate, ExperimentSummary, Standing
    from merging.export import ExportResult
    from merging.operators import Operator
    from optimizer.needs import Needs
    from optimizer.outcome import Summary
    from optimizer.search.catalog import Algorithm


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


class Output:
    """Data on stdout, messages on stderr. With ``json``, stdout carries exactly one JSON object."""

    def __init__(self, json: bool) -> None:
        self._json = json
        # A pipe has no width: tables keep theirs there instead of being cut to 80 columns.
        self._data = Console(soft_wrap=True) if sys.stdout.isatty() else Console(width=160)
        self._messages = Console(stderr=True, soft_wrap=True)

    def say(self, message: str) -> None:
        """Print a message."""
        self._messages.print(message, markup=False, highlight=False)

    def error(self, error: EvomergeError) -> None:
        """Print an error, on stdout too where a program is reading."""
        self.say(f"evomerge: {error}")
        if self._json:
            body: dict[str, Any] = {"code": error.code, "message": str(error)}
            if isinstance(error, InvalidInput):
                body |= {"field": error.field, "problem": error.problem, "fix": error.fix}
            self.document({"error": body})

    def document(self, data: Mapping[str, Any]) -> None:
        """Print one JSON object."""
        sys.stdout.write(jsonlib.dumps(_plain(data), indent=2, allow_nan=False) + "\n")

    def result(self, data: Mapping[str, Any], text: str) -> None:
        """Print what a verb did: the data for programs, the text for people."""
        if self._json:
            self.document(data)
        else:
            self._data.print(text, markup=False, highlight=False, soft_wrap=True)

    def listed(self, name: str, data: Sequence[Any], columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a list: the data under a name for programs, the rows for people."""
        if self._json:
            self.document({name: data})
            return
        table = Table(*columns, box=None)
        for row in rows:
            table.add_row(*map(escape, row))
        self._data.print(table)

    def experiments(self, found: Sequence[ExperimentSummary]) -> None:
        """Print a list of experiments."""
        if self._json:
            self.document({"experiments": found})
            return
        table = Table("id", "name", "state", "candidates", "best fitness", "created (UTC)", box=None)
        for one in found:
            best = "" if one.progress.best_fitness is None else f"{one.progress.best_fitness:.4f}"
            experiment = one.experiment
            table.add_row(
                experiment.id,
                experiment.name,
                experiment.state.value,
                str(one.progress.candidates),
                best,
                f"{experiment.created_at:%Y-%m-%d %H:%M}",
            )
        self._data.print(table)

    def summary(self, summary: Summary, exported: tuple[ExportResult, Candidate] | None = None) -> None:
        """Print an experiment's outcome."""
        if self._json:
            document = {field.name: getattr(summary, field.name) for field in dataclasses.fields(summary)}
            document["report"] = None if summary.report is None else summary.report.to_dict()
            document["exported"] = None if exported is None else exported[0]
            self.document(document)
            return
        experiment = summary.experiment
        self._data.print(f"{experiment.name} {experiment.id}: {experiment.state.value}", highlight=False)
        if experiment.error:
            self._data.print(experiment.error, markup=False, highlight=False)
        self._data.print(_leaders("best on the search items", summary.leaders))
        tasks = {task for one in summary.front for found in one.splits.values() for task in found.summary}
        if len(tasks) > 1:
            self._data.print(_leaders("Pareto front of the search items", summary.front))
        if summary.report is not None:
            self._data.print(_report_table(summary))
            self._data.print(summary.report.statement, highlight=False, soft_wrap=True)
        for note in summary.notes:
            self._data.print(note, markup=False, highlight=False, soft_wrap=True)
        if exported is not None:
            self.exported(*exported)

    def exported(self, result: ExportResult, candidate: Candidate) -> None:
        """Print where a checkpoint was written."""
        if self._json:
            self.document({"exported": result, "candidate": candidate})
        else:
            self._data.print(f"{candidate.label} written to {result.path}", highlight=False, soft_wrap=True)

    def methods(self, operators: Sequence[Operator]) -> None:
        """Print merge methods with what can be searched of them."""
        from merging.operators.base import COSTS

        if self._json:
            self.document({"methods": [_describe(operator) for operator in operators]})
            return
        for operator in operators:
            self._data.print(f"[bold]{operator.name}[/bold]  {operator.summary}{_paper(operator)}", highlight=False)
            self._data.print(f"  {operator.linear_flag}; preparing takes {COSTS[operator.cost]}", highlight=False)
            table = Table("parameter", "of", "default", "range", "searched", "meaning", box=None, padding=(0, 2))
            for one in operator.all_parameters():
                searched = "yes" if one.searched else "if a range is given"
                owner = {"model": "each model", "merge": "the merge", "step": "each step"}[one.scope]
                table.add_row(one.name, owner, f"{one.default:g}", f"{one.low:g} to {one.high:g}", searched, one.doc)
            for option in operator.all_options():
                choices = "" if option.choices is None else " | ".join(str(choice) for choice in option.choices)
                table.add_row(option.name, "option", str(option.default), choices, "", option.doc)
            self._data.print(table)

    def algorithms(self, found: Sequence[Algorithm]) -> None:
        """Print search algorithms with their options."""
        if self._json:
            described = [
                {"name": one.name, "summary": one.summary, "source": one.source, "options": one.options}
                for one in found
            ]
            self.document({"algorithms": described})
            return
        for one in found:
            self._data.print(f"[bold]{one.name}[/bold]  {one.summary} ({one.source})", highlight=False)
            table = Table("option", "type", "default", "meaning", box=None, padding=(0, 2))
            for option in one.options:
                default = "" if option.default is None else str(option.default)
                table.add_row(option.name, escape(option.kind), default, option.doc)
            if one.options:
                self._data.print(table)

    def needs(self, needs: Needs) -> None:
        """Print what a run needs."""
        if self._json:
            self.document({"needs": needs})
            return
        self._data.print(f"{needs.work.dimensions} coefficients are searched", highlight=False)
        self._data.print(_work_table(needs))
        self._data.print(_memory_table(needs))
        for node, room in zip(needs.nodes, needs.room, strict=True):
            free = "" if node.free is None else f", {_gib(node.free)} of it free now"
            self._data.print(f"{node.name}: {_gib(node.memory)}{free}; room for {room} workers", highlight=False)
        disk = "unknown" if needs.store is None else f"{needs.store / 2**20:.1f} MiB"
        self._data.print(f"disk: {disk} for the store, {_gib(needs.export)} for the export", highlight=False)
        hours = "unknown" if needs.time.hours is None else f"{needs.time.hours:.2f} hours"
        self._data.print(f"time: {hours} ({needs.time.source})", highlight=False)

    def check(self, check: Check) -> None:
        """Print one line of the doctor's report as soon as it is known."""
        fix = "" if check.fix is None else f". Fix: {check.fix}"
        self.say(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.finding}{fix}")

    def checks_done(self, checks: Sequence[Check]) -> None:
        """Print the doctor's whole report for programs."""
        if self._json:
            self.document({"ok": all(check.ok for check in checks), "checks": list(checks)})


def _work_table(needs: Needs) -> Table:
    work = needs.work
    columns = {
        "candidates": work.candidates,
        "items": work.items,
        "tokens read": work.read,
        "tokens written, at most": work.written,
    }
    table = Table("stage", *columns, box=None)
    for stage in work.candidates:
        table.add_row(stage, *("by the budget" if (one := c[stage]) is None else f"{one:,}" for c in columns.values()))
    return table


def _memory_table(needs: Needs) -> Table:
    memory = needs.memory
    columns = {"node": memory.host, "each GPU": memory.device}
    shown = [name for name, parts in columns.items() if parts]
    table = Table("memory of one worker", *shown, box=None)
    for part in sorted({*memory.host, *memory.device}, key=lambda part: -memory.host.get(part, 0)):
        table.add_row(part, *(_gib(columns[name].get(part, 0)) for name in shown))
    table.add_row("together", *(_gib(sum(columns[name].values())) for name in shown))
    table.add_row("files, shared by a node's workers", _gib(memory.mapped))
    if memory.mirror:
        table.add_row("of a merge, as far as it fits", "", _gib(memory.mirror))
    if memory.assumed:
        table.caption = f"operator state of {', '.join(memory.assumed)} is assumed"
    return table


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


def _leaders(title: str, standings: Sequence[Standing]) -> Table:
    table = Table("candidate", "fitness", "task scores", title=title, title_justify="left", box=None)
    for one in standings:
        scores = [
            f"{split.value} ({found.items} items): "
            + ", ".join(f"{task} {scores['score']:.3f}" for task, scores in found.summary.items())
            for split, found in one.splits.items()
        ]
        table.add_row(
            f"{one.candidate.number} {one.candidate.label}", f"{one.candidate.fitness:.4f}", "; ".join(scores)
        )
    return table


def _report_table(summary: Summary) -> Table:
    report = summary.report
    if report is None:
        raise ValueError("there is no report yet")
    tasks = list(report.models[0].tasks)
    columns = ["model", "role", "overall (95 %)", *(tasks if len(tasks) > 1 else [])]
    table = Table(*columns, title=f"on {report.n} untouched test items", title_justify="left", box=None)
    for model in report.models:
        cells = [model.overall, *(model.tasks.values() if len(tasks) > 1 else [])]
        table.add_row(
            model.label,
            model.role,
            *(f"{cell.mean:.3f} ({cell.low:.3f} to {cell.high:.3f})" for cell in cells),
        )
    return table


def _paper(operator: Operator) -> str:
    return "" if operator.paper == "none" else f" (arXiv {operator.paper})"


def _describe(operator: Operator) -> dict[str, Any]:
    return {
        "name": operator.name,
        "summary": operator.summary,
        "paper": operator.paper,
        "linear": operator.linear_flag,
        "needs_base": operator.needs_base,
        "min_models": operator.min_models,
        "max_models": operator.max_models,
        "parameters": list(operator.all_parameters()),
        "cost": operator.cost,
        "data": operator.data,
        "options": list(operator.all_options()),
    }


def _plain(value: Any) -> Any:
    """Turn data classes, enums, paths, times and mappings with enum keys into JSON data."""
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
