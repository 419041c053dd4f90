"""The simplest mergekit setting that gives every tensor of a model its value, and how it is written.

mergekit evaluates a parameter per tensor from a list of (name filter, scalar or depth gradient). A gradient
with one value per block gives each block its own value; it applies its first value to every tensor outside
the blocks, which is why those get filters of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from merging.names import block_index

Setting = float | list[float] | list[dict[str, Any]]
# Name filters to try, from none to the finest; mergekit takes the first that occurs in a tensor's name.
_FILTERS = ((), ("self_attn", "mlp"), ("norm", "bias"), ("norm", "bias", "self_attn", "mlp"))


def setting_of(wanted: Mapping[str, float], num_blocks: int) -> Setting | None:
    """Return a setting that mergekit evaluates to the wanted value of every tensor; None where there is none."""
    for filters in _FILTERS:
        setting = _setting_with(filters, wanted, num_blocks)
        if setting is not None and _gives(setting, wanted, num_blocks):
            return setting
    return None


def written(config: Mapping[str, Any]) -> str:
    """Return a configuration as YAML, gradients on one line."""
    text: str = yaml.dump(dict(config), Dumper=_Dumper, sort_keys=False, default_flow_style=False)
    return text


def _setting_with(filters: tuple[str, ...], wanted: Mapping[str, float], num_blocks: int) -> Setting | None:
    """Give one gradient to each class of block tensors; None where that is not possible."""
    gradients: dict[str, dict[int, float]] = {}
    outside: list[dict[str, Any]] = []
    for name, value in wanted.items():
        block = block_index(name)
        if block is None:
            outside.append({"filter": name, "value": value})
            continue
        gradient = gradients.setdefault(next((key for key in filters if key in name), ""), {})
        if gradient.setdefault(block, value) != value:
            return None
    if any(len(gradient) != num_blocks for gradient in gradients.values()):
        return None
    classes = [
        ({"filter": key} if key else {}) | {"value": _shortest([gradients[key][i] for i in range(num_blocks)])}
        for key in (*filters, "")
        if key in gradients
    ]
    only = classes[0]["value"]
    if len(classes) == 1 and isinstance(only, float) and all(entry["value"] == only for entry in outside):
        return only
    return [*outside, *classes]


def _shortest(gradient: list[float]) -> float | list[float]:
    return gradient[0] if len(set(gradient)) == 1 else gradient


def _gives(setting: Setting, wanted: Mapping[str, float], num_blocks: int) -> bool:
    return all(_evaluated(setting, name, num_blocks) == value for name, value in wanted.items())


def _evaluated(setting: Setting, name: str, num_blocks: int) -> float | None:
    """Return what mergekit makes of a setting for a tensor."""
    if isinstance(setting, float):
        return setting
    if isinstance(setting[0], dict):
        for entry in setting:
            if isinstance(entry, dict) and entry.get("filter", "") in name:
                return _evaluated(entry["value"], name, num_blocks)
        return None
    block = block_index(name)
    value = setting[0 if block is None else block]
    return value if isinstance(value, float) and len(setting) == num_blocks else None


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers on one line and repeats equal lists instead of using anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Repeat, never refer."""
        return True


def _numbers_in_line(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    flow = all(isinstance(entry, int | float) for entry in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


_Dumper.add_representer(list, _numbers_in_line)
