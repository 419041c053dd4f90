"""Which items of a task go to which split: by content, keyed by a seed, the same on every machine."""

from __future__ import annotations

import datetime
import hashlib
import itertools
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


def cut(
    items: Sequence[str], definition: TaskDefinition, tested: Sequence[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Cut distinct items into disjoint splits, in the order of a hash keyed by the definition's seed.

    The test split is cut first and the search split last, so a larger search split leaves the others as
    they were.

    Args:
        items: of the search and selection splits.
        definition: sizes and seed, or which search items.
        tested: items of the test split; those that are among ``items`` too are left to it. None takes the test split
            from ``items`` as well.

    Raises:
        TaskError: there are fewer items than the splits need, or chosen ones are not among those that it may have.
    """
    others = definition.selection + definition.search
    every = len(items) - others if tested is None else len(tested)
    sizes = {
        "test": max(1, every) if definition.test is None else definition.test,
        "selection": definition.selection,
        "search": definition.search,
    }
    if tested is None:
        found = _deal(_ordered(items, definition.seed), sizes, definition)
    else:
        unseen = set(items) - set(tested)
        test = _deal(_ordered(tested, definition.seed), {"test": sizes.pop("test")}, definition)
        rest = [item for item in items if item in unseen]
        found = test | _deal(_ordered(rest, definition.seed), sizes, definition)
    if definition.chosen is None:
        return found
    return found | {"search": _chosen(definition, definition.chosen, searchable(items, found, definition, tested))}


def searchable(
    items: Sequence[str],
    splits: Mapping[str, Sequence[str]],
    definition: TaskDefinition,
    tested: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """Return all items that the search split may have, given the other two, in the order in which it takes them.

    Args:
        items: of the search and selection splits.
        splits: as cut.
        definition: has the seed.
        tested: all items of the data split that is tested on, where that is another one.
    """
    taken = {*splits["test"], *splits["selection"], *(tested or ())}
    return tuple(_ordered([item for item in items if item not in taken], definition.seed))


def _chosen(definition: TaskDefinition, wanted: Sequence[str], free: Sequence[str]) -> tuple[str, ...]:
    kept = {*wanted}
    found = tuple(item for item in free if item in kept)
    if len(found) < len(wanted):
        raise TaskError(
            f"tasks[{definition.name}]",
            f"{len(wanted) - len(found)} of its {len(wanted)} chosen search items are not in the task's data any more, "
            "or are in another split",
            "restore the data, or choose anew in a new experiment",
        )
    return found


def _ordered(pool: Sequence[str], seed: int) -> list[str]:
    return sorted(pool, key=lambda item: (_keyed_hash(seed, item), item))


def _deal(ordered: Sequence[str], sizes: Mapping[str, int], definition: TaskDefinition) -> dict[str, tuple[str, ...]]:
    needed = sum(sizes.values())
    if len(ordered) < needed:
        wanted = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise TaskError(
            f"tasks[{definition.name}]",
            f"the splits need {needed} distinct items ({wanted}) but the task has {len(ordered)}",
            "make the splits smaller or give the task more data",
        )
    rest = iter(ordered)
    return {name: tuple(itertools.islice(rest, size)) for name, size in sizes.items()}


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
