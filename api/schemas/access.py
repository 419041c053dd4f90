"""Access tokens, and whose token a request bears."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from api.schemas.base import Answer, Request
from experiments.states import Scope

_Name = Annotated[str, Field(min_length=1, max_length=64)]


class NewToken(Request):
    """What a token is for; ``expires_at`` None is for ever."""

    # JSON has no times and no names of scopes, only text.
    model_config = ConfigDict(strict=False)

    name: _Name
    owner: _Name
    scope: Scope
    expires_at: AwareDatetime | None = None


class TokenView(Answer):
    """A token without its secret."""

    id: str
    name: str
    owner: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class CreatedToken(Answer):
    """A new token and its secret, which is shown only here."""

    token: TokenView
    secret: str


class TokenList(Answer):
    """Every token, newest first."""

    tokens: list[TokenView]


class Identity(Answer):
    """Whose token a request bears."""

    token_id: str
    name: str
    owner: str
    scope: Scope
