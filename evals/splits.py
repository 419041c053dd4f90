"""Which items of a task go to which split: by content, keyed by a seed, the same on every machine."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from evals.tasks import TaskDefinition
from evomerge.errors import TaskError


def item_id(doc: Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of the SHA-256 of an item's canonical JSON.

    Fields without a value do not count, so an optional column that appears later in a file does not rename
    the items that lack it.

    Raises:
        TypeError: a field holds something that has no JSON form, such as an image.
    """
    text = json.dumps(_without_none(doc), sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cut(items: Sequence[str], definition: TaskDefinition) -> dict[str, tuple[str, ...]]:
    """Cut distinct items into disjoint splits, in the order of a hash keyed by the definition's seed.

    The test split is cut first and the search split last, so a larger search split leaves the others as
    they were.

    Raises:
        TaskError: there are fewer items than the three splits need together.
    """
    sizes = {"test": definition.test, "selection": definition.selection, "search": definition.search}
    needed = sum(sizes.values())
    if len(items) < needed:
        wanted = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise TaskError(
            f"tasks[{definition.name}]",
            f"the splits need {needed} distinct items ({wanted}) but the task has {len(items)}",
            "make the splits smaller or give the task more data",
        )
    ordered = sorted(items, key=lambda item: (_keyed_hash(definition.seed, item), item))
    splits: dict[str, tuple[str, ...]] = {}
    start = 0
    for name, size in sizes.items():
        splits[name] = tuple(ordered[start : start + size])
        start += size
    return splits


def _keyed_hash(seed: int, item: str) -> str:
    return hashlib.sha256(f"{seed}/{item}".encode()).hexdigest()


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_none(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_without_none(entry) for entry in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no JSON form")
