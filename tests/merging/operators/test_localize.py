"""Localize-and-Stitch: selection, stitching, and masks learned as a plain training loop learns them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from calibrations import LINES, calibration_file, readers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merges import merge, prepared_by
from merging.calibration.data import IGNORED, batches, load_examples
from merging.calibration.model import LiveModel
from merging.coefficients import filled_options
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.operators.base import MergeInputs, TensorInputs, Values
from merging.recipe import Recipe

NAME = "localize_and_stitch"
DOWN, EMBEDDING = "model.layers.1.mlp.down_proj.weight", "model.embed_tokens.weight"


def slow(base: Tensor, deltas: Sequence[Tensor], densities: Sequence[float], scale: float) -> Tensor:
    """Write the method out in float64 on one flattened vector."""
    masks = []
    for delta, density in zip(deltas, densities, strict=True):
        kept = max(1, int(density * delta.numel()))
        threshold = delta.abs().flatten().sort(descending=True).values[kept - 1]
        masks.append((delta.abs() >= threshold) & (delta != 0))
    count = torch.stack(masks).sum(0).clamp_min(1)
    merged = sum(mask * delta.double() for mask, delta in zip(masks, deltas, strict=True))
    return base.double() + scale * merged / count


@settings(max_examples=15)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(7,), (3, 5), (40_000,), (2, 3, 4)]),
    st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    st.lists(st.floats(0.001, 1.0), min_size=1, max_size=4),
    st.booleans(),
)
def test_equals_the_written_out_method(
    seed: int, shape: tuple[int, ...], dtype: torch.dtype, densities: list[float], once: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(shape, generator=generator).to(dtype)
    # Rounded, so that there are ties, and zeros among them.
    deltas = [torch.randn(shape, generator=generator).mul(8).round().div(8) for _ in densities]
    found = merge(NAME, base, deltas, density=densities, lam=0.7, once=once)
    torch.testing.assert_close(found.double(), slow(base, deltas, densities, 0.7), rtol=1e-5, atol=1e-5)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.01, 1.0))
def test_invariants(seed: int, density: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    base, first, second = torch.randn(3, 6, 5, generator=generator)
    both = merge(NAME, base, [first, second], density=[density, density])
    swapped = merge(NAME, base, [second, first], density=[density, density])
    torch.testing.assert_close(swapped, both)
    assert torch.equal(merge(NAME, base, [first], density=[1.0]), base + first)
    assert torch.equal(
        merge(NAME, base, [first, first], density=[density, density]), merge(NAME, base, [first], density=[density])
    )
    assert torch.equal(merge(NAME, base, [first, second], lam=0.0), base)
    assert torch.equal(merge(NAME, base, [None, None]), base)
    nothing = merge(NAME, base, [first, None], density=[density, density])
    assert torch.equal(nothing, merge(NAME, base, [first, 0 * first], density=[density, density]))
    changed = (both - base).ne(0).sum()
    assert int(changed) <= 2 * max(1, int(density * 30))


def test_overlap_is_counted_over_all_experts_and_zeros_are_no_overlap() -> None:
    base = torch.zeros(4)
    deltas = [torch.tensor(d) for d in ([3.0, 1.0, 0.0, 0.0], [6.0, 0.0, 2.0, 0.0], [9.0, 3.0, 0.0, 0.0])]
    found = merge(NAME, base, deltas, density=[1.0, 1.0, 1.0])
    assert torch.equal(found, torch.tensor([6.0, 2.0, 2.0, 0.0]))


@pytest.mark.parametrize("once", [False, True])
def test_the_population_is_the_whole_model(once: bool) -> None:
    big, small = torch.tensor([5.0, 4.0, 3.0]), torch.tensor([1.0, 2.0, 0.5])
    values = Values({"density": (0.5,)}, {"lambda": 1.0})
    inputs = [
        TensorInputs(name, torch.zeros(3), ("a",), (delta,), values=values if once else None)
        for name, delta in (("x", big), ("y", small))
    ]
    operator = get_operator(NAME)
    prepared = prepared_by(operator, inputs, filled_options(operator, {}))
    assert torch.equal(operator.apply(prepared["x"], values), big)
    assert torch.equal(operator.apply(prepared["y"], values), torch.zeros(3))


# Learned masks


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
        patch.setenv("EVOMERGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


SETTINGS: dict[str, Any] = {
    "masks": "learned", "initial_density": 0.2, "initial_logit": 1.0, "learning_rate": 1e5, "steps": 3,
    "regularizer_strength": 0.3,
}  # fmt: skip


def merged(models: ModelSet, calibration: str, *, resident: bool = True, **fields: Any) -> dict[str, Tensor]:
    options = {"calibration": calibration, **fields.pop("options", {})}
    recipe = Recipe(NAME, fields.pop("experts", ("a", "b")), options=options, **fields)
    return dict(Materializer(models, resident=resident).tensors(recipe))


def inputs_of(models: ModelSet, experts: tuple[str, ...]) -> MergeInputs:
    def load(name: str) -> TensorInputs:
        deltas = tuple(models.delta(name, expert) for expert in experts)
        return TensorInputs(name, models.base_tensor(name), experts, deltas)

    return MergeInputs(models.tensor_names(), experts, models.num_blocks, load, model_set=models)


def slow_masks(models: ModelSet, path: str, expert: str, regularizer: str) -> dict[str, Tensor]:
    """Train the logits with autograd through sigmoid(S) and plain gradient descent."""
    from torch.func import functional_call
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(models.base.path, dtype=torch.float64).eval()
    examples = load_examples(path, experts=("a", "b"), limit=128, seed=0)[expert]
    given = batches(examples, AutoTokenizer.from_pretrained(models.base.path), size=1, max_tokens=512)
    base = {name: models.base_tensor(name).double() for name in models.tensor_names()}
    deltas = {name: d.double() for name in base if (d := models.delta(name, expert)) is not None}
    total = sum(b.numel() for b in base.values())
    ranked = torch.cat([d.abs().flatten() for d in deltas.values()]).sort(descending=True).values
    threshold = ranked[int(SETTINGS["initial_density"] * total) - 1]
    start = SETTINGS["initial_logit"]
    logits = {n: torch.where(d.abs() >= threshold, start, -start).double() for n, d in deltas.items()}
    for _ in range(SETTINGS["steps"]):
        for logit in logits.values():
            logit.requires_grad_()
        weights = {n: b + torch.sigmoid(logits[n]) * deltas[n] if n in deltas else b for n, b in base.items()}
        loss, count = torch.zeros((), dtype=torch.float64), 0
        for one in given:
            log_p = functional_call(model, weights, kwargs={"input_ids": one.input_ids}).logits[0].log_softmax(-1)
            for place in range(1, one.labels.shape[1]):
                if one.labels[0, place] != IGNORED:
                    loss, count = loss - log_p[place - 1, one.labels[0, place]], count + 1
        size = sum(torch.sigmoid(s).sum() for s in logits.values())
        if regularizer == "literal":
            size = -sum((torch.sigmoid(s) * s.detach().sign()).sum() for s in logits.values())
        objective = SETTINGS["learning_rate"] * loss / count + SETTINGS["regularizer_strength"] * size
        gradients = torch.autograd.grad(objective, list(logits.values()))
        logits = {n: (s - g).detach() for (n, s), g in zip(logits.items(), gradients, strict=True)}
    return {n: (logits[n] > 0) & (deltas[n] != 0) for n in logits}


@pytest.mark.parametrize("regularizer", ["paper", "literal"])
def test_learned_masks_equal_a_plain_training_loop(models: ModelSet, calibration: str, regularizer: str) -> None:
    operator = get_operator(NAME)
    options = filled_options(operator, {"calibration": calibration, "regularizer": regularizer, **SETTINGS})
    survey = operator.survey(inputs_of(models, ("a", "b")), options)
    for expert, stored in zip("ab", survey, strict=True):
        expected = slow_masks(models, calibration, expert, regularizer)
        size = sum(mask.numel() for mask in expected.values())
        started = int(SETTINGS["initial_density"] * size)
        differing = sum(int((stored.tensor(n).bool() != mask).sum()) for n, mask in expected.items())
        kept = sum(int(mask.sum()) for mask in expected.values())
        # Logits that end up at zero to the last digits may round either way.
        assert differing <= 1e-4 * size
        assert abs(kept - started) > 1e-2 * started


def test_learned_masks_are_stitched(models: ModelSet, calibration: str) -> None:
    found = merged(models, calibration, options=SETTINGS)
    masks = {expert: slow_masks(models, calibration, expert, "paper") for expert in "ab"}
    deltas = {expert: models.delta(DOWN, expert) for expert in "ab"}
    count = (masks["a"][DOWN].int() + masks["b"][DOWN].int()).clamp_min(1)
    total = sum(masks[e][DOWN] * deltas[e] for e in "ab")
    expected = models.base_tensor(DOWN).float() + total / count
    close = torch.isclose(found[DOWN].float(), expected, rtol=2**-7, atol=1e-4)
    assert close.float().mean() > 0.999


def test_streamed_equals_resident_and_the_order_means_nothing(models: ModelSet, calibration: str, same: Any) -> None:
    for options in ({}, SETTINGS):
        resident = merged(models, calibration, experts=("a", "c"), options=options)
        assert same(resident, merged(models, calibration, experts=("c", "a"), options=options, resident=False))
    by_layer = {"granularity": "layer", "coefficients": {"density": {"a": [0.1, 0.2, 0.3]}}}
    assert same(merged(models, "", **by_layer), merged(models, "", resident=False, **by_layer))


def test_everything_may_start_inside(models: ModelSet, calibration: str, same: Any) -> None:
    options = SETTINGS | {"initial_density": 1.0, "learning_rate": 1e-9, "regularizer_strength": 0.0}
    found = merged(models, calibration, options=options, experts=("a",))
    assert same(found, merged(models, "", coefficients={"density": {"a": [1.0]}}, experts=("a",)))


def test_masks_are_learned_once(models: ModelSet, calibration: str, monkeypatch: pytest.MonkeyPatch, same: Any) -> None:
    first = merged(models, calibration, options=SETTINGS)
    monkeypatch.setattr(LiveModel, "__init__", lambda *_, **__: pytest.fail("a model was loaded"))
    assert same(first, merged(models, calibration, options=SETTINGS))


def test_errors(models: ModelSet, calibration: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("initial_density", 0.0), ("initial_logit", -1.0), ("learning_rate", float("inf")), ("steps", 0),
        ("regularizer_strength", -1.0), ("calibration", ""),
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=rf"recipe.options.{name}"):
            merged(models, calibration, options={**SETTINGS, name: value})
    with pytest.raises(RecipeError, match=r"recipe.coefficients.density"):
        merged(models, calibration, options=SETTINGS, coefficients={"density": {"a": [0.3]}})
    unlabelled = calibration_file(tmp_path / "x.jsonl", [*LINES, {"text": "no answer"}])
    with pytest.raises(RecipeError, match=r"x.jsonl:7 has no completion"):
        merged(models, str(unlabelled), options=SETTINGS)
    with pytest.raises(RecipeError, match=r"learned mask of the expert 'a' is empty"):
        merged(models, calibration, options={**SETTINGS, "regularizer_strength": 1e6})
    loss = LiveModel.loss
    monkeypatch.setattr(LiveModel, "loss", lambda live, batch: (loss(live, batch)[0] * torch.nan, 1))
    with pytest.raises(RecipeError, match=r"mask logits of the expert 'a' are not finite"):
        merged(models, calibration, options=SETTINGS, seed=8)
