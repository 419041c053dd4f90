"""Small real models that the merging tests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

# A busy machine must not fail a test that is right.
settings.register_profile("merging", deadline=None)
settings.load_profile("merging")

SMALL = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96}


@dataclass(frozen=True)
class Family:
    """A base, two full experts and two adapters of it."""

    base: Path
    full: tuple[Path, Path]
    lora: tuple[Path, Path]

    def open(self, **experts: Path) -> ModelSet:
        refs = [ModelRef(name, str(path)) for name, path in experts.items()]
        return ModelSet.open(ModelRef("base", str(self.base)), refs)


@pytest.fixture(scope="session")
def family(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> Family:
    root = tmp_path_factory.mktemp("family")
    base = tiny_llama(root / "base", seed=0, **SMALL)
    full = (
        tiny_llama(root / "full-a", seed=1, **SMALL),
        tiny_llama(root / "full-b", seed=2, **SMALL),
    )
    lora = (
        make_lora(root / "lora-a", base, seed=1, scale=0.2),
        make_lora(root / "lora-b", base, seed=2, scale=0.2),
    )
    return Family(base, full, lora)


@pytest.fixture(scope="session")
def full_models(family: Family) -> ModelSet:
    return family.open(a=family.full[0], b=family.full[1])


@pytest.fixture(scope="session")
def mixed_models(family: Family) -> ModelSet:
    return family.open(a=family.full[0], b=family.full[1], c=family.lora[0])


@pytest.fixture(scope="session")
def lora_models(family: Family) -> ModelSet:
    return family.open(a=family.lora[0], b=family.lora[1])


@pytest.fixture
def merge() -> Callable[..., dict[str, Tensor]]:
    """Materialize one recipe into a dictionary."""

    def run(models: ModelSet, method: str, experts: tuple[str, ...], **fields: Any) -> dict[str, Tensor]:
        return dict(Materializer(models).tensors(Recipe(method, experts, **fields)))

    return run


@pytest.fixture
def same() -> Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], bool]:
    """Compare two checkpoints bit by bit."""

    def compare(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
        return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)

    return compare
