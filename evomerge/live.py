"""The live terminal view of a run: budget, best so far against the best parent, pace, remaining time."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from optimizer.progress import RunProgress, Standing


class LiveView:
    """Shows ``RunProgress`` on stderr: redrawn in place on a terminal, one line per result elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[pace]}"),
            console=console,
        )
        self._task = self._bar.add_task("starting", total=None, count="", pace="")
        self._live = Live(self._bar, console=console, refresh_per_second=4) if console.is_terminal else None
        self._last_line = ""

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, progress: RunProgress) -> None:
        """Show the newest state of the run."""
        for note in progress.notes:
            self._console.print(note, markup=False, highlight=False, soft_wrap=True)
        if self._live is None:
            self._print_line(progress)
            return
        self._bar.update(
            self._task,
            description=f"{progress.experiment} {progress.phase}",
            completed=progress.done,
            total=progress.total or None,
            count=_count(progress),
            pace=_pace(progress),
        )
        self._live.update(Group(self._bar, _standings(progress), Text(progress.message, style="dim")))

    def _print_line(self, progress: RunProgress) -> None:
        best = "" if progress.best is None else f" | best {format_standing(progress.best)}"
        line = f"{progress.phase} {_count(progress)}{best} | {progress.message}"
        if line != self._last_line:
            self._console.print(f"{line} | {_pace(progress)}", markup=False, highlight=False, soft_wrap=True)
            self._last_line = line


def format_standing(standing: Standing) -> str:
    """Return ``0.42 [0.31, 0.54] task arithmetic 0.7``."""
    if standing.low is None:
        return f"{standing.score:.3f} {standing.label}"
    return f"{standing.score:.3f} [{standing.low:.3f}, {standing.high:.3f}] {standing.label}"


def format_duration(seconds: float) -> str:
    """Return ``3 min 05 s`` or ``2 h 10 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _count(progress: RunProgress) -> str:
    """A budget of hours or tokens does not say how many items it will be."""
    return f"{progress.done}/{progress.total} items" if progress.total else f"{progress.done} items"


def _pace(progress: RunProgress) -> str:
    if progress.per_minute is None:
        return "waiting for the engine" if progress.done == 0 else ""
    eta = "" if progress.eta_s is None else f", {format_duration(progress.eta_s)} left"
    return f"{progress.per_minute:.0f} items/min{eta}"


def _standings(progress: RunProgress) -> Table:
    table = Table.grid(padding=(0, 2))
    rows = [("best so far", progress.best)]
    if progress.best_parent is not None:
        rows.append(("best parent", progress.best_parent))
    for title, standing in rows:
        text = "not scored yet" if standing is None else format_standing(standing)
        table.add_row(title, text)
    return table
