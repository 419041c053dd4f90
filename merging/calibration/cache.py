"""Statistics of models on data, computed once and kept on disk under the hash of what they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

if TYPE_CHECKING:
    from merging.models import ModelSet
from merging.vocabulary.files import vocabulary_digest

VARIABLE = "EVOMERGE_CACHE"
_READ = (".safetensors", ".json", ".jinja", ".model", ".txt")


def cache_root() -> Path:
    """Return the cache directory: ``EVOMERGE_CACHE`` or ``~/.cache/evomerge``; it may not exist yet."""
    given = os.environ.get(VARIABLE)
    return Path(given).expanduser() if given else Path.home() / ".cache" / "evomerge"


def cached(kind: str, key: Mapping[str, Any], compute: Callable[[Path], None]) -> Path:
    """Return a directory with a result, which is computed only where nobody did so before.

    Processes on one node wait for each other, so that one of them computes. The directory takes its name
    once it is complete; what an interrupted process leaves behind is never used and is removed by the next.

    Args:
        kind: what is computed, with a version that changes with its format: ``fisher-1``.
        key: all that the result depends on, as JSON data; the versions of torch and transformers are added.
        compute: writes the result into the empty directory that it is given.

    Raises:
        TypeError: the key is no JSON data.
    """
    full = {**key, "torch": version("torch"), "transformers": version("transformers")}
    text = json.dumps(full, sort_keys=True, allow_nan=False)
    folder = cache_root() / kind
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    target = folder / digest
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{digest}.lock"):
        if not target.is_dir():
            for stale in folder.glob(f".{digest}.*"):
                shutil.rmtree(stale)
            temporary = folder / f".{digest}.{uuid.uuid4().hex[:8]}"
            temporary.mkdir()
            try:
                compute(temporary)
                (temporary / "key.json").write_text(text + "\n", encoding="utf-8")
                temporary.replace(target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
    return target


def model_identity(models: ModelSet, experts: Sequence[str] | None = None) -> dict[str, Any]:
    """Return what tells the base and some experts (None: all) from other models, for a cache key.

    That is path, size and time of change of their weight, configuration and tokenizer files, and what a
    vocabulary policy makes of them.
    """
    chosen = [expert.name for expert in models.experts] if experts is None else list(experts)
    files = models.weight_files()
    identity: dict[str, Any] = {"base": _identity(files[models.base.name])}
    identity["experts"] = {name: _identity(files[name]) for name in sorted(chosen)}
    if models.vocabulary is not None:
        identity["vocabulary"] = vocabulary_digest(models.vocabulary)
    return identity


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(weights: Sequence[Path]) -> list[list[str | int]]:
    beside = {path for file in weights for path in file.parent.iterdir() if path.suffix in _READ}
    entries: list[list[str | int]] = []
    for path in sorted(beside | set(weights)):
        status = path.stat()
        entries.append([str(path.resolve()), status.st_size, status.st_mtime_ns])
    return entries
