"""``evomerge evaluations``: what was evaluated before, read again and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evomerge.evaluate_cli import OutOption, show
from evomerge.options import DEFAULT_STORE, FormatOption, StoreOption, open_store
from evomerge.output import Format, Output

if TYPE_CHECKING:
    from experiments.checkpoints import CheckpointEvaluation


def evaluations(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER...]", help="Show and compare these; else list the latest.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most so many.")] = 50,
    mixed: Annotated[bool, typer.Option("--mixed", help="Compare although the scores were made differently.")] = False,
    out: OutOption = None,
    store: StoreOption = DEFAULT_STORE,
    format: FormatOption = Format.TEXT,
) -> None:
    """List what 'evomerge evaluate' has scored, or read evaluations again and compare them item by item."""
    from optimizer.evaluating.kept import read_kept
    from optimizer.evaluating.results import compare

    printed = Output(format is Format.JSON)
    with open_store(store) as opened:
        if not numbers:
            found = opened.checkpoints(limit=limit)
            columns = ("number", "made", "model", "split", "items", "score", "provenance")
            printed.listed("evaluations", found, columns, [_row(one) for one in found])
            return
        read = [read_kept(opened, number) for number in dict.fromkeys(numbers)]
    weights = {task: weight for _, own in reversed(read) for task, weight in own.items()}
    show(printed, compare([model for model, _ in read], weights, mixed=mixed), out)


def _row(one: CheckpointEvaluation) -> list[str]:
    from optimizer.reporting.scores import weighted_mean, weighted_stderr

    mean = weighted_mean({task: found["score"] for task, found in one.summary.items()}, one.task_weights)
    error = weighted_stderr({task: found["stderr"] for task, found in one.summary.items()}, one.task_weights)
    score = f"{mean:.3f}" + ("" if error is None else f" ± {error:.3f}")
    made = f"{one.created_at:%Y-%m-%d %H:%M} UTC"
    items = f"{one.num_items} of {', '.join(one.summary)}"
    return [str(one.id), made, one.label, one.split.value, items, score, one.provenance]
