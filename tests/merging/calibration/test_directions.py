"""Gradients along task vectors without gradients of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from calibrations import LINES, readers
from learning import inputs_of, with_experts

from merging.calibration.coefficients import Mixture, row_ends
from merging.calibration.data import Batch, Example, batches
from merging.calibration.directions import Directions
from merging.calibration.model import LiveModel
from merging.models import ModelSet

EXPERTS = ("a", "b", "c")


def some(live: LiveModel, size: int) -> list[Batch]:
    examples = [Example(line["prompt"], line.get("completion")) for line in LINES]
    return batches(examples, live.tokenizer, size=size, max_tokens=32)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("tied", [True, False])
def test_all_gradients_of_a_batch_equal_those_of_single_backward_passes(
    parts: int, tied: bool, tmp_path: Path, tiny_llama: Callable[..., Path], make_lora: Any
) -> None:
    small = readers(tmp_path, tiny_llama, make_lora, tie_word_embeddings=tied)
    generator = torch.Generator().manual_seed(5)
    names = [name for name in small.tensor_names() if "q_proj" not in name]
    changes = {
        name: {key: 0.05 * torch.randn(small.tensor_info(key).shape, generator=generator) for key in names}
        for name in ("a", "b")
    }
    whole = with_experts(small, tmp_path / "whole", changes)
    models = ModelSet.open(small.base, [*whole.experts, next(one for one in small.experts if one.name == "c")])
    inputs = inputs_of(models, EXPERTS)
    ends = {t.name: row_ends(tuple(t.base.shape), parts) for t in inputs}
    live = LiveModel(models)
    mixture = Mixture(live, inputs, ends)
    mixture.write(torch.rand(mixture.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    wanted = [mixture.gradient(live.loss(batch)[0]) for batch in some(live, 1)]
    (together,) = some(live, 8)
    found, losses = Directions(live, inputs, ends).gradients(together)
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-3, atol=1e-4)
    assert found.abs().max() > 0.01
    singles = [float(live.loss(batch)[0]) for batch in some(live, 1)]
    assert losses.tolist() == pytest.approx(singles, rel=1e-5)
    assert all(parameter.grad is None for parameter in live.model.parameters())
    assert not any(module._forward_hooks for module in live.model.modules())
