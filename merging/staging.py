"""Directories that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evomerge.errors import StateConflict


def check_free(out: Path) -> None:
    """Refuse a directory that holds something, before anything is spent.

    Raises:
        StateConflict: ``out`` exists and is no empty directory.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StateConflict("out", f"{out} exists and is not empty", "choose another directory or empty this one")


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give a temporary directory beside ``out`` that takes its name when the block ends well.

    Args:
        out: directory to create; may exist if it is empty.

    Raises:
        StateConflict: ``out`` exists and is not empty.
    """
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield temporary
        # mkdtemp and safetensors write privately; the result is as readable as anything else the user creates.
        mask = os.umask(0)
        os.umask(mask)
        for path in temporary.iterdir():
            path.chmod(0o666 & ~mask)
        temporary.chmod(0o777 & ~mask)
        temporary.replace(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object for people and programs."""
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def directory_size(directory: Path) -> int:
    """Return the bytes of all files of a flat directory."""
    return sum(path.stat().st_size for path in directory.iterdir())
