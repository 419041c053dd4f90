"""What the calls of a client have in common."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from api.schemas.experiments import ExperimentView
from evomerge.client.connection import Connection
from evomerge.client.retry import fetched
from evomerge.client.steps import Ask, Emit, Feed, Steps

# Checking a spec can take the server minutes: models are opened, tasks are loaded.
CHECKING_S = 900.0
_PAGE = 200

_Model = TypeVar("_Model", bound=BaseModel)


class Caller:
    """Base of the calls."""

    _connection: Connection

    def _get(self, path: str, model: type[_Model], **params: Any) -> Steps[_Model]:
        return fetched(self._connection, Ask("GET", path, params), model)

    def _create(
        self, path: str, model: type[_Model], body: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Steps[_Model]:
        """Send what takes effect once, however often it is sent."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return fetched(self._connection, Ask("POST", path, None, body, headers, timeout_s=timeout_s), model)

    def _id_of(self, reference: str) -> Steps[str]:
        """Return an experiment's id: what lasts longer than one request must not jump to a new one of the same name."""
        return (yield from self._get(experiment_path(reference), ExperimentView)).id

    def _pages(self, path: str, model: type[BaseModel], key: str, limit: int | None, **params: Any) -> Feed[Any]:
        """Emit the entries of all pages, at most ``limit``."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            page: Any = yield from self._get(path, model, **params, limit=size, cursor=cursor)
            entries = getattr(page, key)
            for one in entries:
                yield Emit(one)
            cursor = page.next
            if cursor is None:
                return
            left = None if left is None else left - len(entries)


def experiment_path(reference: str, *rest: str | int) -> str:
    """Return the path of an experiment, or of something of it."""
    return "/".join(["/experiments", *(quote(str(part), safe="") for part in (reference, *rest))])
