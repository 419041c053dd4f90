"""The ledger of an experiment, page by page or as it is written."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from api.dependencies import ExperimentDep, FeedsDep, StoreDep
from api.live.stream import stream_events
from api.schemas.events import EventPage, EventView
from evomerge.errors import InvalidInput
from experiments.states import EventKind

router = APIRouter(prefix="/experiments/{experiment_id}/events", tags=["events"])
_STREAM = "text/event-stream"
_EITHER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page; or, where text/event-stream is accepted, all events as they are written, then `end`.",
        "content": {_STREAM: {"schema": {"type": "string"}}},
    }
}


@router.get("", response_model=EventPage, responses=_EITHER)
async def list_events(
    request: Request,
    experiment: ExperimentDep,
    store: StoreDep,
    feeds: FeedsDep,
    after: Annotated[int, Query(ge=0, lt=2**31, description="Only events behind this `seq`.")] = 0,
    before: Annotated[
        int | None, Query(ge=1, lt=2**31, description="Only events in front of this `seq`, the latest first.")
    ] = None,
    kind: Annotated[list[EventKind] | None, Query(description="Only events of these kinds; not in a stream.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Events of a page at most.")] = 200,
    last_event_id: Annotated[
        int | None, Header(ge=0, lt=2**31, description="Where a stream goes on; browsers send it by themselves.")
    ] = None,
) -> Response | EventPage:
    """Return what happened: in order, or with ``before`` the latest first."""
    if _STREAM in request.headers.get("accept", ""):
        feeds.check_room()
        start = after if last_event_id is None else last_event_id
        return EventSourceResponse(stream_events(feeds, experiment, start), headers={"X-Accel-Buffering": "no"})
    if before is not None and after:
        raise InvalidInput("query.before", "it goes with no 'after'", "leave one of them out")
    edge = after if before is None else before
    found = await run_in_threadpool(
        store.events, experiment.id, kinds=tuple(kind or ()), after=edge, limit=limit, newest=before is not None
    )
    return EventPage(events=[EventView.model_validate(one) for one in found], last_seq=experiment.last_seq)
