"""Mixtures of task vectors: their weights, their gradients, and coefficients on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from calibrations import LINES
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import inputs_of
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError
from merging.blocks import spans
from merging.calibration.coefficients import (
    Learned,
    Mixture,
    dots,
    learned_kernel,
    linearized,
    number,
    row_ends,
)
from merging.calibration.data import Batch, Example, batches
from merging.calibration.losses import (
    cycle,
    divergence,
    entropy,
    misalignment,
    portions,
    run,
)
from merging.calibration.model import LiveModel
from merging.models import ModelSet
from merging.operators.base import TensorInputs

EXPERTS = ("a", "b", "c")


@pytest.fixture
def mixture(models: ModelSet) -> Mixture:
    return mixture_of(models)


def mixture_of(models: ModelSet, *, base: bool = False) -> Mixture:
    inputs = inputs_of(models, EXPERTS)
    return Mixture(LiveModel(models), inputs, {t.name: row_ends(tuple(t.base.shape), 3) for t in inputs}, base=base)


@pytest.fixture
def batch(live: LiveModel) -> Batch:
    examples = [Example(line["prompt"], line.get("completion")) for line in LINES]
    (one,) = batches(examples, live.tokenizer, size=8, max_tokens=32)
    return one


def spread(shape: tuple[int, int]) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_write_makes_the_mixture_and_the_experts(mixture: Mixture, models: ModelSet) -> None:
    coefficients = spread(mixture.shape)
    mixture.write_expert(1)
    mixture.write(coefficients)
    row = 0
    for tensor in inputs_of(models, EXPERTS):
        expected = tensor.base.double().reshape(-1)
        start = 0
        for end in row_ends(tuple(tensor.base.shape), 3):
            for expert, delta in enumerate(tensor.deltas):
                if delta is not None:
                    expected[start:end] += coefficients[row, expert] * delta.double().view(-1)[start:end]
            row, start = row + 1, end
        torch.testing.assert_close(
            mixture.live.parameter(tensor.name).double().view(-1), expected, rtol=1e-5, atol=1e-6
        )
    assert row == mixture.shape[0]
    mixture.write_expert(2)
    other = LiveModel(models)
    other.write_expert("c")
    assert all(torch.equal(mixture.live.parameter(name), other.parameter(name)) for name in other.names)


def test_gradient_is_the_product_with_the_task_vectors(models: ModelSet, batch: Batch) -> None:
    mixture = mixture_of(models, base=True)
    coefficients = spread(mixture.shape)
    mixture.write(coefficients)
    loss, _ = mixture.live.loss(batch)
    whole = mixture.live.gradients(loss)
    loss, _ = mixture.live.loss(batch)
    found = mixture.gradient(loss)
    without = mixture_of(models)
    without.write(coefficients)
    torch.testing.assert_close(without.gradient(without.live.loss(batch)[0]), found[:, :-1], rtol=1e-6, atol=1e-9)
    assert found.dtype == torch.float64 and found.abs().max() > 0.01
    row = 0
    for tensor in inputs_of(models, EXPERTS):
        start = 0
        for end in row_ends(tuple(tensor.base.shape), 3):
            for column, vector in enumerate((*tensor.deltas, tensor.base)):
                gradient = whole[tensor.name].double().view(-1)[start:end]
                expected = 0.0 if vector is None else float(gradient @ vector.double().view(-1)[start:end])
                assert float(found[row, column]) == pytest.approx(expected, rel=1e-6, abs=1e-9)
            row, start = row + 1, end
    assert all(parameter.grad is None for parameter in mixture.live.model.parameters())


def test_gradient_equals_finite_differences(mixture: Mixture, batch: Batch) -> None:
    mixture.live.model.double()
    weights = torch.randn(260, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def at(coefficients: Tensor) -> Tensor:
        mixture.write(coefficients)
        logits: Tensor = mixture.live.model(batch.input_ids, attention_mask=batch.attention_mask).logits
        return (logits.softmax(-1) @ weights).sum()

    coefficients = torch.full(mixture.shape, 0.2, dtype=torch.float64)
    found = mixture.gradient(at(coefficients))
    direction = spread(mixture.shape) - 0.5
    with torch.no_grad():
        step = 3e-3
        slope = (at(coefficients + step * direction) - at(coefficients - step * direction)) / (2 * step)
    assert float((found * direction).sum()) == pytest.approx(float(slope), rel=1e-3)


def test_linearized_gives_the_gradient_of_the_sum_through_any_link(mixture: Mixture, batch: Batch) -> None:
    raw = torch.zeros(mixture.shape, dtype=torch.float64, requires_grad=True)
    objective, total = linearized(mixture, raw.sigmoid(), [lambda: mixture.live.loss(batch)[0]] * 2)
    objective.backward()
    loss, _ = mixture.live.loss(batch)
    assert total == pytest.approx(2 * float(loss.detach()))
    torch.testing.assert_close(raw.grad, 2 * mixture.gradient(loss) * 0.25)


def test_a_loss_that_is_not_finite_is_said(mixture: Mixture) -> None:
    coefficients = spread(mixture.shape).requires_grad_()
    with pytest.raises(Infeasible, match="calibration loss is nan"):
        linearized(mixture, coefficients, [lambda: torch.tensor(float("nan"))])


def test_without_changes_there_is_no_gradient(models: ModelSet, batch: Batch) -> None:
    inputs = inputs_of(models, ("c",))
    names = [t.name for t in inputs if t.deltas[0] is None]
    mixture = Mixture(LiveModel(models), inputs, {name: (inputs.load(name).base.numel(),) for name in names})
    assert len(names) > 3
    mixture.write(torch.ones(mixture.shape))
    assert not mixture.gradient(mixture.live.loss(batch)[0]).any()


def test_a_tied_embedding_takes_both_gradients(models: ModelSet, batch: Batch) -> None:
    name = "model.embed_tokens.weight"
    inputs = inputs_of(models, ("a",))
    mixture = Mixture(LiveModel(models), inputs, {name: (inputs.load(name).base.numel(),)})
    assert mixture.live.model.lm_head.weight is mixture.live.parameter(name)
    found = float(mixture.gradient(mixture.live.loss(batch)[0])[0, 0])
    with torch.no_grad():
        step, at = 1e-3, []
        for sign in (1.0, -1.0):
            mixture.write(torch.full((1, 1), sign * step))
            at.append(float(mixture.live.loss(batch)[0]))
    assert found == pytest.approx((at[0] - at[1]) / (2 * step), rel=2e-2)


@settings(max_examples=20)
@given(
    st.integers(1, 40), st.integers(1, 9), st.integers(1, 12), st.integers(0, 1000), st.floats(-2.0, 2.0),
    st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
)  # fmt: skip
def test_kernel_equals_the_formula(
    rows: int, width: int, count: int, seed: int, scale: float, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(rows, width, generator=generator).to(dtype)
    deltas = (torch.randn(rows, width, generator=generator), None, torch.randn(rows, width, generator=generator))
    ends = row_ends((rows, width), count)
    assert ends[-1] == rows * width and all(end % width == 0 for end in ends) and len(set(ends)) == min(rows, count)
    table = torch.randn(len(ends), 3, generator=generator, dtype=torch.float64)
    table[0] = 0.0
    parts = tuple((end, tuple(row.tolist())) for end, row in zip(ends, table, strict=True))
    kernel = learned_kernel(TensorInputs("t", base, ("a", "b", "c"), deltas), parts, scale)
    expected, start = base.double().view(-1), 0
    for end, row in parts:
        for delta, weight in zip(deltas, row, strict=True):
            if delta is not None:
                expected[start:end] += scale * weight * delta.double().view(-1)[start:end]
        start = end
    if kernel is None:
        assert torch.equal(expected, base.double().view(-1))
        return
    for cut in (1, rows * width // 2 + 1):
        found = torch.empty(rows * width)
        for first in range(0, rows * width, cut):
            kernel(slice(first, min(first + cut, rows * width)), found[first : first + cut])
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_kernel_goes_over_blocks() -> None:
    base, delta = torch.randn(300, 700), torch.randn(300, 700)
    parts = tuple((end, (0.1 * index,)) for index, end in enumerate(row_ends((300, 700), 7)))
    kernel = learned_kernel(TensorInputs("t", base, ("a",), (delta,)), parts, 1.0)
    assert kernel is not None
    found = torch.empty(base.numel())
    for span in spans(base.numel()):
        kernel(span, found[span])
    weights = torch.empty(base.numel())
    start = 0
    for end, (weight,) in parts:
        weights[start:end] = weight
        start = end
    torch.testing.assert_close(found, base.view(-1) + weights * delta.view(-1))


def test_kernel_of_a_tensor_without_coefficients_is_the_base() -> None:
    inputs = TensorInputs("t", torch.ones(3), ("a",), (torch.ones(3),))
    assert learned_kernel(inputs, (), 1.0) is None
    assert learned_kernel(inputs, ((3, (1.0,)),), 0.0) is None


def test_coefficients_survive_the_disk(tmp_path: Path) -> None:
    one = Learned(("a", "b"), {"t": ((4, (0.1, 1 / 3)), (8, (2.0, -1e-17)))}, [{"loss": 0.1}], {"thresholds": [0.3]})
    one.save(tmp_path)
    assert Learned.load(tmp_path) == one


def test_dots_are_exact() -> None:
    first = torch.tensor([1e8, 1.0, -1e8]).repeat(400_000)
    half = torch.full_like(first, 0.5)
    assert dots(first, [half, None, half * 2]) == pytest.approx([200_000.0, 0.0, 400_000.0])


@pytest.mark.parametrize(("value", "most"), [(-1.0, 5.0), (float("nan"), 5.0), (float("inf"), float("inf")), (6, 5.0)])
def test_number_refuses(value: float, most: float) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.options\.x.*expected a number"):
        number({"x": value}, "x", 0.0, most)


def test_portions_add_up_to_the_batch(live: LiveModel) -> None:
    examples = [Example("word " * count) for count in (150, 90, 3, 1)]
    (batch,) = batches(examples, live.tokenizer, size=8, max_tokens=1000)
    found = portions(batch)
    assert len(found) == 2 and found[0].mask.shape[0] == 2
    assert sum(float(one.mask.sum()) * one.share for one in found) == pytest.approx(1.0)
    assert sum(int(one.mask.sum()) for one in found) == 5 * (150 + 90 + 3 + 1)
    last = torch.cat([one.mask for one in portions(batch, last=True)])
    assert last.sum(1).tolist() == [1, 1, 1, 1]
    assert last.int().argmax(1).tolist() == [749, 449, 14, 4]


def test_padding_does_not_change_outputs(live: LiveModel) -> None:
    long, short = Example("a long text, longer than the other"), Example("short one")
    (both,) = batches([long, short], live.tokenizer, size=2, max_tokens=64)
    (alone,) = batches([short], live.tokenizer, size=2, max_tokens=64)
    with torch.no_grad():
        (padded,) = portions(both)
        (plain,) = portions(alone)
        outputs, expected = run(live, padded, "all"), run(live, plain, "all")
    assert outputs.hidden is not None and expected.hidden is not None
    assert outputs.hidden.shape == (3, int(padded.mask.sum()), 32)
    torch.testing.assert_close(outputs.logits[-9:], expected.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs.hidden[:, -9:], expected.hidden, rtol=1e-4, atol=1e-5)
    last = run(live, plain, "last").hidden
    assert last is not None and torch.equal(last[0], expected.hidden[-1])


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 30), st.floats(0.3, 4.0))
def test_losses_equal_their_formulas(seed: int, positions: int, width: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    teacher, student = (torch.randn(positions, width, generator=generator) for _ in range(2))
    p, q = (x.double().softmax(-1) for x in (teacher, student))
    assert float(entropy(student)) == pytest.approx(float(-(q * q.log()).sum()), rel=1e-5)
    p, q = ((x.double() / temperature).softmax(-1) for x in (teacher, student))
    expected = temperature**2 * float((p * (p.log() - q.log())).sum())
    assert float(divergence(teacher, student, temperature)) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert float(divergence(teacher, teacher, temperature)) == pytest.approx(0.0, abs=1e-6)
    hidden = teacher.expand(4, positions, width)
    assert float(misalignment(hidden, hidden + 2.0)) == pytest.approx(4.0 * positions)


def test_cycle_takes_turns(live: LiveModel) -> None:
    first, second = ([Example(text * 3) for text in texts] for texts in ("ab", "c"))
    lists = [batches(one, live.tokenizer, size=1, max_tokens=8) for one in (first, second)]
    assert [expert for expert, _ in cycle(lists)] == [0, 1, 0]
