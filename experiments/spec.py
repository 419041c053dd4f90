"""The experiment spec: everything that a user decides, written in one YAML file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.json_schema import models_json_schema

from evomerge.errors import NotFound, SpecError
from experiments.spec_base import PATTERNS
from experiments.spec_blackbox import BlackboxExperiment
from experiments.spec_errors import translate
from experiments.spec_sections import ExperimentSpec
from experiments.spec_yaml import Document, Location, read_document

__all__ = [
    "AnySpec",
    "BlackboxExperiment",
    "ExperimentSpec",
    "LoadedAny",
    "LoadedSpec",
    "json_schema",
    "load_any",
    "load_spec",
    "parse_any",
    "parse_spec",
    "resolve_path",
]

AnySpec = ExperimentSpec | BlackboxExperiment

_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class LoadedSpec:
    """A spec that was read from a file."""

    spec: ExperimentSpec
    source_dir: Path
    text: str


@dataclass(frozen=True)
class LoadedAny:
    """A spec of any kind that was read from a file."""

    spec: AnySpec
    source_dir: Path


def load_spec(path: str | Path) -> LoadedSpec:
    """Read the spec of a merge from a YAML file.

    Raises:
        NotFound: there is no such file.
        SpecError: the file is not a valid spec; every problem is listed.
    """
    text, document = _read(Path(path))
    return LoadedSpec(parse_spec(document.data, document.line), Path(path).resolve().parent, text)


def load_any(path: str | Path) -> LoadedAny:
    """Read a spec, of a merge or of a black box, from a YAML file; raises as :func:`load_spec`."""
    _, document = _read(Path(path))
    return LoadedAny(parse_any(document.data, document.line), Path(path).resolve().parent)


def _read(path: Path) -> tuple[str, Document]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise NotFound(str(path), f"cannot read the spec: {error.strerror}", "give the path of a YAML file") from error
    if len(raw) > _MAX_BYTES:
        raise SpecError(str(path), f"{len(raw)} bytes; a spec has at most {_MAX_BYTES}", "give the path of a spec")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(str(path), "not UTF-8 text", "give the path of a YAML file") from error
    return text, read_document(text)


def parse_any(data: object, line_of: Callable[[Location], int | None] = lambda _: None) -> AnySpec:
    """Validate plain data as the spec of a merge, or of a black box where it has the key ``blackbox``.

    Raises:
        SpecError: naming the first problem and listing the others.
    """
    if not isinstance(data, Mapping) or "blackbox" not in data:
        return parse_spec(data, line_of)
    try:
        return BlackboxExperiment.model_validate(data)
    except ValidationError as error:
        raise translate(error, BlackboxExperiment, PATTERNS, line_of) from None


def parse_spec(data: object, line_of: Callable[[Location], int | None] = lambda _: None) -> ExperimentSpec:
    """Validate plain data (from YAML, JSON or the store) as a spec.

    Raises:
        SpecError: the data is not a valid spec; every problem is listed.
    """
    if data is None:
        raise SpecError("spec", "it is empty", "write at least name, base_model, models, merge, tasks and search")
    try:
        return ExperimentSpec.model_validate(data)
    except ValidationError as error:
        raise translate(error, ExperimentSpec, PATTERNS, line_of) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a spec of either kind, for editors and forms.

    A spec is told apart as :func:`parse_any` does it, so that a problem is reported about the kind that was meant.
    """
    _, shared = models_json_schema([(ExperimentSpec, "validation"), (BlackboxExperiment, "validation")])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "evomerge experiment",
        "type": "object",
        "if": {"required": ["blackbox"]},
        "then": {"$ref": "#/$defs/BlackboxExperiment"},
        "else": {"$ref": "#/$defs/ExperimentSpec"},
        **shared,
    }


def resolve_path(text: str, source_dir: Path) -> str:
    """Return the absolute path if ``text`` exists relative to ``source_dir``, else ``text`` (a hub id)."""
    path = os.path.join(source_dir, os.path.expanduser(text))  # noqa: PTH111, PTH118 (pathlib raises on ~nobody)
    return os.path.realpath(path) if os.path.exists(path) else text  # noqa: PTH110 (pathlib raises)
