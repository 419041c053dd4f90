"""A directory is complete under its name, or it is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evomerge.errors import StateConflict
from merging.staging import directory_size, staged


def test_it_takes_its_name_only_when_the_block_ends(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with staged(out) as directory:
        (directory / "file").write_bytes(b"12345")
        assert not out.exists() and directory.parent == out.parent
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert directory_size(out) == 5
    mask = os.umask(0)
    os.umask(mask)
    assert out.stat().st_mode & 0o777 == 0o777 & ~mask
    assert (out / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "out") as directory:
        (directory / "file").touch()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with staged(tmp_path / "empty") as directory:
        (directory / "file").touch()
    for taken in (tmp_path / "empty", tmp_path / "empty" / "file"):
        with pytest.raises(StateConflict, match="exists and is not empty"), staged(taken):
            pytest.fail("the block must not run")
