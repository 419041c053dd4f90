"""Calls that follow an experiment while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpx2

from api.schemas.events import EventPage, EventView
from api.schemas.experiments import ExperimentDetail
from evomerge.client.caller import Caller, experiment_path
from evomerge.client.retry import answered, pauses
from evomerge.client.steps import Ask, Emit, Feed, Read, Steps, Wait, iteration, operation
from evomerge.errors import ServerError
from experiments.states import EXPERIMENT_STEPS, EventKind

# The server sends a comment every 15 s.
_SILENCE_S = 45.0
_LONGEST_POLL_S = 5.0


class FollowingCalls(Caller):
    """Experiments are named by id, by the start of one, or by name."""

    @iteration
    def events(self, reference: str, *, after: int = 0) -> Feed[EventView]:
        """Iterate what happens in an experiment, each event once and in order, until it ends for good.

        A connection that is cut is made again behind the last event.

        Args:
            reference: the experiment.
            after: only events behind this ``seq``; 0 for all.

        Raises:
            EvomergeError: the server cannot be reached again within the client's patience.
        """
        path, waits = experiment_path((yield from self._id_of(reference)), "events"), pauses()
        while True:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
            ask = Ask("GET", path, None, None, headers, True, _SILENCE_S, "events")
            response = yield from answered(self._connection, ask)
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise ServerError(f"{self._connection.url} sends no events; check that it is an evomerge server")
            try:
                while (found := (yield Read())) is not None:
                    if found.event == "end":
                        return
                    event = EventView.model_validate_json(found.data)
                    after, waits = event.seq, pauses()
                    yield Emit(event)
            except httpx2.TransportError:
                pass  # it was cut, as a stream that ends without "end" was
            yield Wait(next(waits))

    @iteration
    def past_events(self, reference: str, *, after: int = 0, kinds: Sequence[EventKind | str] = ()) -> Feed[EventView]:
        """Iterate what has happened so far.

        Args:
            reference: the experiment.
            after: only events behind this ``seq``; 0 for all.
            kinds: only events of these kinds; none for all.
        """
        path = experiment_path((yield from self._id_of(reference)), "events")
        while True:
            page = yield from self._get(path, EventPage, after=after, kind=list(kinds) or None, limit=1000)
            for event in page.events:
                yield Emit(event)
            if len(page.events) < 1000:
                return
            after = page.events[-1].seq

    @operation
    def last_seq(self, reference: str) -> Steps[int]:
        """Return the ``seq`` of an experiment's newest event: where ``events`` starts for who wants only new ones."""
        return (yield from self._get(experiment_path(reference, "events"), EventPage, limit=1)).last_seq

    @operation
    def wait(self, reference: str, *, timeout_s: float | None = None) -> Steps[ExperimentDetail]:
        """Return an experiment once it is finished, cancelled or failed.

        Args:
            reference: the experiment.
            timeout_s: wait no longer; None for as long as it takes, pauses included.

        Raises:
            TimeoutError: it has not ended by then.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        found = yield from self._get(experiment_path(reference), ExperimentDetail)
        headers: dict[str, str] = {}
        for pause in pauses():
            ask = Ask("GET", experiment_path(found.id), headers=headers)
            response = yield from answered(self._connection, ask)
            if response.status_code != 304:
                found = self._connection.parsed(response, ExperimentDetail)
                headers = {"If-None-Match": response.headers.get("etag", "")}
            if not EXPERIMENT_STEPS[found.state]:
                return found
            left = _LONGEST_POLL_S if end is None else end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"experiment {found.id} is {found.state} after {timeout_s:g} s")
            yield Wait(min(pause, left, _LONGEST_POLL_S))
        raise AssertionError("pauses end")
