from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from evomerge.errors import ModelError
from merging.models import ModelRef, ModelSet
from merging.resolve import resolve_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, family: Any) -> Path:
    """A Hugging Face cache that holds one model, and no network."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    repository = cache / "models--team--base"
    snapshot = repository / "snapshots" / COMMIT
    shutil.copytree(family.base, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


def test_local_directories_come_first(hub: Path, family: Any, tmp_path: Path) -> None:
    local = tmp_path / "team" / "base"
    shutil.copytree(family.full[0], local)
    found = resolve_model("team/base", None, tmp_path)
    assert found.path == str(local)
    assert found.revision is None
    assert resolve_model(str(local), None, Path("/")).path == str(local)
    assert resolve_model("../base", None, local).path == str(local)


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
def test_hub_models_come_from_the_cache_with_their_commit(hub: Path, tmp_path: Path, revision: str | None) -> None:
    found = resolve_model("team/base", revision, tmp_path)
    assert found.path == str(hub)
    assert found.revision == COMMIT
    assert ModelSet.open(ModelRef("base", found.path, found.revision), []).num_blocks == 4


def test_a_cache_directory_given_as_path_tells_its_commit(hub: Path) -> None:
    assert resolve_model(str(hub), None, Path("/")).revision == COMMIT


@pytest.mark.parametrize(
    ("model", "revision", "problem", "fix"),
    [
        ("team/other", None, "not in the local cache", "HF_HUB_OFFLINE"),
        ("team/base", "v2", "not in the local cache", "HF_HUB_OFFLINE"),
        ("./models/base", None, "is no directory", "path of a model directory"),
        ("/nowhere/base", None, "is no directory", "path of a model directory"),
        ("a/b/c", None, "no Hugging Face repository name", "organization/model"),
        ("a--b/c..d", None, "it is no repository name", "organization/model"),
    ],
)
def test_models_that_cannot_be_found(
    hub: Path, tmp_path: Path, model: str, revision: str | None, problem: str, fix: str
) -> None:
    with pytest.raises(ModelError) as caught:
        resolve_model(model, revision, tmp_path)
    assert caught.value.field == f"model {model}"
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_a_local_directory_has_no_revision(family: Any) -> None:
    with pytest.raises(ModelError, match="which has no revision 'main'"):
        resolve_model(str(family.base), "main", Path("/"))
