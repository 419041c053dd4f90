"""``evomerge report``: everything that is known of a result, to read or for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evomerge.desk import open_desk
from evomerge.options import LocalStoreOption, ReferenceArgument, ServerOption
from evomerge.output import Output, write_file
from optimizer.reporting.formats import ReportFormat


def report(
    experiment: ReferenceArgument,
    format: Annotated[ReportFormat, typer.Option("--format", help="How it is written.")] = ReportFormat.MARKDOWN,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; default: stdout.")] = None,
    server: ServerOption = None,
    store: LocalStoreOption = None,
) -> None:
    """Write the full report of an experiment: scores, comparisons, costs, what limits them, and how they were made."""
    from optimizer.reporting.render import render

    with open_desk(server, store) as desk:
        text = render(desk.report(experiment), format)
    if out is None:
        sys.stdout.write(text)
        return
    write_file(out, text)
    Output(json=False).say(f"report written to {out}")
