"""Access tokens; only admins see or change them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.dependencies import StoreDep, require
from api.schemas.access import CreatedToken, NewToken, TokenList, TokenView
from experiments.states import Scope

router = APIRouter(prefix="/tokens", tags=["tokens"], dependencies=[Depends(require(Scope.ADMIN))])


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
