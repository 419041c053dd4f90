"""Models and examples that the calibration tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calibrations import readers

from merging.calibration.model import LiveModel
from merging.models import ModelSet


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> ModelSet:
    return readers(tmp_path_factory.mktemp("readers"), tiny_llama, make_lora)


@pytest.fixture(scope="module")
def live(models: ModelSet) -> LiveModel:
    return LiveModel(models)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVOMERGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
