"""Watching an experiment that somebody else drives: its events and counts in the live view of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from evomerge.errors import Interrupted
from evomerge.live import LiveView
from experiments.states import EventKind
from optimizer.progress import Phase, RunProgress, Standing

if TYPE_CHECKING:
    from api.schemas.events import EventView
    from api.schemas.experiments import ExperimentDetail
    from evomerge.desk import Desk

# Counts and standings are asked for no more often than this, however fast events come.
_REFRESH_S = 2.0


def follow(desk: Desk, reference: str) -> None:
    """Show an experiment on stderr until it ends.

    Raises:
        Interrupted: Ctrl-C; the experiment goes on.
    """
    shown = desk.experiment(reference)
    after = desk.last_seq(shown.id)
    try:
        with LiveView(Console(stderr=True)) as live:
            watcher = Watcher(desk, shown)
            live.update(watcher.progress())
            for event in desk.events(shown.id, after=after):
                if (progress := watcher.heed(event)) is not None:
                    live.update(progress)
    except KeyboardInterrupt:
        raise Interrupted(
            f"experiment {shown.id} goes on unwatched. Look again with: evomerge watch {shown.id}"
        ) from None


class Watcher:
    """Turns events into progress; ``shown`` is the experiment as it is when the watching starts."""

    def __init__(self, desk: Desk, shown: ExperimentDetail) -> None:
        self._desk = desk
        self._shown = shown
        self._began = self._refreshed = time.monotonic()
        self._done_before = shown.progress.search_items
        self._phase: Phase = "starting"
        self._message = f"it is {shown.state.value}"

    def heed(self, event: EventView) -> RunProgress | None:
        """Return what there is to show after an event; None where it is not worth a line."""
        self._phase = _phase(event, self._phase)
        message, stays = describe(event)
        if message is None:
            return None
        now = time.monotonic()
        if stays or now - self._refreshed > _REFRESH_S:
            self._shown, self._refreshed = self._desk.experiment(self._shown.id), now
        if stays:
            return self.progress((message,))
        self._message = message
        return self.progress()

    def progress(self, notes: tuple[str, ...] = ()) -> RunProgress:
        """Return what is known; ``notes`` stay in sight."""
        shown = self._shown
        done, total = shown.progress.search_items, item_limit(shown.spec, shown.budget) or 0
        minutes = (self._refreshed - self._began) / 60
        pace = (done - self._done_before) / minutes if minutes > 0 and done > self._done_before else None
        leader = next((one for one in shown.standings if one.fitness is not None), None)
        best = None
        if leader is not None and leader.fitness is not None:
            best = Standing(leader.label or f"candidate {leader.number}", leader.fitness, None, None)
        return RunProgress(
            experiment=f"{shown.name} {shown.id}",
            phase=self._phase,
            done=done,
            total=total,
            best=best,
            best_parent=None,
            per_minute=pace,
            eta_s=None if pace is None or not total else 60 * max(total - done, 0) / pace,
            message=self._message,
            notes=notes,
        )


def describe(event: EventView) -> tuple[str | None, bool]:
    """Return an event as a sentence, None where it says too little for one, and whether it should stay in sight."""
    told = event.payload
    who = f"candidate {told.get('number')}"
    match event.kind:
        case EventKind.STATE:
            error = f": {told['error']}" if told.get("error") else ""
            return f"it is {told['to']}{error}", True
        case EventKind.TELL | EventKind.MEASURE if told.get("fitness") is not None:
            return f"{who} has {told['fitness']:.4f} on {told['split']} items", False
        case EventKind.INFEASIBLE:
            return f"{who} is infeasible: {told['reason']}", False
        case EventKind.LOST:
            return f"{who} is scored again: {told['reason']}", False
        case EventKind.DECISION:
            return f"decided: {told['decision'].replace('_', ' ')}", True
        case EventKind.CONTROL:
            return f"{told.get('by') or 'somebody'}: {told['action']}", True
        case EventKind.EXPORT:
            return f"export of {who} is {told['state']}", True
    return None, False


def item_limit(spec: Mapping[str, Any], budget: Mapping[str, Any]) -> int | None:
    """Return how many scored search items a budget allows; None where it does not say."""
    box = spec.get("blackbox")
    counts = [task["splits"]["search"] for task in spec["tasks"]] if box is None else [box["items"]]
    limits = [budget["items"]] if budget.get("items") else []
    if budget.get("evaluations") and all(isinstance(count, int) for count in counts):
        limits.append(budget["evaluations"] * sum(counts))
    return min(limits, default=None)


def _phase(event: EventView, before: Phase) -> Phase:
    told = event.payload
    if event.kind is EventKind.START:
        split = told["split"]
        if split in ("selection", "test"):
            return "selection" if split == "selection" else "test"
        return before if before in ("baselines", "search") else "search"
    if event.kind is EventKind.ASK:
        return "baselines" if told["kind"] == "baseline" else "search"
    return before
