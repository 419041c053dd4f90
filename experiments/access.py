"""Access tokens: made once, kept as digests, found by their secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from evomerge.errors import InvalidInput, NotFound
from experiments.entities import Token
from experiments.recording import Recorder
from experiments.records import TokenRecord
from experiments.states import Scope

PREFIX = "evm_"
# How stale the time of the last use may be: writing it with every request would make every read a write.
_USE_GRAIN = timedelta(minutes=5)


class TokenBook(Recorder):
    """Who may use the service."""

    def create_token(
        self, name: str, scope: Scope, owner: str, expires_at: datetime | None = None
    ) -> tuple[Token, str]:
        """Make a token and return it with its secret, which nobody can read again.

        Args:
            name: what it is for.
            scope: what it lets its bearer do.
            owner: who bears it; experiments and quotas are by owner.
            expires_at: until when; None for ever.

        Raises:
            InvalidInput: no name or owner, or an end in the past.
        """
        now = datetime.now(UTC)
        for field, text in (("name", name), ("owner", owner)):
            if not text.strip() or len(text) > 64:
                raise InvalidInput(field, f"'{text[:80]}' is not 1 to 64 characters", "give a short name")
        if expires_at is not None and expires_at <= now:
            raise InvalidInput("expires_at", f"{expires_at.isoformat()} is in the past", "give a time to come")
        secret = PREFIX + secrets.token_urlsafe(32)
        row = TokenRecord(
            id=secrets.token_hex(4),
            name=name,
            owner=owner,
            scope=Scope(scope),
            digest=_digest(secret),
            created_at=now,
            expires_at=expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        with self._writing() as session:
            session.add(row)
            session.flush()
            return _token(row), secret

    def find_token(self, secret: str) -> Token | None:
        """Return the token of a secret; None where it is unknown, revoked or expired."""
        digest, now = _digest(secret), datetime.now(UTC)
        with self._session() as session:
            row = session.scalars(select(TokenRecord).filter_by(digest=digest)).first()
            if row is None or not hmac.compare_digest(row.digest, digest) or row.revoked_at is not None:
                return None
            if row.expires_at is not None and row.expires_at <= now:
                return None
            found = _token(row)
        if found.last_used_at is None or now - found.last_used_at > _USE_GRAIN:
            with self._writing() as session:
                session.get_one(TokenRecord, found.id).last_used_at = now
        return found

    def tokens(self) -> list[Token]:
        """Return every token, newest first."""
        with self._session() as session:
            query = select(TokenRecord).order_by(TokenRecord.created_at.desc(), TokenRecord.id)
            return [_token(row) for row in session.scalars(query)]

    def revoke_token(self, token_id: str) -> Token:
        """End a token now; one that is revoked already stays as it is.

        Raises:
            NotFound: there is no such token.
        """
        with self._writing() as session:
            row = session.get(TokenRecord, token_id)
            if row is None:
                raise NotFound("token", f"there is none with id '{token_id}'", "list them with 'evomerge token ls'")
            row.revoked_at = row.revoked_at or datetime.now(UTC)
            return _token(row)


def _digest(secret: str) -> str:
    # The secret has 256 random bits, so nothing slower than one hash is needed.
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: TokenRecord) -> Token:
    return Token(
        row.id, row.name, row.owner, row.scope, row.created_at, row.expires_at, row.revoked_at, row.last_used_at
    )
