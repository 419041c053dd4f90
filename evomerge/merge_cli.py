"""``evomerge merge``: one merge from one file, without a search."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from evomerge.errors import EvomergeError, Interrupted
from evomerge.output import Format, Output

if TYPE_CHECKING:
    from torch import Tensor

    from merging.export import MergedModel
    from merging.oneshot import Outcome

PLAIN_SECONDS = 10.0


class Compat(StrEnum):
    """Whose defaults a mergekit configuration takes."""

    MERGEKIT = "mergekit"
    PAPER = "paper"


def merge(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), recipe.json of an export, or mergekit YAML.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write; must not hold anything yet.")],
    max_shard_size: Annotated[str, typer.Option(help="Largest weight file, such as 500MB.")] = "5GB",
    compat: Annotated[
        Compat | None, typer.Option(help="For mergekit YAML: mathematics of mergekit (default) or of the papers.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For mergekit YAML: seed of random draws (default 0).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, merge and write nothing.")] = False,
    format: Annotated[
        Format, typer.Option("--format", help="json prints one JSON object on stdout and nothing else there.")
    ] = Format.TEXT,
) -> None:
    """Make the merge that a recipe describes and write it as a Hugging Face checkpoint."""
    merge_file = _loaded(recipe, dry_run)
    output = Output(format is Format.JSON)
    started = time.monotonic()
    try:
        with _Progress(Console(stderr=True)) as progress:
            outcome = merge_file(
                recipe,
                out,
                max_shard_size=max_shard_size,
                compat=None if compat is None else compat.value,
                seed=seed,
                dry_run=dry_run,
                observe=progress.watch,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; nothing was written to {out}") from None
    except OSError as error:
        raise EvomergeError(f"{out} cannot be written: {error}") from error
    _report(output, format, outcome, time.monotonic() - started)


def _loaded(recipe: Path, dry_run: bool) -> Callable[..., Outcome]:
    """Return ``merge_file``; loading what it needs takes as long as a small merge."""
    from merging import digests

    if not dry_run:
        digests.begin(recipe)
    # Modules stay, so looking for garbage among what they make is in vain.
    gc.disable()
    from merging.oneshot import merge_file
    from merging.threads import keep_freed_memory

    gc.freeze()
    gc.enable()
    keep_freed_memory()
    return merge_file


def _report(output: Output, format: Format, outcome: Outcome, seconds: float) -> None:
    for note in outcome.notes:
        output.say(f"note: {note}")
    if format is Format.JSON:
        output.document({"steps": outcome.steps, "notes": outcome.notes, "exported": outcome.result})
        return
    for step in outcome.steps:
        name = step.name or "result"
        if step.tensors is None or step.bytes is None:
            typer.echo(f"{name}: {step.method}, after {', '.join(step.after)}")
        else:
            typer.echo(
                f"{name}: {step.method}, {step.tensors} tensors, {step.bytes / 1e9:.2f} GB {step.dtype}, "
                f"{step.shards} weight file{'s' if step.shards != 1 else ''}"
            )
    if outcome.result is None:
        typer.echo("nothing written (dry run)")
    else:
        typer.echo(f"written to {outcome.result.path} in {seconds:.1f} s")


class _Progress:
    """A bar on a terminal; elsewhere a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._bar.stop()

    def watch(self, name: str, model: MergedModel) -> Iterable[tuple[str, Tensor]]:
        """Pass the tensors of a model on and show how far it is."""
        total = sum(spec.nbytes for spec in model.specs.values())
        return self._watched(name, total, model.tensors)

    def _watched(self, name: str, total: int, tensors: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        task = self._bar.add_task(name, total=total)
        done, said = 0, time.monotonic()
        for tensor_name, tensor in tensors:
            yield tensor_name, tensor
            done += tensor.nbytes
            self._bar.update(task, completed=done)
            if not self._console.is_terminal and time.monotonic() - said >= PLAIN_SECONDS:
                said = time.monotonic()
                self._console.print(f"{name}: {done / total:.0%}", highlight=False)
