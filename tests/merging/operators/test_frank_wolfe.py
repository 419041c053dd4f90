"""FW-Merging: its oracle and its steps by hand, and an expert that lies downhill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calibrations import LINES, calibration_file, readers
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import Reference, along, gradients, inputs_of, survey_of, with_experts
from torch import Tensor
from torch.nn.functional import cross_entropy

from evomerge.errors import RecipeError
from merging.calibration.data import IGNORED, batches, load_examples
from merging.calibration.model import LiveModel
from merging.models import ModelSet
from merging.operators.frank_wolfe import NOBODY, Oracle, advanced

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


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 4), st.booleans(), st.booleans())
def test_oracle_equals_plain_loops(seed: int, tensors: int, experts: int, by_task: bool, cosine: bool) -> None:
    generator = np.random.default_rng(seed)
    gradient, base = generator.normal(size=(2, tensors, 5))
    deltas = generator.normal(size=(experts, tensors, 5))
    products = np.einsum("td,etd->te", gradient, deltas)
    full = base + deltas
    columns = np.c_[products, (gradient * base).sum(1)] if cosine else products
    squares = torch.from_numpy((full**2).sum(2).T.copy()) if cosine else None
    found = Oracle(by_task, squares).choose(torch.from_numpy(columns)).tolist()
    vectors = full if cosine else deltas

    def score(expert: int, tensor: int | None) -> float:
        g = gradient.ravel() if tensor is None else gradient[tensor]
        v = vectors[expert].ravel() if tensor is None else vectors[expert, tensor]
        return float(g @ v / np.linalg.norm(v)) if cosine else float(g @ v)

    for tensor in range(tensors):
        scores = [score(expert, None if by_task else tensor) for expert in range(experts)]
        assert found[tensor] == (int(np.argmin(scores)) if min(scores) < 0.0 else NOBODY)


def test_the_first_of_equals_is_chosen() -> None:
    assert Oracle(False, None).choose(torch.tensor([[-1.0, -2.0, -2.0], [0.0, 0.0, 0.0]])).tolist() == [1, NOBODY]


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(0.0, 1.0), st.booleans())
def test_a_step_in_coefficients_is_a_step_in_weights(seed: int, step: float, stay: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    deltas = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64)
    coefficients = torch.rand(4, 3, generator=generator, dtype=torch.float64)
    chosen = torch.tensor([2, NOBODY, 0, 1])

    def weights(table: Tensor) -> Tensor:
        return base + torch.einsum("te,etd->td", table, deltas)

    theta = weights(coefficients)
    vertex = base.clone()
    for tensor, expert in enumerate(chosen.tolist()):
        if expert != NOBODY:
            vertex[tensor] = base[tensor] + deltas[expert, tensor]
        elif stay:
            vertex[tensor] = theta[tensor]
    found = weights(advanced(coefficients, chosen, step, stay=stay))
    torch.testing.assert_close(found, theta + step * (vertex - theta))


@pytest.mark.parametrize(
    ("oracle", "score", "no_descent"),
    [("tensor", "dot", "base"), ("task", "cosine", "stay"), ("tensor", "cosine", "base")],
)
def test_equals_frank_wolfe_on_the_whole_graph(
    models: ModelSet, data: Path, oracle: str, score: str, no_descent: str
) -> None:
    options: dict[str, Any] = {"oracle": oracle, "score": score, "no_descent": no_descent, "iterations": 3, "step": 0.9}
    learned = survey_of("fw_merging", models, EXPERTS, data, batch_size=2, **options)
    reference = Reference(models, EXPERTS)
    examples = load_examples(data, experts=EXPERTS, limit=100, seed=0)
    table = torch.full((len(reference.tensors), 2), 0.3, dtype=torch.float64)
    for step in range(3):
        leaf = table.clone().requires_grad_()
        loss = torch.zeros((), dtype=torch.float64)
        for expert in EXPERTS:
            (batch,) = batches(examples[expert], reference.live.tokenizer, size=9, max_tokens=512)
            logits = reference(leaf, batch).logits[:, :-1]
            loss = loss + cross_entropy(logits.flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=IGNORED)
        (products,) = torch.autograd.grad(loss, leaf)
        scores = products.clone()
        if score == "cosine":
            live = LiveModel(models)
            weights = {t.name: i for i, t in enumerate(reference.tensors)}
            scores = cosines(reference, live, models, leaf.detach(), examples, weights, by_task=oracle == "task")
        if oracle == "task":
            scores = scores.sum(0, keepdim=True).expand_as(scores)
        lowest, index = scores.min(1)
        size = 0.3 * 0.9 * 2.0 / (step + 2.0)
        for row in range(len(table)):
            target = torch.zeros(2, dtype=torch.float64)
            if lowest[row] < 0.0:
                target[index[row]] = 1.0
            elif no_descent == "stay":
                continue
            table[row] += size * (target - table[row])
        assert learned.history[step]["loss"] == pytest.approx(float(loss.detach()), rel=1e-4)
        counts = [learned.history[step][f"chose {name}"] for name in (*EXPERTS, "nobody")]
        assert sum(counts) == len(table) and counts[2] == float((lowest >= 0.0).sum())
    changed = [i for i, t in enumerate(reference.tensors) if any(d is not None for d in t.deltas)]
    torch.testing.assert_close(reference.matrix(learned)[changed], table[changed], rtol=0.0, atol=1e-9)


def cosines(
    reference: Reference,
    live: LiveModel,
    models: ModelSet,
    table: Tensor,
    examples: Any,
    rows: dict[str, int],
    *,
    by_task: bool,
) -> Tensor:
    """Return products of the whole gradient with full weights over their norms, tensor by tensor."""
    tensors = list(inputs_of(models, EXPERTS))
    for tensor in tensors:
        mixed = tensor.base.double()
        for delta, weight in zip(tensor.deltas, table[rows[tensor.name]], strict=True):
            mixed = mixed if delta is None else mixed + weight * delta.double()
        live.write(tensor.name, mixed)
    live.require_gradients(live.names)
    total = torch.zeros(())
    for expert in EXPERTS:
        (batch,) = batches(examples[expert], live.tokenizer, size=9, max_tokens=512)
        loss, count = live.loss(batch)
        total = total + loss / count
    found = live.gradients(total)
    top, squares = torch.zeros_like(table), torch.zeros_like(table)
    for tensor in tensors:
        for column, delta in enumerate(tensor.deltas):
            full = tensor.base.double() if delta is None else tensor.base.double() + delta.double()
            top[rows[tensor.name], column] = (found[tensor.name].double() * full).sum()
            squares[rows[tensor.name], column] = full.square().sum()
    return top / (squares.sum(0, keepdim=True) if by_task else squares).sqrt()


@pytest.mark.parametrize(("oracle", "score"), [("tensor", "dot"), ("task", "dot"), ("task", "cosine")])
def test_the_expert_downhill_is_chosen(models: ModelSet, tmp_path: Path, data: Path, oracle: str, score: str) -> None:
    """One expert is a step down the loss, one a step up, one noise."""
    live = LiveModel(models)
    examples = load_examples(data, experts=("a",), limit=100, seed=0)["a"]
    (batch,) = batches(examples, live.tokenizer, size=9, max_tokens=512)
    slope = gradients(models, batch)
    base = {name: models.base_tensor(name) for name in slope}
    noise = torch.Generator().manual_seed(1)
    planted = with_experts(
        models,
        tmp_path / "planted",
        {
            "up": {n: along(g, base[n], 0.02) for n, g in slope.items()},
            "noise": {n: along(torch.randn(g.shape, generator=noise), base[n], 0.02) for n, g in slope.items()},
            "down": {n: along(-g, base[n], 0.02) for n, g in slope.items()},
        },
    )
    shared = calibration_file(
        tmp_path / "shared.jsonl", [{"prompt": e.prompt, "completion": e.completion or ""} for e in examples]
    )
    names = ("down", "noise", "up")
    options = {"oracle": oracle, "score": score, "start": "base", "scale": 1.0, "iterations": 4}
    learned = survey_of("fw_merging", planted, names, shared, **options)
    first = learned.history[0]
    assert first["chose down"] == len(learned.tensors) and first["chose up"] == first["chose noise"] == 0.0
    losses = [entry["loss"] for entry in learned.history]
    assert losses[-1] < losses[0]


def test_start_and_scale(models: ModelSet, data: Path) -> None:
    for start, expected in (("base", 0.0), ("task_arithmetic", 0.25)):
        learned = survey_of("fw_merging", models, EXPERTS, data, start=start, scale=0.25, iterations=0)
        assert {row for ((_, row),) in learned.tensors.values()} == {(expected, expected)}


def test_completions_are_needed(models: ModelSet, tmp_path: Path) -> None:
    bare = calibration_file(tmp_path / "bare.jsonl", [{"prompt": "hello"}])
    with pytest.raises(RecipeError, match="has no completion"):
        survey_of("fw_merging", models, EXPERTS, bare)


@pytest.mark.parametrize(("option", "value"), [("scale", 1.5), ("step", -0.1)])
def test_errors(models: ModelSet, data: Path, option: str, value: float) -> None:
    with pytest.raises(RecipeError, match=rf"recipe\.options\.{option}"):
        survey_of("fw_merging", models, EXPERTS, data, **{option: value})
