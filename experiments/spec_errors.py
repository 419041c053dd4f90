"""Turning pydantic's complaints about a spec into one SpecError a person can act on."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from evomerge.errors import SpecError, nearest
from experiments.spec_yaml import Location

_EXPECTED = {
    "string_type": "text (quote it if YAML reads it as something else)",
    "string_unicode": "text in Unicode",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "model_type": "a mapping (key: value lines)",
    "dict_type": "a mapping (key: value lines)",
    "tuple_type": "a list",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} entry",
    "too_long": "at most {max_length} entries",
    "string_too_short": "at least {min_length} character",
}


def complaint(problem: str, fix: str) -> PydanticCustomError:
    """Return the error that a validator of the spec raises: what was found and what to do."""
    return PydanticCustomError("spec", "{problem}", {"problem": problem, "fix": fix})


def translate(
    error: ValidationError,
    model: type[BaseModel],
    patterns: Mapping[str, str],
    line_of: Callable[[Location], int | None],
) -> SpecError:
    """Return one SpecError: the first problem as its field, problem and fix; the others listed below.

    Args:
        error: what pydantic found.
        model: the root model, for the known keys and the descriptions.
        patterns: regular expression -> what it means in words.
        line_of: line of a location in the file, or None where there is no file.
    """
    # A default that is made from another field says nothing that the other field's problem does not say.
    own = [one for one in error.errors(include_url=False) if one["type"] != "default_factory_not_called"]
    # A misspelt key is usually why another one is missing, so unknown keys come first.
    found = sorted(own, key=lambda details: details["type"] != "extra_forbidden")
    problems = [_explain(details, model, patterns, line_of) for details in found]
    field, problem, fix = problems[0]
    if len(problems) > 1:
        others = "".join(f"\n  {f}: {p}. Fix: {x}" for f, p, x in problems[1:])
        fix = f"{fix}\n{len(problems) - 1} more:{others}"
    translated = SpecError(field, problem, fix)
    translated.others = tuple(problems[1:])
    return translated


def _explain(
    details: ErrorDetails,
    model: type[BaseModel],
    patterns: Mapping[str, str],
    line_of: Callable[[Location], int | None],
) -> tuple[str, str, str]:
    location = tuple(part for part in details["loc"] if part != "[key]")
    line = line_of(location)
    where = f" (line {line})" if line else ""
    field = _path(location) or "spec"
    kind, context = details["type"], details.get("ctx", {})
    if kind == "spec":
        return field, f"{context['problem']}{where}", context["fix"]
    section, info = _find(model, location)
    if kind == "extra_forbidden":
        return (
            field,
            f"unknown key{where}; {nearest(str(location[-1]), section.model_fields)}",
            "correct or remove it",
        )
    meaning = f": {info.description}" if info and info.description else ""
    if kind == "missing":
        return field, f"missing{where}", f"add it{meaning}"
    template = patterns[context["pattern"]] if kind == "string_pattern_mismatch" else _EXPECTED[kind]
    expected = template.format(**context)
    return field, f"found {reprlib.repr(details['input'])}, expected {expected}{where}", f"change it{meaning}"


def _path(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _find(model: type[BaseModel], location: Location) -> tuple[type[BaseModel], FieldInfo | None]:
    """Return the section that holds ``location`` and the declaration of the field, if it is declared."""
    section, info, keyed = model, None, False
    for depth, part in enumerate(location):
        if keyed:  # the key of a mapping or the index of a list, not a field
            keyed = False
            continue
        info = section.model_fields.get(str(part))
        if info is None or depth == len(location) - 1:
            break
        inner = _model_in(info.annotation)
        if inner is None:
            break
        section, keyed = inner, get_origin(info.annotation) in (dict, tuple)
    return section, info


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)
