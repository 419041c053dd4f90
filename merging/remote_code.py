"""Code that a model brings along: never run, so a configuration that asks for it is refused."""

from __future__ import annotations

from typing import Any

_KEY = "auto_map"


def brings_code(config: Any) -> bool:
    """Return whether a configuration names Python code of the model's own (``auto_map``), at whatever depth."""
    pending = [config]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if _KEY in part:
                return True
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return False
