"""Calls about the server itself: what it offers, and who may use it."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from api.schemas.access import CreatedToken, Identity, TokenList, TokenView
from api.schemas.catalog import (
    AlgorithmList,
    AlgorithmView,
    MethodList,
    MethodView,
    ModelList,
    ModelView,
    TaskList,
    TaskView,
)
from evomerge.client.caller import Caller
from evomerge.client.retry import fetched
from evomerge.client.steps import Ask, Steps, operation
from evomerge.errors import NotFound, nearest
from experiments.states import Scope


class CatalogCalls(Caller):
    """What does not belong to an experiment."""

    @operation
    def models(self) -> Steps[list[ModelView]]:
        """Return the models that specs may name."""
        return (yield from self._get("/models", ModelList)).models

    @operation
    def tasks(self) -> Steps[list[TaskView]]:
        """Return the tasks that specs may name."""
        return (yield from self._get("/tasks", TaskList)).tasks

    @operation
    def methods(self) -> Steps[list[MethodView]]:
        """Return the merge methods with their parameters, ranges and options."""
        return (yield from self._get("/methods", MethodList)).methods

    @operation
    def method(self, name: str) -> Steps[MethodView]:
        """Return a merge method."""
        return self._get(f"/methods/{quote(name, safe='')}", MethodView)

    @operation
    def algorithms(self) -> Steps[list[AlgorithmView]]:
        """Return the search algorithms with their options."""
        return (yield from self._get("/algorithms", AlgorithmList)).algorithms

    @operation
    def algorithm(self, name: str) -> Steps[AlgorithmView]:
        """Return a search algorithm.

        Raises:
            NotFound: the server's catalog has none of this name.
        """
        known = {one.name: one for one in (yield from self._get("/algorithms", AlgorithmList)).algorithms}
        if name not in known:
            raise NotFound("algorithm", f"there is no search algorithm '{name}'", nearest(name, known))
        return known[name]

    @operation
    def whoami(self) -> Steps[Identity]:
        """Return whose token this client bears."""
        return self._get("/session", Identity)

    @operation
    def tokens(self) -> Steps[list[TokenView]]:
        """Return every token, newest first; for admins."""
        return (yield from self._get("/tokens", TokenList)).tokens

    @operation
    def create_token(
        self, name: str, owner: str, *, scope: Scope | str = Scope.RUN, expires_at: datetime | None = None
    ) -> Steps[CreatedToken]:
        """Make a token; nobody can read its secret again. For admins.

        Args:
            name: what it is for.
            owner: who bears it.
            scope: read, run or admin.
            expires_at: with a time zone; None is for ever.
        """
        until = None if expires_at is None else expires_at.isoformat()
        body = {"name": name, "owner": owner, "scope": scope, "expires_at": until}
        return fetched(self._connection, Ask("POST", "/tokens", body=body, repeatable=False), CreatedToken)

    @operation
    def revoke_token(self, token_id: str) -> Steps[TokenView]:
        """End a token now; for admins."""
        return fetched(self._connection, Ask("DELETE", f"/tokens/{quote(token_id, safe='')}"), TokenView)
