"""A server that runs beside a test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evomerge import Client
from experiments.store import Store


@dataclass(frozen=True)
class Served:
    """A server that runs, and what is behind it."""

    url: str
    address: tuple[str, int]
    token: str
    store: Store
    store_url: str
    folder: Path

    def client(self, url: str | None = None, **options: object) -> Client:
        """Return an admin's client."""
        return Client(url or self.url, self.token, **options)  # type: ignore[arg-type]
