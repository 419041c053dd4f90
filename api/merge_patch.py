"""JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.entities import Experiment


def merge_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` with ``patch`` laid over it: null removes a key, anything but objects replaces as a whole."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def clone_spec(experiment: Experiment, changes: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """Return an experiment's spec with the budget that it has now, a merge patch over it, and a name or its own."""
    budget = {} if experiment.budget is None else {"search": {"budget": experiment.budget}}
    named = {} if name is None else {"name": name}
    changed: dict[str, Any] = merge_patch(merge_patch(experiment.spec, budget), {**changes, **named})
    return changed
