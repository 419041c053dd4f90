"""What a parameter of a mergekit configuration is for one tensor.

A setting is a scalar, a gradient (a list of scalars spread evenly over the layers of a slice, the first for
tensors outside the layers), or a list of entries with a ``filter``, of which the first whose filter occurs in
the tensor's name applies. Settings of a model in a slice come before those of the slice, of the module and of
the whole merge; one that says nothing about a tensor leaves the word to the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evomerge.errors import RecipeError
from merging.documents import Node

Scalar = bool | int | float | str
Kind = Literal["float", "int", "bool"]
Value = float | int | bool

_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")


@dataclass(frozen=True)
class Entry:
    """A scalar or a gradient, for the tensors whose name contains ``filter``; None and ``*`` stand for all."""

    value: Scalar | tuple[Scalar, ...]
    filter: str | None = None

    def applies(self, tensor: str) -> bool:
        """Return whether the entry speaks about a tensor."""
        return self.filter in (None, "*") or (self.filter or "") in tensor


@dataclass(frozen=True)
class Setting:
    """Everything that one place of the file says about one parameter."""

    entries: tuple[Entry, ...]
    node: Node


Settings = Mapping[str, Setting]


def read_settings(node: Node | None) -> Settings:
    """Read a ``parameters`` mapping; which names are known depends on the method and is checked with it.

    Raises:
        RecipeError: something that is no setting.
    """
    return {} if node is None else {name: _setting(entry) for name, entry in node.entries().items()}


@dataclass(frozen=True)
class Resolved:
    """A value and the place of the file that it comes from."""

    value: Value
    node: Node


def resolve(name: str, kind: Kind, scopes: Iterable[Settings], tensor: str, depth: float) -> Resolved | None:
    """Return the value of a parameter for a tensor; None where no scope says anything.

    Args:
        name: of the parameter.
        kind: its type.
        scopes: settings from the nearest to the widest.
        tensor: checkpoint name that filters see.
        depth: position in the slice, from 0 to 1.

    Raises:
        RecipeError: a value has the wrong type.
    """
    for scope in scopes:
        setting = scope.get(name)
        if setting is None:
            continue
        entry = next((one for one in setting.entries if one.applies(tensor)), None)
        if entry is not None and entry.value != ():
            return Resolved(_evaluated(setting.node, entry.value, kind, depth), setting.node)
    return None


def _setting(node: Node) -> Setting:
    if isinstance(node.value, dict):
        return Setting((_entry(node),), node)
    if not isinstance(node.value, list):
        return Setting((Entry(_scalar(node)),), node)
    entries = node.items() if node.value else ()
    if any(isinstance(entry.value, dict) for entry in entries):
        return Setting(tuple(_entry(entry) for entry in entries), node)
    return Setting((Entry(tuple(_scalar(entry) for entry in entries)),), node)


def _entry(node: Node) -> Entry:
    fields = node.fields(("filter", "value"), required=("value",))
    value = fields["value"]
    scalars = tuple(_scalar(one) for one in value.items()) if isinstance(value.value, list) else _scalar(value)
    return Entry(scalars, fields["filter"].text() if "filter" in fields else None)


def _scalar(node: Node) -> Scalar:
    if not isinstance(node.value, bool | int | float | str):
        raise node.wrong_type("a number, true, false, a list of those, or a list of entries with filter and value")
    return node.value


def _evaluated(node: Node, value: Scalar | tuple[Scalar, ...], kind: Kind, depth: float) -> Value:
    if not isinstance(value, tuple):
        return _converted(node, value, kind)
    points = [_converted(node, one, kind) for one in value]
    position = depth * (len(points) - 1)
    first = int(position)
    if kind == "bool":
        return points[first]
    share = position - first
    blended = (1.0 - share) * points[first] + share * points[min(first + 1, len(points) - 1)]
    return _converted(node, blended, kind)


def _converted(node: Node, value: Scalar, kind: Kind) -> Value:
    """Return a value in the parameter's type; YAML reads ``1e-5`` as a string, which is a number here."""
    result: Any = None
    if kind == "bool":
        text = str(int(value) if isinstance(value, bool | float) and value == int(value) else value).lower()
        result = True if text in _TRUE else False if text in _FALSE else None
    else:
        result = _number(value)
        if result is not None and kind == "int":
            result = int(result) if result == int(result) else None
    if result is None:
        expected = {"float": "a finite number", "int": "a whole number", "bool": "true or false"}[kind]
        raise _wrong(node, value, expected)
    return result  # type: ignore[no-any-return]


def _number(value: Scalar) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wrong(node: Node, value: Scalar, expected: str) -> RecipeError:
    return node.error(f"found {value!r}, expected {expected}", f"write {expected}")
