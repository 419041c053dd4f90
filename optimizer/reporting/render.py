"""A report as Markdown, HTML or JSON; the three say the same."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from optimizer.reporting.document import Document, Score
from optimizer.reporting.formats import ReportFormat

# Signs that mean something to Markdown or to the HTML inside it.
_MARKS = re.compile(r"([\\`*\[\]<>|])")


def render(document: Document, format: ReportFormat) -> str:
    """Write a report; HTML is one file without scripts that asks for nothing else."""
    if format is ReportFormat.JSON:
        return json.dumps(plain(document), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    name = {ReportFormat.MARKDOWN: "report.md.j2", ReportFormat.HTML: "report.html.j2"}[format]
    tasks = list(document.rows[0].tasks) if document.rows else []
    shown = {field.name: getattr(document, field.name) for field in dataclasses.fields(document)}
    text = _templates(format is ReportFormat.HTML).get_template(name).render(**shown, tasks=tasks)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def plain(value: Any) -> Any:
    """Return data classes, times and tuples as JSON data; what is not finite is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@cache
def _templates(html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("optimizer.reporting", "templates"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        n=lambda value: "n/a" if value is None else f"{value:.3f}",
        signed=_signed,
        p=lambda value: f"{value:.2g}",
        percent=lambda value: "n/a" if value is None else f"{100 * value:.1f} %",
        count=lambda value: f"{value:,}",
        score=_score,
        ends=lambda one: f"{_signed(one.low)} to {_signed(one.high)}",
        day=lambda value: f"{value:%Y-%m-%d %H:%M} UTC",
        md=lambda text: _MARKS.sub(r"\\\1", " ".join(str(text).split())),
    )
    return environment


def _signed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.3f}".replace("-0.000", "+0.000")


def _score(one: Score) -> str:
    error = "" if one.stderr is None else f" ± {one.stderr:.3f}"
    return f"{one.mean:.3f}{error}"
