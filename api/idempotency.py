"""Requests that may be repeated: the same Idempotency-Key takes effect once and is answered the same way again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response

from api.security.scopes import PrincipalDep
from evomerge.failpoints import failpoint
from experiments.entities import Once
from experiments.requests import AlreadyDone
from experiments.store import Store

REPLAYED = "Idempotency-Replayed"
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Anything that no other request of this owner has; a repeated request takes effect once.",
    ),
]
_Shown = TypeVar("_Shown")


async def _once(request: Request, principal: PrincipalDep, key: _Key = None) -> Once | None:
    if key is None:
        return None
    parts = (request.method.encode(), request.url.path.encode(), await request.body())
    return Once(principal.owner, key, hashlib.sha256(b"\0".join(parts)).hexdigest())


OnceDep = Annotated[Once | None, Depends(_once)]


def answered_once(
    store: Store, once: Once | None, response: Response, make: Callable[[], _Shown], recall: Callable[[str], _Shown]
) -> _Shown:
    """Return what a request makes; where it was made before, what that is like now, and say so in a header.

    Args:
        store: knows the requests.
        once: the request, handed on by ``make`` to the store.
        response: gets the header.
        make: takes effect.
        recall: shows what was made, by what the store recorded of it.

    Raises:
        StateConflict: the key belongs to another request, or the same one is under way.
    """
    try:
        store.check_once(once)
        failpoint("api.before_create")
        made = make()
        failpoint("api.created_not_answered")
        return made
    except AlreadyDone as done:
        response.headers[REPLAYED] = "true"
        return recall(done.resource)
