"""The Python client of a server: :class:`Client` blocks, :class:`AsyncClient` is awaited, and both do the same.

Every call is written once, as a generator of steps (:mod:`evomerge.client.steps`); the two clients differ only in how
they take one step.
"""

from evomerge.client.asynchronous import AsyncClient
from evomerge.client.blocking import Client

__all__ = ["AsyncClient", "Client"]
