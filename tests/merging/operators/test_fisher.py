"""Fisher merging: its formula, its statistics against plain autograd, and a whole merge."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calibrations import LINES, calibration_file, readers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible, ModelError, RecipeError
from merging.calibration.data import IGNORED, Batch, batches, load_examples
from merging.calibration.model import LiveModel
from merging.calibration.statistics import _draw
from merging.coefficients import filled_options
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.operators.base import MergeInputs, Prepared, TensorInputs, Values
from merging.recipe import Recipe
from merging.streams import uniforms

EMBEDDING, DOWN = "model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight"


@dataclass
class Given:
    """Statistics of one expert on one tensor, in place of those that a survey stores."""

    fisher: Tensor | None
    norm: float = 1.0

    @property
    def facts(self) -> dict[str, Any]:
        return {"norm": self.norm}

    def tensor(self, name: str) -> Tensor | None:
        return self.fisher


def merged_by(
    base: Tensor,
    deltas: Sequence[Tensor | None],
    fishers: Sequence[Tensor | None],
    weights: Sequence[float],
    scale: float = 1.0,
    norms: Sequence[float] | None = None,
    **options: Any,
) -> Tensor:
    operator = get_operator("fisher")
    inputs = TensorInputs("t", base, tuple("abcd"[: len(deltas)]), tuple(deltas))
    survey = tuple(Given(f, n) for f, n in zip(fishers, norms or [1.0] * len(deltas), strict=True))
    filled = filled_options(operator, options)
    prepared = Prepared(inputs, filled, operator.prepare(inputs, filled, survey))
    return operator.apply(prepared, Values({"weight": tuple(weights)}, {"lambda": scale}))


def draws(seed: int, shape: tuple[int, ...], experts: int) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    deltas = [torch.randn(shape, generator=generator) for _ in range(experts)]
    return deltas, [torch.rand(shape, generator=generator) ** 4 for _ in range(experts)]


@settings(max_examples=20)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(7,), (3, 5), (40_000,), (2, 3, 4)]),
    st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4),
    st.floats(0.1, 1.8),
)
def test_equals_the_formula(
    seed: int, shape: tuple[int, ...], dtype: torch.dtype, weights: list[float], scale: float
) -> None:
    deltas, fishers = draws(seed, shape, len(weights))
    base = torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1)).to(dtype)
    top = sum(w * f.double() * (base.double() + d.double()) for w, f, d in zip(weights, fishers, deltas, strict=True))
    mean = top / sum(w * f.double() for w, f in zip(weights, fishers, strict=True))
    expected = base.double() + scale * (mean - base.double())
    found = merged_by(base, deltas, fishers, weights, scale, floor=0.0)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_invariants(seed: int, experts: int) -> None:
    deltas, fishers = draws(seed, (6, 5), experts)
    base, ones = torch.zeros(6, 5), [1.0] * experts
    equal = merged_by(base, deltas, [fishers[0]] * experts, ones)
    torch.testing.assert_close(equal, torch.stack(deltas).mean(0))
    huge = [fishers[0].clamp_min(1e-3) * 1e9, *fishers[1:]]
    torch.testing.assert_close(merged_by(base, deltas, huge, ones), deltas[0], rtol=1e-4, atol=1e-4)
    assert torch.equal(merged_by(base, deltas, fishers, ones, scale=0.0), base)
    swapped = merged_by(base, deltas[::-1], fishers[::-1], ones)
    torch.testing.assert_close(swapped, merged_by(base, deltas, fishers, ones))
    same = merged_by(base, deltas, fishers, [0.5] * experts)
    torch.testing.assert_close(same, merged_by(base, deltas, fishers, ones))


def test_elements_that_matter_to_nobody_are_averaged() -> None:
    deltas = [torch.tensor([2.0, 2.0, 1e-4]), torch.tensor([4.0, 4.0, 3e-4])]
    fishers = [torch.tensor([0.0, 1.0, 0.0]), torch.zeros(3)]
    for floor in (0.0, 1e-10):
        found = merged_by(torch.zeros(3), deltas, fishers, [1.0, 3.0], floor=floor)
        torch.testing.assert_close(found, torch.tensor([3.5, 2.0, 2.5e-4]), rtol=1e-5, atol=1e-8)


def test_an_expert_without_a_change_still_counts() -> None:
    ones = torch.ones(3)
    assert torch.equal(merged_by(ones, [ones, None], [ones, ones], [1.0, 1.0]), torch.full((3,), 1.5))
    assert torch.equal(
        merged_by(ones, [ones, None], [ones, ones], [1.0, 1.0]),
        merged_by(ones, [ones, 0 * ones], [ones, ones], [1.0, 1.0]),
    )
    base = torch.randn(3).bfloat16()
    assert torch.equal(merged_by(base, [None, None], [ones, ones], [1.0, 1.0]), base.float())


def test_normalize_divides_by_each_norm() -> None:
    deltas, fishers = draws(1, (5,), 2)
    base = torch.zeros(5)
    found = merged_by(base, deltas, fishers, [1.0, 1.0], norms=[2.0, 0.5], normalize=True)
    by_hand = merged_by(base, deltas, [fishers[0] / 2, fishers[1] * 2], [1.0, 1.0])
    torch.testing.assert_close(found, by_hand)
    assert not torch.allclose(found, merged_by(base, deltas, fishers, [1.0, 1.0], norms=[2.0, 0.5]))


def test_a_tensor_without_gradient_is_averaged() -> None:
    deltas, _ = draws(1, (5,), 2)
    found = merged_by(torch.zeros(5), deltas, [None, None], [1.0, 1.0])
    torch.testing.assert_close(found, (deltas[0] + deltas[1]) / 2)


def test_weights_that_sum_to_zero_are_infeasible() -> None:
    with pytest.raises(Infeasible, match="sum to zero"):
        merged_by(torch.zeros(3), [torch.ones(3)], [torch.ones(3)], [0.0])


def test_draws_invert_the_distribution_function() -> None:
    logits = torch.tensor([[0.0, np.log(2.0), -torch.inf, np.log(5.0)]]).expand(8, 4)
    positions = torch.tensor([0.0, 0.124, 0.126, 0.374, 0.376, 0.9, 0.99, 1 - 2.0**-53], dtype=torch.float64)
    assert _draw(logits, positions).tolist() == [0, 0, 1, 1, 3, 3, 3, 3]


# Against plain autograd and through the materializer


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> ModelSet:
    return readers(tmp_path_factory.mktemp("readers"), tiny_llama, make_lora)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(calibration_file(tmp_path_factory.mktemp("data") / "examples.jsonl"))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("cache")
        patch.setenv("EVOMERGE_CACHE", str(directory))
        yield directory


def slow_fisher(models: ModelSet, path: str, expert: str, labels: str, seed: int) -> dict[str, Tensor]:
    """Square the gradient of each example's log-likelihood, one after the other, in float64."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found = {e.name: e.path for e in models.experts}[expert]
    model = AutoModelForCausalLM.from_pretrained(found, dtype=torch.float64).eval()
    tokenizer = AutoTokenizer.from_pretrained(models.base.path)
    examples = load_examples(path, experts=("a", "b"), limit=128, seed=seed)[expert]
    totals = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for one in batches(examples, tokenizer, size=1, max_tokens=512):
        model.zero_grad()
        log_p = model(input_ids=one.input_ids).logits[0].log_softmax(-1)
        likelihood = torch.zeros((), dtype=torch.float64)
        places = [t for t in range(1, one.labels.shape[1]) if one.labels[0, t] != IGNORED]
        digest = hashlib.sha256(one.input_ids.numpy().tobytes()).hexdigest()
        chance = uniforms(seed, "fisher", expert, digest, count=len(places))
        for number, place in enumerate(places):
            row = log_p[place - 1]
            if labels == "data":
                token = int(one.input_ids[0, place])
            elif labels == "sampled":
                token = int(np.searchsorted(row.detach().exp().cumsum(-1).numpy(), chance[number], side="right"))
            else:
                if number < len(places) - 1:
                    continue
                token = int(row.argmax())
            likelihood = likelihood + row[token]
        likelihood.backward()
        for name, parameter in model.named_parameters():
            totals[name] += parameter.grad**2
    return {name: total / len(examples) for name, total in totals.items()}


