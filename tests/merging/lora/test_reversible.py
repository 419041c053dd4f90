"""A reversible basis: what it stores, and what comes back."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from evomerge.errors import InvalidInput, ModelError, NotFound, StateConflict
from merging.lora.reversible import pack_basis, revert
from merging.lora.shared_basis import basis_of
from merging.models import ModelRef, ModelSet

PREFIX = "base_model.model."


@pytest.fixture(scope="module")
def adapters(family: Any, make_lora: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("adapters")
    return [make_lora(root / name, family.base, seed=seed, scale=0.2) for seed, name in enumerate("abcd")]


def in_bfloat16(path: Path, out: Path) -> Path:
    shutil.copytree(path, out)
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(path / "adapter_model.safetensors").items()}
    save_file(tensors, out / "adapter_model.safetensors")
    return out


def opened(base: Path, *experts: Path) -> ModelSet:
    return ModelSet.open(ModelRef("base", str(base)), [ModelRef(one.name, str(one)) for one in experts])


@given(st.integers(0, 99), st.integers(1, 6), st.integers(2, 5), st.integers(1, 6))
@settings(max_examples=25)
def test_the_basis_is_the_best_of_its_size(seed: int, rank: int, count: int, components: int) -> None:
    vectors = torch.randn(7, rank, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = basis_of(vectors, components)
    kept = found["basis"].shape[2]
    assert kept == min(components, rank, count - 1)
    for position in range(7):
        mean = vectors[position].mean(dim=1, keepdim=True)
        u, s, vh = torch.linalg.svd(vectors[position] - mean, full_matrices=False)
        expected = mean + (u[:, :kept] * s[:kept]) @ vh[:kept]
        again = found["mean"][position].unsqueeze(1) + found["basis"][position] @ found["coefficients"][position]
        torch.testing.assert_close(again, expected)
        if components >= min(rank, count - 1):
            torch.testing.assert_close(again, vectors[position], atol=1e-12, rtol=1e-12)


def test_storage_follows_the_formula_and_error_falls(family: Any, adapters: list[Path], tmp_path: Path) -> None:
    """Numbers per position: p directions of the rank and p coefficients per adapter, and the mean."""
    models, rank, count = opened(family.base, *adapters), 4, 4
    errors = []
    for components in (1, 2, 3):
        result = pack_basis(models, tmp_path / str(components), components)
        assert result.ratio == pytest.approx((components * (rank + count) + rank) / (rank * count))
        numbers = sum(math.prod(t.shape) for t in load_file(result.path / "adapter_basis.safetensors").values())
        assert result.bytes == pytest.approx(4 * numbers, rel=0.3)
        errors.append(max(result.errors.values()))
    assert errors[0] > errors[1] > 0.05 and errors[2] < 1e-6
    assert pack_basis(models, tmp_path / "more", 50).ratio == pack_basis(models, tmp_path / "most", 3).ratio


def test_sixteen_bit_adapters_come_back_bit_for_bit(family: Any, adapters: list[Path], tmp_path: Path) -> None:
    paths = [in_bfloat16(path, tmp_path / path.name) for path in adapters]
    result = pack_basis(opened(family.base, *paths), tmp_path / "basis", 3)
    assert set(result.errors.values()) == {0.0}
    for path in paths:
        revert(result.path, path.name, tmp_path / "back" / path.name)
        own, back = (load_file(one / "adapter_model.safetensors") for one in (path, tmp_path / "back" / path.name))
        assert own.keys() == back.keys()
        assert all(torch.equal(own[key], back[key]) and own[key].dtype == back[key].dtype for key in own)
        configs = [
            json.loads((one / "adapter_config.json").read_text()) for one in (path, tmp_path / "back" / path.name)
        ]
        assert configs[0] == configs[1]


def test_the_error_reported_is_that_of_the_adapter_that_comes_back(
    family: Any, adapters: list[Path], tmp_path: Path
) -> None:
    models = opened(family.base, *adapters)
    result = pack_basis(models, tmp_path / "basis", 1, dtype="bfloat16")
    for path in adapters:
        revert(result.path, path.name, tmp_path / path.name)
        again = opened(family.base, tmp_path / path.name)
        lost = whole = 0.0
        for name in models.tensor_names():
            delta, back = models.delta(name, path.name), again.delta(name, path.name)
            assert (delta is None) == (back is None)
            if delta is not None and back is not None:
                lost, whole = lost + float((delta - back).square().sum()), whole + float(delta.square().sum())
        assert result.errors[path.name] == pytest.approx(math.sqrt(lost / whole), rel=1e-3)
        assert 0.1 < result.errors[path.name] < 1.5


def test_ranks_modules_and_scales_may_differ_and_whole_tensors_come_along(
    tmp_path: Path, tiny_llama: Any, make_lora: Any
) -> None:
    base = tiny_llama(
        tmp_path / "base", tie_word_embeddings=False, vocab_size=320, hidden_size=64, intermediate_size=96
    )
    first = make_lora(tmp_path / "first", base, seed=1, rank=2, scale=0.2)
    second = make_lora(tmp_path / "second", base, seed=2, rank=4, scale=0.2)
    tensors = load_file(first / "adapter_model.safetensors")
    for key in [key for key in tensors if "mlp" in key]:
        del tensors[key]
    tensors[f"{PREFIX}lm_head.weight"] = torch.randn(320, 64)
    save_file(tensors, first / "adapter_model.safetensors")
    config = json.loads((first / "adapter_config.json").read_text())
    (first / "adapter_config.json").write_text(
        json.dumps(config | {"modules_to_save": ["lm_head"], "use_rslora": True, "alpha_pattern": {"q_proj": 3}})
    )
    models = opened(base, first, second)
    result = pack_basis(models, tmp_path / "basis", 4)
    assert max(result.errors.values()) < 1e-6
    for path in (first, second):
        revert(result.path, path.name, tmp_path / "back" / path.name)
        again = opened(base, tmp_path / "back" / path.name)
        for name in models.tensor_names():
            delta, back = models.delta(name, path.name), again.delta(name, path.name)
            assert (delta is None) == (back is None)
            if delta is not None and back is not None:
                torch.testing.assert_close(back, delta, atol=1e-5, rtol=1e-5)


def test_refusals_write_nothing(family: Any, adapters: list[Path], tmp_path: Path) -> None:
    models, out = opened(family.base, *adapters[:2]), tmp_path / "out"
    with pytest.raises(InvalidInput, match="components: found 0"):
        pack_basis(models, out, 0)
    with pytest.raises(InvalidInput, match="dtype: found 'int4'"):
        pack_basis(models, out, 1, dtype="int4")
    with pytest.raises(InvalidInput, match="adapters: found 1"):
        pack_basis(opened(family.base, adapters[0]), out, 1)
    with pytest.raises(ModelError, match="it is no LoRA adapter"):
        pack_basis(opened(family.base, adapters[0], family.full[0]), out, 1)
    with pytest.raises(ModelError, match=r"adapter_basis\.json is missing"):
        revert(adapters[0], "a", out)
    basis = pack_basis(models, tmp_path / "basis", 1).path
    with pytest.raises(NotFound, match="no adapter named 'z'"):
        revert(basis, "z", out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["basis"]
    with pytest.raises(StateConflict, match="not empty"):
        revert(basis, "a", basis)
    manifest = json.loads((basis / "adapter_basis.json").read_text())
    (basis / "adapter_basis.json").write_text(json.dumps(manifest | {"version": 99}))
    with pytest.raises(ModelError, match="another format or version"):
        revert(basis, "a", out)
