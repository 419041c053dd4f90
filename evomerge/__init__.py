"""evomerge finds the best way to merge a set of language models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evomerge.client import AsyncClient, Client

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    # A program that only wants the version, as every room does, does not pay for HTTP.
    if name in ("AsyncClient", "Client"):
        return getattr(importlib.import_module("evomerge.client"), name)
    raise AttributeError(f"module 'evomerge' has no attribute '{name}'")
