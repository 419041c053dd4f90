"""One reader of the store for everybody who watches an experiment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool

from api.metrics import Metrics
from api.schemas.events import EventView
from evomerge.errors import StoreUnavailable, TooManyRequests
from experiments.entities import Event
from experiments.states import EventKind, ExperimentState
from experiments.store import Store

# Most of the time from a commit to the viewers is waiting for the next look, half of this on average.
_TICK_S = 0.25
_PAUSE_S = 5.0
_PAGE = 500
_log = structlog.get_logger("evomerge.api")


@dataclass(frozen=True)
class Frame:
    """An event as it is sent, encoded once for all viewers; ``state`` is what it makes of the experiment, or None."""

    seq: int
    state: ExperimentState | None
    data: bytes


class Feed:
    """The events of one experiment as they are written, for any number of viewers, each at its own place.

    The latest events are kept; a viewer that is further behind reads the store itself, so that a slow one costs the
    others nothing and loses nothing.
    """

    def __init__(self, store: Store, experiment_id: str, last_seq: int) -> None:
        """Follow an experiment from its event ``last_seq`` on."""
        self._store = store
        self._experiment = experiment_id
        self._latest: deque[Frame] = deque(maxlen=_PAGE)
        self._seq = last_seq
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._follow())
        self.viewers = 0

    @property
    def last_seq(self) -> int:
        """The newest event that viewers are told of."""
        return self._seq

    async def after(self, seq: int) -> list[Frame]:
        """Return the events that follow ``seq`` without a gap; wait for the next one where there is none yet.

        Raises:
            StoreError: the store cannot be read.
        """
        while seq >= self._seq:
            if self._task.done():
                await self._task  # raises what ended it
            await self._changed.wait()
        if self._latest and self._latest[0].seq <= seq + 1:
            return [frame for frame in self._latest if frame.seq > seq]
        return await run_in_threadpool(self._frames, seq)

    async def close(self) -> None:
        """Stop following."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _follow(self) -> None:
        try:
            while True:
                if found := await self._read():
                    self._latest.extend(found)
                    self._seq = found[-1].seq
                    self._wake()
                else:
                    await asyncio.sleep(_TICK_S)
        finally:
            self._wake()

    async def _read(self) -> list[Frame]:
        try:
            return await run_in_threadpool(self._frames, self._seq)
        except StoreUnavailable as error:
            _log.warning("the store cannot be read, its viewers wait", error=str(error))
            await asyncio.sleep(_PAUSE_S)
            return []

    def _frames(self, after: int) -> list[Frame]:
        return [_frame(event) for event in self._store.events(self._experiment, after=after, limit=_PAGE)]

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Feeds:
    """The feeds of all experiments that somebody watches; used in the event loop only, where nothing else is said."""

    def __init__(self, store: Store, metrics: Metrics, max_streams: int) -> None:
        """Take how many viewers there may be."""
        self._store = store
        self._metrics = metrics
        self._max = max_streams
        self._count = 0
        self._feeds: dict[str, Feed] = {}

    def check_room(self) -> None:
        """Refuse another viewer where there are as many as may be; call it while that can still be said.

        Raises:
            TooManyRequests: there are.
        """
        if self._count >= self._max:
            fix = "close another one, or ask for events page by page"
            raise TooManyRequests("stream", f"{self._max} streams are open", fix, retry_after_s=10)

    def told(self, experiment_id: str, last_seq: int) -> int:
        """Return the newest event that viewers were told of, or ``last_seq`` where nobody watches; in any thread."""
        feed = self._feeds.get(experiment_id)
        return last_seq if feed is None else feed.last_seq

    @asynccontextmanager
    async def watch(self, experiment_id: str, last_seq: int) -> AsyncIterator[Feed]:
        """Watch an experiment whose newest event is ``last_seq``."""
        feed = self._feeds.get(experiment_id)
        if feed is None:
            feed = self._feeds[experiment_id] = Feed(self._store, experiment_id, last_seq)
        self._count += 1
        feed.viewers += 1
        self._metrics.sse_clients.set(self._count)
        try:
            yield feed
        finally:
            self._count -= 1
            feed.viewers -= 1
            self._metrics.sse_clients.set(self._count)
            if feed.viewers == 0:
                del self._feeds[experiment_id]
                await feed.close()


def _frame(event: Event) -> Frame:
    text = EventView.model_validate(event).model_dump_json()
    state = ExperimentState(event.payload["to"]) if event.kind is EventKind.STATE else None
    return Frame(event.seq, state, format_sse_event(event=event.kind.value, id=str(event.seq), data_str=text))
