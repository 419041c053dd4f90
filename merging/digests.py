"""SHA-256 of files, of some of them before anybody asks: hashing can go on beside the loading of large libraries."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

import yaml

# A recipe is a page of text.
_LONGEST_RECIPE = 1 << 20

# Between two parts a thread waits for the interpreter's lock, which one that imports gives away every 5 ms.
_PART_BYTES = 1 << 24

_Key = tuple[int, int, int, int]
_begun: dict[_Key, Future[str]] = {}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex; waits where it is being hashed already."""
    begun = _begun.get(_key(path))
    return _hashed(path) if begun is None else begun.result()


def begin(recipe: Path) -> None:
    """Start hashing the weights of all directories that a recipe names, on a thread that ends with the process.

    Nothing is checked here: what cannot be read, or is no model after all, is left to those who open it.
    """
    futures = {_key(path): (path, Future[str]()) for path in _weights(recipe)}
    futures = {key: found for key, found in futures.items() if key not in _begun}
    _begun.update({key: future for key, (_, future) in futures.items()})

    def work() -> None:
        for path, future in futures.values():
            try:
                future.set_result(_hashed(path))
            except OSError as error:
                future.set_exception(error)

    Thread(target=work, name="digests", daemon=True).start()


def _weights(recipe: Path) -> list[Path]:
    found: dict[Path, None] = {}
    try:
        if recipe.stat().st_size > _LONGEST_RECIPE:
            return []
        for value in _scalars(recipe.read_text(encoding="utf-8")):
            for root in (Path.cwd(), recipe.resolve().parent):
                found.update((path.resolve(), None) for path in sorted((root / value).glob("*.safetensors")))
    except (OSError, ValueError, yaml.YAMLError):
        # Whoever reads the file in earnest says what is wrong with it.
        pass
    return list(found)


def _scalars(text: str) -> Iterator[str]:
    # Tokens, not values: aliases of aliases cannot multiply.
    return (token.value for token in yaml.scan(text) if isinstance(token, yaml.ScalarToken) and token.value)


def _key(path: Path) -> _Key:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _hashed(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        part = memoryview(bytearray(min(_PART_BYTES, os.fstat(file.fileno()).st_size)))
        while size := file.readinto(part):
            digest.update(part[:size])
    return digest.hexdigest()
