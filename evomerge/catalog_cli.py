"""The verbs of what specs can name: merge methods, search algorithms, models, tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evomerge.desk import open_desk
from evomerge.errors import NotFound, nearest
from evomerge.options import FormatOption, LocalStoreOption, ServerOption
from evomerge.output import Format, Output

if TYPE_CHECKING:
    from api.schemas.catalog import TaskView


def methods(
    name: Annotated[str | None, typer.Argument(help="Show only this method.")] = None,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """List the merge methods with their parameters, ranges and papers."""
    from evomerge.tables import methods_lines

    with open_desk(server, store) as desk:
        found = desk.methods() if name is None else [desk.method(name)]
    Output(format is Format.JSON).shown({"methods": found}, methods_lines(found))


def algorithms(
    name: Annotated[
        str | None, typer.Argument(help="Show only this algorithm; nevergrad's names are known here too.")
    ] = None,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """List the search algorithms with their options and sources."""
    from evomerge.tables import algorithms_lines

    with open_desk(server, store) as desk:
        found = desk.algorithms() if name is None else [desk.algorithm(name)]
    Output(format is Format.JSON).shown({"algorithms": found}, algorithms_lines(found))


def models(server: ServerOption = None, store: LocalStoreOption = None, format: FormatOption = Format.TEXT) -> None:
    """List the models that specs for a server may name."""
    with open_desk(server, store) as desk:
        found = desk.models()
    rows = [
        [one.name, one.kind, one.architecture or "", f"{one.size_bytes / 2**30:.2f} GiB", one.problem or ""]
        for one in found
    ]
    columns = ("name", "kind", "architecture", "size", "problem")
    Output(format is Format.JSON).listed("models", found, columns, rows)


def tasks(
    suite: Annotated[str | None, typer.Argument(help="Show only the tasks of this suite.")] = None,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """List the tasks that specs may name: task files, the catalog, tasks of lm-eval."""
    with open_desk(server, store) as desk:
        found = desk.tasks()
    if suite is not None:
        known = sorted({one.benchmark.suite for one in found if one.benchmark})
        if suite not in known:
            raise NotFound("suite", f"there is no suite '{suite}'", nearest(suite, known))
        found = [one for one in found if one.benchmark and one.benchmark.suite == suite]
    columns = ("name", "kind", "metric", "search from", "test on", "licence", "source")
    Output(format is Format.JSON).listed("tasks", found, columns, [_task_row(one) for one in found])


def _task_row(task: TaskView) -> list[str]:
    if (one := task.benchmark) is None:
        return [task.name, task.kind, "", "", "", "", ""]
    source = one.source.removeprefix("https://huggingface.co/datasets/")
    return [task.name, task.kind, one.metric, one.search or "(report only)", one.test, one.licence, source]