@pytest.mark.parametrize("labels", ["sampled", "argmax", "data"])
def test_statistics_equal_plain_autograd(models: ModelSet, calibration: str, labels: str) -> None:
    operator = get_operator("fisher")
    options = filled_options(operator, {"calibration": calibration, "labels": labels})
    names = models.tensor_names()
    inputs = MergeInputs(names, ("a", "b"), models.num_blocks, pytest.fail, seed=3, model_set=models)
    survey = operator.survey(inputs, options)
    for expert, stored in zip(("a", "b"), survey, strict=True):
        slow = slow_fisher(models, calibration, expert, labels, seed=3)
        assert set(slow) == set(models.tensor_names())
        for name, expected in slow.items():
            found = stored.tensor(name)
            scale = float(expected.max())
            torch.testing.assert_close(found.double() / scale, expected / scale, rtol=1e-2, atol=1e-5)
        norm = torch.cat([t.flatten() for t in slow.values()]).norm()
        assert stored.facts["norm"] == pytest.approx(float(norm), rel=1e-3)


def test_sampled_labels_estimate_the_exact_expectation(models: ModelSet) -> None:
    """The Fisher matrix by enumeration of all 260 tokens, against the mean over draws."""
    live = LiveModel(models)
    live.write_expert("a")
    name = "model.norm.weight"
    ids = live.tokenizer("2+", return_tensors="pt")["input_ids"]
    ones = torch.ones_like(ids)
    live.require_gradients([name])
    log_p = live.logits(Batch(ids, ones, ids))[0, 0].log_softmax(-1)
    gradients = torch.stack(
        [torch.autograd.grad(one, live.parameter(name), retain_graph=True)[0] for one in log_p.unbind()]
    )
    exact = (log_p.detach().exp()[:, None] * gradients**2).sum(0)
    tokens = _draw(log_p.detach().expand(4000, -1), torch.from_numpy(uniforms(0, "x", count=4000)))
    estimate = (gradients[tokens] ** 2).mean(0)
    torch.testing.assert_close(estimate, exact, rtol=0.2, atol=0.0)


