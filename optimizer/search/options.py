"""The options of an algorithm: one frozen dataclass, read strictly and listed for people."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from evomerge.errors import SpecError, nearest

Options = TypeVar("Options")


@dataclass(frozen=True)
class Option:
    """One option of an algorithm, for listings.

    Args:
        name: key below ``search.options``.
        kind: its type and choices, for people.
        default: what holds where it is not given; None = chosen by the algorithm.
        doc: what it does.
    """

    name: str
    kind: str
    default: bool | int | float | str | None
    doc: str


@dataclass(frozen=True)
class NoOptions:
    """An algorithm without options."""


def list_options(declared: type) -> tuple[Option, ...]:
    """Return the fields of an options dataclass with the words of its ``Args`` section."""
    documented = _documented(inspect.getdoc(declared) or "")
    hints = typing.get_type_hints(declared)
    return tuple(
        Option(field.name, _kind(hints[field.name]), _default(field), documented.get(field.name, ""))
        for field in fields(declared)
    )


def read_options(algorithm: str, declared: type[Options], given: Mapping[str, Any]) -> Options:
    """Build an options dataclass from what a spec gives.

    Raises:
        SpecError: naming ``search.options.X``: unknown, of another type, or out of range.
    """
    known = [field.name for field in fields(declared)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            fix = nearest(name, known) if known else f"remove search.options; {algorithm} has none"
            raise SpecError(f"search.options.{name}", f"{algorithm} has no such option", fix)
    try:
        checked = _model(declared)(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        doc = {option.name: option for option in list_options(declared)}[name]
        raise SpecError(
            f"search.options.{name}",
            f"found {first['input']!r}: {_lowered(first['msg'])}",
            f"give {doc.kind}: {doc.doc}",
        ) from error
    try:
        return declared(**{name: getattr(checked, name) for name in known})
    except ValueError as error:
        raise SpecError("search.options", str(error), f"see the options of {algorithm}") from error


def _model(declared: type) -> type[BaseModel]:
    hints = typing.get_type_hints(declared, include_extras=True)
    shape: dict[str, Any] = {field.name: (hints[field.name], _default(field)) for field in fields(declared)}
    return create_model(declared.__name__, __config__=ConfigDict(strict=True, extra="forbid"), **shape)


def _default(field: Any) -> Any:
    if field.default is MISSING:
        raise TypeError(f"option {field.name} has no default")
    return field.default


def _kind(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(hint))
    parts = [part for part in typing.get_args(hint) if part is not type(None)]
    if parts:
        return " or ".join(_kind(part) for part in parts)
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(hint, str(hint))


def _documented(doc: str) -> dict[str, str]:
    """Parse the ``Args`` section of a docstring."""
    section = re.search(r"^Args:\n((?:(?: {4}.*)?\n?)+)", doc, re.MULTILINE)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (section.group(1) if section else "").splitlines():
        start = re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)
        if start:
            names = start.group(1).split(", ")
            found.update(dict.fromkeys(names, start.group(2)))
        elif line.strip():
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
    return found


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
