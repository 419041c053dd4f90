"""Expert Merging: against float64 autograd, and importance-guided chunks."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from calibrations import LINES, calibration_file, readers
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import Reference, inputs_of, survey_of

from evomerge.errors import RecipeError
from merging.calibration.data import batches, load_examples
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators.expert_merging import chunk_counts
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


@pytest.mark.parametrize(("temperature", "hidden"), [(1.0, "all"), (2.0, "last")])
def test_equals_adamw_on_the_whole_graph(models: ModelSet, data: Path, temperature: float, hidden: str) -> None:
    options = {"accumulation": 3, "epochs": 2, "learning_rate": 0.1, "samples": 3, "gamma": 0.5}
    learned = survey_of(
        "expert_merging", models, EXPERTS, data, temperature=temperature, hidden_layers=hidden, **options
    )
    reference = Reference(models, EXPERTS, lambda name: name.endswith("_proj.weight"))
    examples = load_examples(data, experts=EXPERTS, limit=3, seed=0)
    own = {m: batches(examples[m], reference.live.tokenizer, size=1, max_tokens=512) for m in EXPERTS}
    assert [len(own[m]) for m in EXPERTS] == [3, 2]
    turns = [("a", own["a"][0]), ("c", own["c"][0]), ("a", own["a"][1]), ("c", own["c"][1]), ("a", own["a"][2])]
    raw = torch.full((len(reference.tensors), 2), math.log(0.1 / 0.9), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([raw], lr=0.1, weight_decay=1e-5)
    for step in range(4):
        group = turns[:3] if step % 2 == 0 else turns[3:]
        alpha, loss = raw.sigmoid(), torch.zeros((), dtype=torch.float64)
        for expert, batch in group:
            student = reference(alpha, batch, hidden=True)
            teacher = reference.of_expert(models, expert, batch, hidden=True)
            p, q = ((x.logits / temperature).softmax(-1) for x in (teacher, student))
            loss = loss + temperature**2 * (p * (p.log() - q.log())).sum(-1).mean() / len(group)
            layers = range(1, 3) if hidden == "all" else [2]
            for layer in layers:
                distance = (student.hidden_states[layer] - teacher.hidden_states[layer]).square().mean()
                loss = loss + distance / len(layers) / len(group)
        penalty = 0.5 * (alpha - 0.1).abs().mean(0).sum()
        optimizer.zero_grad()
        (loss + penalty).backward()
        torch.nn.utils.clip_grad_norm_([raw], 1.0)
        # Cosine annealing over 50 steps from the rate to a tenth of it.
        optimizer.param_groups[0]["lr"] = 0.01 + 0.09 * (1 + math.cos(math.pi * step / 50)) / 2
        optimizer.step()
        assert learned.history[step]["loss"] == pytest.approx(float(loss.detach()), rel=1e-4)
        assert learned.history[step]["penalty"] == pytest.approx(float(penalty.detach()), rel=1e-3, abs=1e-6)
    assert len(learned.history) == 4
    expected = raw.detach().sigmoid()
    assert (expected - 0.1).abs().max() > 0.02
    torch.testing.assert_close(reference.matrix(learned), expected, rtol=0.0, atol=2e-4)


def test_one_expert_is_approached(models: ModelSet, data: Path) -> None:
    """With nobody else to please and no penalty, the merge becomes the expert."""
    learned = survey_of("expert_merging", models, ("c",), data, gamma=0.0, epochs=12, batch_size=8)
    losses = [entry["loss"] for entry in learned.history]
    assert losses[-1] < 0.7 * losses[0]
    values = torch.tensor([row[0] for ((_, row),) in learned.tensors.values()])
    assert values.mean() > 0.5 and values.max() < 1.0


def test_a_strong_penalty_keeps_the_initial_coefficients(models: ModelSet, data: Path) -> None:
    free, held = (
        survey_of("expert_merging", models, EXPERTS, data, gamma=g, epochs=4, learning_rate=0.02, init=0.2)
        for g in (0.0, 1e5)
    )

    def distance(found: Any) -> float:
        return max(abs(value - 0.2) for ((_, row),) in found.tensors.values() for value in row)

    assert distance(held) < 0.5 * distance(free)


def test_only_linear_weights_are_merged(models: ModelSet, tmp_path: Path) -> None:
    data = calibration_file(tmp_path / "lines.jsonl", LINES)
    options = {"calibration": str(data), "epochs": 1}
    merged = dict(Materializer(models).tensors(Recipe("expert_merging", ("a", "b"), options=options)))
    moved = {name for name, tensor in merged.items() if not torch.equal(tensor, models.base_tensor(name))}
    assert moved == {name for name in merged if name.endswith("_proj.weight")}
    everything = dict(
        Materializer(models).tensors(Recipe("expert_merging", ("a", "b"), options=options | {"tensors": "all"}))
    )
    assert not torch.equal(everything["model.embed_tokens.weight"], models.base_tensor("model.embed_tokens.weight"))


def test_training_stops_without_progress(models: ModelSet, data: Path) -> None:
    """A step size of zero never lowers the loss, so the fourth epoch is the last."""
    learned = survey_of("expert_merging", models, EXPERTS, data, learning_rate=0.0, epochs=50, accumulation=99)
    assert len(learned.history) == 4


@settings(max_examples=20)
@given(
    # Below 1e-100 the formula's own powers underflow, unlike those of the shares.
    st.dictionaries(
        st.text("xyz", min_size=1, max_size=4), st.just(0.0) | st.floats(1e-100, 1e6), min_size=1, max_size=8
    ),
    st.floats(0.5, 40.0),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
)
def test_chunk_counts_equal_the_formula(importance: dict[str, float], budget: float, kappa: float) -> None:
    found = chunk_counts(importance, budget, kappa)
    assert found.keys() == importance.keys() and min(found.values()) >= 1
    powers = {name: one**kappa if one > 0.0 else 0.0 for name, one in importance.items()}
    total = sum(powers.values())
    for name, power in powers.items():
        exact = budget * power / total if total > 0.0 else 0.0
        assert found[name] in {max(1, math.floor(exact - 1e-6)), max(1, math.floor(exact + 1e-6))}


def test_chunks_go_where_the_importance_is(models: ModelSet, data: Path) -> None:
    options: dict[str, Any] = {"calibration": str(data), "epochs": 1, "chunks": 3.0}
    learned = survey_of("expert_merging", models, EXPERTS, data, **{k: v for k, v in options.items() if k[0] != "c"})
    plus = survey_of("expert_merging", models, EXPERTS, data, epochs=1, chunks=3.0)
    assert plus.history[: len(learned.history)] == learned.history
    importance, inputs = {}, inputs_of(models, EXPERTS)
    for name, ((_, row),) in learned.tensors.items():
        deltas = inputs.load(name).deltas
        importance[name] = sum(
            w * float(d.double().abs().mean()) * d.numel() for w, d in zip(row, deltas, strict=True) if d is not None
        )
    counts = {name: len(parts) for name, parts in plus.tensors.items()}
    assert counts == chunk_counts(importance, 3.0 * len(importance), 1.0)
    assert max(counts.values()) > 3
    merged = dict(Materializer(models).tensors(Recipe("expert_merging", EXPERTS, options=options)))
    streamed = dict(Materializer(models, resident=False).tensors(Recipe("expert_merging", EXPERTS, options=options)))
    for name, parts in plus.tensors.items():
        tensor = inputs.load(name)
        expected, start = tensor.base.double().view(-1), 0
        for end, row in parts:
            assert end % tensor.base.shape[1] == 0
            for delta, weight in zip(tensor.deltas, row, strict=True):
                if delta is not None:
                    expected[start:end] += weight * delta.double().view(-1)[start:end]
            start = end
        assert start == tensor.base.numel()
        torch.testing.assert_close(merged[name].double().view(-1), expected, rtol=1e-2, atol=1e-3)
        assert torch.equal(merged[name], streamed[name])


@pytest.mark.parametrize(
    ("option", "value"),
    [("init", 0.0), ("init", 1.0), ("accumulation", 0), ("temperature", 0.0), ("gamma", -1.0), ("chunks", -0.5)],
)
def test_errors(models: ModelSet, data: Path, option: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=rf"recipe\.options\.{option}"):
        survey_of("expert_merging", models, EXPERTS, data, **{option: value})
