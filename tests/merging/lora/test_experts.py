"""Task vectors as factors: how near the best approximation they are, and what is said of what they miss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from merging.lora.combine import approximated
from merging.lora.experts import ExpertFactors, matrices
from merging.models import ModelRef, ModelSet

SHAPES = st.sampled_from([(90, 40), (40, 90), (64, 64), (12, 5)])


@given(st.integers(0, 99), SHAPES, st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_random_projections_are_nearly_the_best_approximation(seed: int, shape: tuple[int, int], rank: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    # Singular values that fall slowly, as those of full fine-tunes do.
    decay = torch.diag(torch.arange(1, shape[1] + 1) ** -0.7)
    matrix = torch.randn(shape, generator=generator) @ decay
    found, (kept, whole) = approximated(matrix, rank)
    values = torch.linalg.svdvals(matrix.double())
    lost = float(values[rank:].square().sum())
    assert found.a.shape[0] == found.b.shape[1] <= rank
    assert whole == pytest.approx(float(values.square().sum()))
    missed = float((matrix.double() - found.b.double() @ found.a.double()).square().sum())
    assert missed == pytest.approx(whole - kept, abs=1e-5 * whole)
    assert lost - 1e-5 * whole <= missed <= 1.05 * lost + 1e-5 * whole
    again, _ = approximated(matrix, rank)
    assert torch.equal(again.b, found.b) and torch.equal(again.a, found.a)


def test_losses_of_adapters_and_checkpoints(
    tiny_llama: Callable[..., Path], make_lora: Callable[..., Path], tmp_path: Path
) -> None:
    base = tiny_llama(tmp_path / "base", num_hidden_layers=2)
    other = tiny_llama(tmp_path / "other", num_hidden_layers=2, seed=1)
    weights = load_file(base / "model.safetensors")
    norm = tiny_llama(tmp_path / "norm", num_hidden_layers=2)
    save_file(
        weights | {"model.norm.weight": weights["model.norm.weight"] * 2}, norm / "model.safetensors", {"format": "pt"}
    )
    adapter = make_lora(tmp_path / "adapter", base, rank=4)
    refs = [ModelRef(path.name, str(path)) for path in (other, norm, adapter)]
    models = ModelSet.open(ModelRef("base", str(base)), refs)

    def losses(rank: int) -> dict[str, dict[str, float]]:
        experts = ExpertFactors(models, rank)
        assert experts.names == matrices(models)
        for name in experts.names:
            for ref in refs:
                experts.of(name, ref.name)
        return experts.measure()

    four = losses(4)
    assert four["adapter"] == {"truncated": pytest.approx(0, abs=1e-3), "left_out": 0.0}
    assert four["norm"] == {"truncated": 0.0, "left_out": 1.0}
    # Of independent weights four components are a small part, and the embedding is most of so small a model.
    assert 0.1 < four["other"]["truncated"] < 1 and 0.5 < four["other"]["left_out"] < 1
    assert four["other"]["truncated"] ** 2 + four["other"]["left_out"] ** 2 < 1
    assert losses(2)["adapter"]["truncated"] > 0.3
    assert losses(64)["other"]["truncated"] == pytest.approx(0, abs=1e-2)
    assert ExpertFactors(models, 4).of("model.layers.0.mlp.up_proj.weight", "norm") is None
