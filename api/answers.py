"""Answers about experiments, made once for everybody who asks.

Dashboards that watch the same experiment learn of a result at the same moment, and all ask for the same charts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Annotated

from cachetools import LRUCache
from fastapi import Depends, Request, Response
from pydantic import BaseModel

from api.live.feeds import Feeds
from experiments.entities import Experiment

# A chart of thousands of candidates has some hundred kilobytes.
_KEPT = 128
# Some show how long something has been running.
_MAX_AGE_S = 5.0


@dataclass(frozen=True)
class _Entry:
    known: tuple[tuple[str, int, int, int], ...]
    made_at: float = field(default_factory=time.monotonic)
    body: Future[bytes] = field(default_factory=Future)


class Answers:
    """Bodies of answers, each kept until more is known of its experiments; usable from several threads.

    What is known of results are the events that viewers were told of, where there are viewers: nobody gets an answer
    that is older than what made them ask. Where there are none, it is what the store has. What people did is known at
    once: who changes an experiment sees it in the next answer.
    """

    def __init__(self, feeds: Feeds) -> None:
        """Take what tells viewers of events."""
        self._feeds = feeds
        self._entries: LRUCache[str, _Entry] = LRUCache(_KEPT)
        self._lock = threading.Lock()

    def get(self, question: str, experiments: Sequence[Experiment], make: Callable[[], BaseModel]) -> bytes:
        """Return the JSON that answers a question about experiments; ``make`` makes it where it is not known."""
        known = tuple(map(self._known, experiments))
        with self._lock:
            entry = self._entries.get(question)
            is_known = entry is not None and entry.known == known and time.monotonic() - entry.made_at < _MAX_AGE_S
            if entry is None or not is_known:
                entry = self._entries[question] = _Entry(known)
                is_known = False
        if not is_known:
            self._fill(question, entry, make)
        return entry.body.result()

    def _known(self, one: Experiment) -> tuple[str, int, int, int]:
        # Viewers may have been told of more since the experiment was read, and the answer may be made from that.
        told = min(self._feeds.told(one.id, one.last_seq), one.last_seq)
        return one.id, one.revision, one.control_seq, told

    def _fill(self, question: str, entry: _Entry, make: Callable[[], BaseModel]) -> None:
        try:
            entry.body.set_result(make().model_dump_json().encode())
        except BaseException as error:
            # Who waits for it gets the error too; who asks later does not.
            with self._lock:
                if self._entries.get(question) is entry:
                    del self._entries[question]
            entry.body.set_exception(error)


class Answering:
    """The answer to one request."""

    def __init__(self, request: Request) -> None:
        """Take the request."""
        self._answers: Answers = request.app.state.answers
        self._question = f"{request.url.path}?{request.url.query}"

    def about(self, *experiments: Experiment, make: Callable[[], BaseModel]) -> Response:
        """Answer with what ``make`` returns, or has returned for somebody else, about some experiments."""
        body = self._answers.get(self._question, experiments, make)
        return Response(body, media_type="application/json")


AnsweringDep = Annotated[Answering, Depends(Answering)]
