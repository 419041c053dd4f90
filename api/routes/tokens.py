"""Access tokens; only admins see or change them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import AwareDatetime, ConfigDict, Field

from api.dependencies import StoreDep, require
from api.schemas.base import Answer, Request
from experiments.states import Scope

router = APIRouter(prefix="/tokens", tags=["tokens"], dependencies=[Depends(require(Scope.ADMIN))])

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


@router.post("", status_code=201)
def create_token(new: NewToken, store: StoreDep) -> CreatedToken:
    """Make a token; nobody can read its secret again."""
    token, secret = store.create_token(new.name, new.scope, new.owner, new.expires_at)
    return CreatedToken(token=TokenView.model_validate(token), secret=secret)


@router.get("")
def list_tokens(store: StoreDep) -> TokenList:
    """List every token, revoked and expired ones too."""
    return TokenList(tokens=[TokenView.model_validate(token) for token in store.tokens()])


@router.delete("/{token_id}")
def revoke_token(token_id: Annotated[str, Path(pattern="^[0-9a-f]{8}$")], store: StoreDep) -> TokenView:
    """End a token now; doing so again changes nothing."""
    return TokenView.model_validate(store.revoke_token(token_id))
