"""SHA-256 of files of any size, and of those whose hashing began before anybody asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from merging import digests


@pytest.mark.parametrize("size", [0, 1, 4096, 2 * 4096 + 5])
def test_digest_is_that_of_the_whole_file(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_PART_BYTES", 4096)
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(data)
    assert digests.sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_weights_that_a_recipe_names_are_hashed_ahead_and_again_once_they_change(tmp_path: Path) -> None:
    model, recipe = tmp_path / "model", tmp_path / "recipe.yml"
    model.mkdir()
    weights = model / "model.safetensors"
    weights.write_bytes(b"before")
    recipe.write_text("base: model\nother: nowhere\n")
    digests.begin(recipe)
    assert digests.sha256(weights) == hashlib.sha256(b"before").hexdigest()
    weights.write_bytes(b"and after")
    assert digests.sha256(weights) == hashlib.sha256(b"and after").hexdigest()


def test_a_recipe_that_cannot_be_read_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    digests.begin(tmp_path / "missing.yml")
    (tmp_path / "bad.yml").write_text("a: [")
    digests.begin(tmp_path / "bad.yml")
