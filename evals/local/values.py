"""Answers that are numbers within a tolerance, or JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evals.local.scorer import Doc, text_of

NUMBER = r"(?:(?<![\w)])-)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?:(?<![\w)])-)?\.\d+"
"""A number, with or without commas between thousands; a minus after a word or a number is a dash."""
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)


@dataclass(frozen=True)
class Near:
    """The first or last number of an answer is within a tolerance of the reference.

    Args:
        answer: column or template of the reference.
        tolerance: largest difference, as a share of the reference.
        which: first or last.
    """

    answer: str
    tolerance: float
    which: Literal["first", "last"]
    metric: str = "near"
    judged_by: str | None = None

    def score(self, answers: Sequence[Sequence[str]], docs: Sequence[Doc]) -> list[float]:
        """See ``Scorer``."""
        return [float(self._matches(texts[0], doc)) for texts, doc in zip(answers, docs, strict=True)]

    def rehearse(self, doc: Doc) -> str | None:
        """See ``Scorer``."""
        reference = text_of(self.answer, doc)
        return None if _number(reference) is not None else f"the reference {reference!r:.60} is no number"

    def _matches(self, text: str, doc: Doc) -> bool:
        found = re.findall(NUMBER, text)
        reference = _number(text_of(self.answer, doc))
        if not found or reference is None:
            return False
        given = float(found[0 if self.which == "first" else -1].replace(",", ""))
        return math.isclose(given, reference, rel_tol=0, abs_tol=self.tolerance * abs(reference))


def _number(text: str) -> float | None:
    text = text.strip().removeprefix("$").replace(",", "")
    return float(text) if re.fullmatch(r"-?(?:\d+(?:\.\d+)?|\.\d+)", text) else None


@dataclass(frozen=True)
class Json:
    """The whole answer is one JSON value, which fits a schema and equals the reference where there are any.

    Args:
        answer: column or template of the reference, as JSON text; None for no comparison.
        schema: JSON Schema, of the draft that it names or 2020-12; references to other documents are not followed.
        fenced: whether the value may stand in a Markdown code fence.
    """

    answer: str | None
    schema: Mapping[str, Any] | bool | None
    fenced: bool
    metric: str = "json"
    judged_by: str | None = None

    def score(self, answers: Sequence[Sequence[str]], docs: Sequence[Doc]) -> list[float]:
        """See ``Scorer``."""
        return [float(self._accepts(texts[0], doc)) for texts, doc in zip(answers, docs, strict=True)]

    def rehearse(self, doc: Doc) -> str | None:
        """See ``Scorer``."""
        if self.answer is None:
            return None
        reference = text_of(self.answer, doc)
        try:
            value = _parse(reference)
        except (ValueError, RecursionError) as error:
            return f"the reference {reference!r:.60} is no JSON: {error}"
        return None if self._fits(value) else f"the reference {reference!r:.60} does not fit the schema"

    def _accepts(self, text: str, doc: Doc) -> bool:
        if self.fenced and (fence := _FENCED.fullmatch(text)):
            text = fence[1]
        try:
            value = _parse(text)
            if not self._fits(value):
                return False
            return self.answer is None or _same(value, _parse(text_of(self.answer, doc)))
        except (ValueError, RecursionError):  # no JSON, or nested deeper than the interpreter goes
            return False

    def _fits(self, value: Any) -> bool:
        from jsonschema.validators import Draft202012Validator, validator_for
        from referencing import Registry

        if self.schema is None:
            return True
        # An empty registry, since the default one downloads what a schema refers to.
        kind = validator_for(self.schema, default=Draft202012Validator)
        return bool(kind(self.schema, registry=Registry()).is_valid(value))


def check_schema(schema: Any) -> str | None:
    """Return what is wrong with a JSON schema, or None; what it refers to must be in it."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    if not isinstance(schema, Mapping | bool):
        return "a schema is a mapping"
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        return str(error.message)
    document = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource("", document).resolver()
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return f"it refers to {reference!r}, which is not in it"
    return None


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _parse(text: str) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: 1 equals 1.0, and true is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