def merge(models: ModelSet, calibration: str, *, resident: bool = True, **fields: Any) -> dict[str, Tensor]:
    options = {"calibration": calibration, **fields.pop("options", {})}
    recipe = Recipe("fisher", fields.pop("experts", ("a", "b")), options=options, **fields)
    return dict(Materializer(models, resident=resident).tensors(recipe))


def test_an_engine_that_writes_without_gradients_gets_the_same_merge(
    models: ModelSet, calibration: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = []
    for grad in (False, True):
        monkeypatch.setenv("EVOMERGE_CACHE", str(tmp_path / str(grad)))
        with torch.set_grad_enabled(grad):
            merged.append(merge(models, calibration, options={"labels": "data"}))
    assert all(torch.equal(merged[0][name], other) for name, other in merged[1].items())


def test_a_whole_merge_is_the_weighted_mean(models: ModelSet, calibration: str) -> None:
    merged = merge(models, calibration, coefficients={"weight": {"a": [0.3]}}, options={"labels": "data", "floor": 0.0})
    slow = [slow_fisher(models, calibration, expert, "data", 0) for expert in "ab"]
    for name in (DOWN, EMBEDDING):
        base = models.base_tensor(name).double()
        experts = [base if (d := models.delta(name, e)) is None else base + d for e in "ab"]
        weights = [0.3 * slow[0][name].clamp_min(1e-24), slow[1][name].clamp_min(1e-24)]
        expected = (weights[0] * experts[0] + weights[1] * experts[1]) / (weights[0] + weights[1])
        torch.testing.assert_close(merged[name].double(), expected, rtol=2**-6, atol=1e-4)


def test_a_streamed_merge_equals_a_resident_one_and_the_order_means_nothing(
    models: ModelSet, calibration: str, same: Any
) -> None:
    resident = merge(models, calibration, experts=("a", "c"), granularity="layer")
    assert same(resident, merge(models, calibration, experts=("c", "a"), granularity="layer", resident=False))
    assert resident.keys() == set(models.tensor_names())
    assert all(resident[n].dtype == models.base_tensor(n).dtype for n in resident)


def test_statistics_are_computed_once_per_expert(
    models: ModelSet, calibration: str, monkeypatch: pytest.MonkeyPatch, same: Any
) -> None:
    first = merge(models, calibration, seed=9)
    merge(models, calibration, experts=("b", "c"), seed=9)
    monkeypatch.setattr(LiveModel, "__init__", lambda *_, **__: pytest.fail("a model was loaded"))
    assert same(first, merge(models, calibration, seed=9))
    merge(models, calibration, experts=("a", "c"), seed=9, options={"normalize": True})


def test_errors(models: ModelSet, calibration: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe.options.calibration: this operator needs examples"):
        merge(models, "")
    with pytest.raises(RecipeError, match=r"no example for the expert 'c'"):
        merge(models, str(calibration_file(tmp_path / "x.jsonl", LINES[:5])), experts=("a", "c"))
    for floor in (-1.0, float("inf")):
        with pytest.raises(RecipeError, match=r"recipe.options.floor"):
            merge(models, calibration, options={"floor": floor})
    inputs = TensorInputs("t", torch.zeros(2), ("a",), (torch.ones(2),))
    operator = get_operator("fisher")
    with pytest.raises(RecipeError, match="found tensors alone"):
        operator.survey(MergeInputs.of([inputs]), filled_options(operator, {"calibration": calibration}))


def test_an_expert_that_overflows_is_named(models: ModelSet, calibration: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write = LiveModel.write_expert

    def overflow(self: LiveModel, expert: str) -> None:
        write(self, expert)
        self.write("model.norm.weight", torch.full_like(self.parameter("model.norm.weight"), torch.nan))

    monkeypatch.setattr(LiveModel, "write_expert", overflow)
    with pytest.raises(ModelError, match=r"model a: its statistics of .* are not finite"):
        merge(models, calibration, seed=77)
