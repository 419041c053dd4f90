"""The event stream of one viewer (Server-Sent Events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from api.live.feeds import Feeds
from api.schemas.events import StreamEnd
from experiments.entities import Experiment
from experiments.states import EXPERIMENT_STEPS

# Proxies cut connections that are silent for a minute or less.
PING_S = 15.0


async def stream_events(feeds: Feeds, experiment: Experiment, after: int) -> AsyncIterator[bytes]:
    """Yield the events of an experiment behind ``after``, each once and in order, and ``end`` after a final state."""
    state, last = experiment.state, experiment.last_seq
    async with feeds.watch(experiment.id, experiment.last_seq) as feed:
        while EXPERIMENT_STEPS[state] or after < last:
            try:
                found = await asyncio.wait_for(feed.after(after), PING_S)
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            yield b"".join(frame.data for frame in found)
            after = found[-1].seq
            for frame in found:
                if frame.state is not None:
                    state, last = frame.state, max(last, frame.seq)
    yield format_sse_event(event="end", data_str=StreamEnd(state=state).model_dump_json())
