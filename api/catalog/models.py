"""The models below the server's roots, and why some of them are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from api.catalog.places import is_inside
from evomerge.errors import ModelError
from merging.remote_code import brings_code

_KINDS = {"config.json": "checkpoint", "adapter_config.json": "adapter", "delta_pack.json": "delta pack"}
_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
_WEIGHTS = ".safetensors"
_MAX_CONFIG_BYTES = 4 * 2**20
# Deep enough for the cache of the Hugging Face hub: models--org--name/snapshots/<commit>.
_MAX_DEPTH = 4
_MAX_MODELS = 1000


@dataclass(frozen=True)
class Model:
    """A directory that holds a model.

    Attributes:
        name: how a spec names it: its path below the root.
        kind: checkpoint, adapter or delta pack.
        architecture: class name of the configuration; None where it says none.
        size_bytes: of its weight files.
        problem: why a spec that names it is refused; None where nothing is known against it.
    """

    name: str
    kind: str
    architecture: str | None
    size_bytes: int
    problem: str | None


def list_models(roots: Sequence[Path]) -> list[Model]:
    """Return the models below the roots, by name, 1000 at most."""
    real = [root.resolve() for root in roots]
    places = ((root, directory) for root in real for directory in _directories(root, roots, _MAX_DEPTH))
    found: dict[str, Model] = {}
    for root, directory in islice(places, _MAX_MODELS):
        name = os.path.relpath(directory, root)
        found.setdefault(name, _describe(name, directory, roots))
    return [found[name] for name in sorted(found)]


def check_model(field: str, directory: Path, roots: Sequence[Path]) -> None:
    """Refuse what nobody may open on a stranger's behalf, by names and configuration alone.

    Raises:
        ModelError: no model, code of its own (``auto_map``), pickle weights, or files from outside the roots.
    """
    if not directory.is_dir() or _kind(directory) is None:
        raise ModelError(field, "there is no model in this directory", "name a directory with a config.json")
    entries = sorted(directory.iterdir())
    for entry in entries:
        if not is_inside(entry.resolve(), roots):
            raise ModelError(field, f"its {entry.name} lies outside the server's model directories", "copy it inside")
    for entry in entries:
        if entry.name.endswith("config.json") and brings_code(_read(field, entry)):
            raise ModelError(
                field,
                f"its {entry.name} has an auto_map, which names Python code to run",
                "use a model of an architecture that transformers and vLLM know",
            )
    pickles = [entry.name for entry in entries if entry.suffix in _PICKLES]
    if pickles and not any(entry.suffix == _WEIGHTS for entry in entries):
        raise ModelError(
            field,
            f"its weights are pickle files ({pickles[0]}), which can run code when they are opened",
            "load the model where you trust it and write it again with save_pretrained, which stores safetensors",
        )


def _directories(directory: Path, roots: Sequence[Path], depth: int) -> Iterator[Path]:
    try:
        entries = sorted(directory.iterdir())
    except OSError:  # not ours to read, or a root that is not there
        return
    for entry in entries:
        # Links to directories are followed only to places that could be named anyway, so a loop ends with the depth.
        if not entry.is_dir() or not is_inside(entry.resolve(), roots):
            continue
        if _kind(entry) is not None:
            yield entry
        elif depth > 1:
            yield from _directories(entry, roots, depth - 1)


def _kind(directory: Path) -> str | None:
    return next((kind for file, kind in _KINDS.items() if (directory / file).is_file()), None)


def _describe(name: str, directory: Path, roots: Sequence[Path]) -> Model:
    architecture, problem = None, None
    try:
        check_model(name, directory, roots)
        if (directory / "config.json").is_file():
            named = _read(name, directory / "config.json").get("architectures")
            architecture = str(named[0]) if isinstance(named, list) and named else None
    except ModelError as error:
        problem = error.problem
    size = sum(file.stat().st_size for file in directory.glob(f"*{_WEIGHTS}") if file.is_file())
    return Model(name, str(_kind(directory)), architecture, size, problem)


def _read(field: str, path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ValueError("it is too large for a configuration")
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(field, f"its {path.name} cannot be read: {error}", "copy or download it again") from error
    if not isinstance(data, dict):
        raise ModelError(field, f"its {path.name} holds no JSON object", "copy or download it again")
    return data
