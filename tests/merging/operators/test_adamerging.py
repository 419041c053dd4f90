"""AdaMerging: against float64 autograd, and what its options do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calibrations import LINES, calibration_file, readers
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import Reference, inputs_of, survey_of
from torch import Tensor

from evomerge.errors import RecipeError
from merging.calibration.data import Batch, batches, load_examples
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators.adamerging import elected, trim_thresholds
from merging.operators.base import MergeInputs, TensorInputs
from merging.recipe import Recipe

EXPERTS = ("a", "c")
LABELLED = [line | {"expert": "c" if line.get("expert") == "b" else "a"} for line in LINES]


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> ModelSet:
    sizes = {"num_hidden_layers": 2, "initializer_range": 0.1}
    return readers(tmp_path_factory.mktemp("readers"), tiny_llama, make_lora, **sizes)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVOMERGE_CACHE", str(tmp_path / "cache"))
    return calibration_file(tmp_path / "data.jsonl", LABELLED)


def mean_entropy(logits: Tensor, batch: Batch, last: bool) -> Tensor:
    p = logits.softmax(-1)
    each = -(p * p.log()).sum(-1)
    lengths = batch.attention_mask.sum(1)
    rows = [each[i, n - 1 : n] if last else each[i, :n] for i, n in enumerate(lengths.tolist())]
    return torch.cat(rows).mean()


def mean_divergence(teacher: Tensor, student: Tensor, batch: Batch) -> Tensor:
    p, q = teacher.softmax(-1), student.softmax(-1)
    return (p * (p.log() - q.log())).sum(-1)[batch.attention_mask.bool()].mean()


@pytest.mark.parametrize(
    ("level", "positions", "anchor"), [("tensor", "all", 0.0), ("task", "last", 0.0), ("tensor", "all", 2.0)]
)
def test_equals_adam_on_the_whole_graph(
    models: ModelSet, data: Path, level: str, positions: str, anchor: float
) -> None:
    options = {"level": level, "positions": positions, "anchor": anchor, "steps": 3, "learning_rate": 0.02}
    learned = survey_of("adamerging", models, EXPERTS, data, batch_size=2, **options)
    reference = Reference(models, EXPERTS)
    examples = load_examples(data, experts=EXPERTS, limit=128, seed=0)
    prompts = [
        batches([replace(e, completion=None) for e in examples[m]], reference.live.tokenizer, size=2, max_tokens=512)
        for m in EXPERTS
    ]
    rows = len(reference.tensors) if level == "tensor" else 1
    raw = torch.full((rows, 2), 0.3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=0.02, betas=(0.9, 0.999))
    for step in range(3):
        loss = torch.zeros((), dtype=torch.float64)
        for expert, own in zip(EXPERTS, prompts, strict=True):
            batch = own[step % len(own)]
            logits = reference(raw.expand(len(reference.tensors), 2), batch).logits
            loss = loss + mean_entropy(logits, batch, positions == "last")
            if anchor:
                teacher = reference.of_expert(models, expert, batch).logits
                loss = loss + anchor * mean_divergence(teacher, logits, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        raw.data.clamp_(0.0, 1.0)
        assert learned.history[step]["loss"] == pytest.approx(float(loss.detach()), rel=1e-4)
    found, expected = reference.matrix(learned), raw.detach().expand(len(reference.tensors), 2)
    assert (expected - 0.3).abs().max() > 0.03
    torch.testing.assert_close(found, expected, rtol=0.0, atol=2e-4)


def test_entropy_falls_and_an_anchor_holds_the_experts(models: ModelSet, data: Path) -> None:
    options = {"steps": 8, "learning_rate": 0.05}
    free = survey_of("adamerging", models, EXPERTS, data, **options)
    losses = [entry["loss"] for entry in free.history]
    assert len(losses) == 8 and losses[-1] < losses[0] - 0.1
    anchored = survey_of("adamerging", models, EXPERTS, data, anchor=5.0, **options)
    assert anchored.history[-1]["loss"] < anchored.history[0]["loss"]
    assert anchored.tensors != free.tensors


@pytest.mark.parametrize("clamp", [True, False])
def test_clamp(models: ModelSet, data: Path, clamp: bool) -> None:
    learned = survey_of("adamerging", models, EXPERTS, data, steps=4, learning_rate=0.4, clamp=clamp)
    values = torch.tensor([row for ((_, row),) in learned.tensors.values()])
    assert bool(((values >= 0.0) & (values <= 1.0)).all()) == clamp


def test_completions_do_not_matter(models: ModelSet, data: Path, tmp_path: Path) -> None:
    other = calibration_file(tmp_path / "other.jsonl", [line | {"completion": "?"} for line in LABELLED])
    learned = [survey_of("adamerging", models, EXPERTS, path, steps=2) for path in (data, other)]
    assert len(list((tmp_path / "cache").glob("adamerging-1/*/key.json"))) == 2
    for name, ((_, row),) in learned[0].tensors.items():
        assert row == pytest.approx(learned[1].tensors[name][0][1], abs=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([(9,), (4, 7), (2, 3, 4)]), st.integers(1, 4), st.floats(0.05, 1.0))
def test_trim_and_election(seed: int, shape: tuple[int, ...], experts: int, density: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    names = tuple("abcd"[:experts])
    tensors = []
    for name in ("x", "y"):
        deltas = [torch.randn(shape, generator=generator) for _ in names]
        absent = seed % (experts + 1)
        tensors.append(
            TensorInputs(
                name,
                torch.zeros(shape),
                names,
                tuple(None if name == "y" and i == absent else delta for i, delta in enumerate(deltas)),
            )
        )
    thresholds = trim_thresholds(MergeInputs.of(tensors), density)
    whole = np.stack(
        [
            np.concatenate(
                [(torch.zeros(shape) if t.deltas[i] is None else t.deltas[i]).numpy().ravel() for t in tensors]
            )
            for i in range(experts)
        ]
    ).astype(np.float64)
    kept = max(1, int(density * whole.shape[1]))
    for i in range(experts):
        edge = np.sort(np.abs(whole[i]))[-kept]
        assert thresholds[i] == edge
        whole[i][np.abs(whole[i]) < edge] = 0.0
    sign = np.sign(whole.sum(0))
    whole[whole * sign <= 0.0] = 0.0
    found = [elected(tensor, thresholds) for tensor in tensors]
    for i in range(experts):
        parts = [torch.zeros(shape) if t.deltas[i] is None else t.deltas[i] for t in found]
        assert np.array_equal(np.concatenate([part.numpy().ravel() for part in parts]), whole[i])


def test_trimmed_task_vectors_are_what_is_learned_and_merged(models: ModelSet, data: Path) -> None:
    options: dict[str, Any] = {"trim": "ties", "density": 0.3, "steps": 2, "learning_rate": 0.05}
    learned = survey_of("adamerging", models, EXPERTS, data, **options)
    inputs = inputs_of(models, EXPERTS)
    thresholds = trim_thresholds(inputs, 0.3)
    assert learned.facts["thresholds"] == thresholds
    plain = survey_of("adamerging", models, EXPERTS, data, **options | {"trim": "none"})
    assert plain.tensors != learned.tensors
    for resident in (True, False):
        recipe = Recipe("adamerging", EXPERTS, options={"calibration": str(data), **options})
        merged = dict(Materializer(models, resident=resident).tensors(recipe))
        for tensor in map(inputs.load, inputs.names):
            ((_, row),) = learned.tensors[tensor.name]
            expected = tensor.base.double()
            for delta, weight in zip(elected(tensor, thresholds).deltas, row, strict=True):
                if delta is not None:
                    expected += weight * delta.double()
            torch.testing.assert_close(merged[tensor.name].double(), expected, rtol=1e-2, atol=1e-3)


def test_one_expert_untrimmed_density_is_the_expert(models: ModelSet, data: Path) -> None:
    options = {"calibration": str(data), "trim": "ties", "density": 1.0, "steps": 0, "init": 1.0}
    merged = dict(Materializer(models).tensors(Recipe("adamerging", ("a",), options=options)))
    expert = dict(
        Materializer(models).tensors(Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (1.0,)}}))
    )
    assert all(torch.equal(merged[name], expert[name]) for name in expert)


@pytest.mark.parametrize(
    ("option", "value"),
    [("learning_rate", -1.0), ("anchor", float("nan")), ("init", 1e9), ("density", 0.0), ("batch_size", 0)],
)
def test_errors(models: ModelSet, data: Path, option: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=rf"recipe\.options\.{option}"):
        survey_of("adamerging", models, EXPERTS, data, **{option: value})
