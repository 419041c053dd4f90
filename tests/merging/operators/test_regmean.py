"""RegMean and RegMean++: the closed form, the Gram matrices against plain hooks, and whole merges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from calibrations import calibration_file, readers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import ModelError, RecipeError
from merging.calibration.data import Batch, batches, load_examples
from merging.calibration.gram import Grams, linear_layers
from merging.calibration.model import LiveModel
from merging.calibration.regression import mean_delta, regression
from merging.coefficients import filled_options
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.operators.base import MergeInputs
from merging.recipe import Recipe

PREFIX = "model.layers.1."
Q, UP, DOWN = (f"{PREFIX}{kind}_proj.weight" for kind in ("self_attn.q", "mlp.up", "mlp.down"))


def problem(seed: int, experts: int, rows: int, columns: int, tokens: int) -> tuple[list[Tensor], list[Tensor]]:
    """Random Gram matrices of features of very different size, and task vectors."""
    generator = torch.Generator().manual_seed(seed)
    sizes = 10 ** (4 * torch.rand(columns, generator=generator) - 2)
    inputs = [sizes * torch.randn(tokens, columns, generator=generator) for _ in range(experts)]
    deltas = [torch.randn(rows, columns, generator=generator) for _ in range(experts)]
    return [x.T @ x / tokens for x in inputs], deltas


def formula(grams: Sequence[Tensor], deltas: Sequence[Tensor], factor: float) -> Tensor:
    """Write the method out in float64: shrink, add up, invert."""
    shrunk = [factor * g.double() + (1 - factor) * torch.diag(g.double().diagonal()) for g in grams]
    right = sum(g @ d.double().T for g, d in zip(shrunk, deltas, strict=True))
    return torch.linalg.solve(sum(shrunk), right).T


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 7), st.integers(1, 9), st.sampled_from([0.0, 0.1, 0.9]))
def test_equals_the_formula(seed: int, experts: int, rows: int, columns: int, factor: float) -> None:
    grams, deltas = problem(seed, experts, rows, columns, tokens=50)
    found = regression(grams, deltas, factor)
    torch.testing.assert_close(found.double(), formula(grams, deltas, factor), rtol=1e-4, atol=1e-4)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0]))
def test_invariants(seed: int, experts: int, factor: float) -> None:
    grams, deltas = problem(seed, experts, 4, 6, tokens=40)
    equal = regression([grams[0]] * experts, deltas, factor)
    torch.testing.assert_close(equal, torch.stack(deltas).mean(0), rtol=1e-4, atol=1e-5)
    orthonormal = regression([torch.eye(6)] * experts, deltas, factor)
    torch.testing.assert_close(orthonormal, torch.stack(deltas).mean(0), rtol=1e-4, atol=1e-5)
    assert torch.equal(regression(grams[:1], deltas[:1], factor), deltas[0])
    torch.testing.assert_close(regression(grams, [deltas[0]] * experts, factor), deltas[0])
    swapped = regression(grams[::-1], deltas[::-1], factor)
    torch.testing.assert_close(swapped, regression(grams, deltas, factor), rtol=1e-4, atol=1e-4)
    zero = [deltas[0], *[None] * (experts - 1)]
    written_out = [deltas[0], *[torch.zeros_like(deltas[0])] * (experts - 1)]
    assert torch.equal(regression(grams, zero, factor), regression(grams, written_out, factor))


def test_diagonal_alone_weighs_each_input_feature() -> None:
    grams, deltas = problem(3, 2, 4, 6, tokens=40)
    weights = [g.diagonal() / (grams[0].diagonal() + grams[1].diagonal()) for g in grams]
    expected = weights[0] * deltas[0] + weights[1] * deltas[1]
    torch.testing.assert_close(regression(grams, deltas, 0.0), expected, rtol=1e-4, atol=1e-5)


def test_outputs_on_all_inputs_are_the_closest_possible() -> None:
    """Plain least squares: no other weight has a smaller error over both experts' inputs."""
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(30, 5, generator=generator) for _ in range(2)]
    deltas = [torch.randn(3, 5, generator=generator) for _ in range(2)]
    found = regression([x.T @ x for x in inputs], deltas, 1.0)

    def error(weight: Tensor) -> float:
        return sum(float((x @ (weight - d).T).square().sum()) for x, d in zip(inputs, deltas, strict=True))

    nearby = [found + 1e-2 * torch.randn(found.shape, generator=generator) for _ in range(20)]
    assert error(found) < min(error(weight) for weight in nearby)


def test_directions_that_nobody_takes_keep_the_mean() -> None:
    """With 3 tokens in 8 dimensions the sum is singular: outputs are fitted, the rest stays the mean."""
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(3, 8, generator=generator) for _ in range(2)]
    inputs[0][:, 2] = inputs[1][:, 2] = 0.0
    deltas = [torch.randn(4, 8, generator=generator) for _ in range(2)]
    found = regression([x.T @ x for x in inputs], deltas, 1.0)
    for x, delta in zip(inputs, deltas, strict=True):
        torch.testing.assert_close(x @ found.T, x @ delta.T, rtol=1e-3, atol=1e-3)
    mean = (deltas[0] + deltas[1]) / 2
    torch.testing.assert_close(found[:, 2], mean[:, 2])
    shrunk = regression([x.T @ x for x in inputs], deltas, 0.9)
    torch.testing.assert_close(shrunk[:, 2], mean[:, 2])


def test_experts_whose_tokens_never_reach_a_layer() -> None:
    grams, deltas = problem(5, 2, 4, 6, tokens=40)
    torch.testing.assert_close(regression([grams[0], None], deltas, 0.9), deltas[0], rtol=1e-4, atol=1e-4)
    assert torch.equal(regression([None, None], deltas, 0.9), mean_delta(deltas))
    assert regression(grams, [None, None], 0.9) is None


# Against plain hooks and through the materializer


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


def batches_of(models: ModelSet, calibration: str, expert: str, size: int) -> list[Batch]:
    from transformers import AutoTokenizer

    examples = load_examples(calibration, experts=("a", "b", "c"), limit=128, seed=0)[expert]
    return batches(examples, AutoTokenizer.from_pretrained(models.base.path), size=size, max_tokens=512)


def slow_grams(model: Any, given: Sequence[Batch], names: Sequence[str]) -> dict[str, Tensor]:
    """Run one example at a time, without padding, and average x x^T over tokens, in float64."""
    seen: dict[str, list[Tensor]] = {name: [] for name in names}
    modules = {name: model.get_submodule(name.removesuffix(".weight")) for name in names}
    hooks = [
        module.register_forward_hook(lambda _, x, __, name=name: seen[name].append(x[0][0].detach().double()))
        for name, module in modules.items()
    ]
    with torch.no_grad():
        for one in given:
            model(input_ids=one.input_ids)
    for hook in hooks:
        hook.remove()
    stacked = {name: torch.cat(rows) for name, rows in seen.items()}
    return {name: x.T @ x / len(x) for name, x in stacked.items()}


def survey_of(models: ModelSet, calibration: str, experts: tuple[str, ...], **options: Any) -> dict[str, Any]:
    operator = get_operator("regmean")
    filled = filled_options(operator, {"calibration": calibration, **options})
    inputs = MergeInputs(models.tensor_names(), experts, models.num_blocks, pytest.fail, model_set=models)
    return dict(zip(experts, operator.survey(inputs, filled), strict=True))


def linear_names(models: ModelSet) -> list[str]:
    return [name for name in models.tensor_names() if name.endswith("_proj.weight")]


@pytest.mark.parametrize("size", [1, 8])
def test_statistics_equal_plain_hooks_whatever_is_padded(models: ModelSet, calibration: str, size: int) -> None:
    from transformers import AutoModelForCausalLM

    survey = survey_of(models, calibration, ("a", "b"), batch_size=size)
    for expert, path in (("a", models.experts[0].path), ("b", models.experts[1].path)):
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        slow = slow_grams(model, batches_of(models, calibration, expert, 1), linear_names(models))
        for name, expected in slow.items():
            scale = float(expected.max())
            torch.testing.assert_close(
                survey[expert].tensor(name).double() / scale, expected / scale, atol=1e-5, rtol=0
            )
        for name in models.tensor_names():
            assert (survey[expert].tensor(name) is None) == (name not in slow)


def test_layers_with_one_input_share_one_matrix(models: ModelSet, calibration: str) -> None:
    shared = survey_of(models, calibration, ("a",))["a"].facts["shared"]
    assert shared[f"{PREFIX}self_attn.k_proj.weight"] == shared[f"{PREFIX}self_attn.v_proj.weight"] == Q
    assert shared[UP] == f"{PREFIX}mlp.gate_proj.weight"
    assert DOWN not in shared


def test_embedding_and_head_are_no_linear_layers(models: ModelSet) -> None:
    assert sorted(linear_layers(LiveModel(models))) == linear_names(models)


def test_a_layer_that_sees_part_of_a_padded_batch_is_refused() -> None:
    layer = torch.nn.Linear(4, 4)
    grams = Grams({"w": layer})
    with grams.observing(torch.tensor([[1, 1, 1], [1, 1, 0]])):
        layer(torch.ones(2, 3, 4))
        assert grams.tokens == {"w": 5}
        with pytest.raises(RecipeError, match=r"recipe.options.batch_size: .* 2 of 6 tokens"):
            layer(torch.ones(2, 4))
    with grams.observing(torch.ones(2, 3)):
        layer(torch.ones(2, 4))
    assert grams.tokens == {"w": 7}
    torch.testing.assert_close(grams.mean("w"), torch.ones(4, 4))


def test_a_model_without_linear_layers_is_refused(models: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveModel(models)
    monkeypatch.setattr(live.model, "modules", lambda: iter([torch.nn.Linear(2, 2)]))
    with pytest.raises(ModelError, match=r"without torch.nn.Linear layers"):
        linear_layers(live)


def merge(models: ModelSet, calibration: str, *, resident: bool = True, **fields: Any) -> dict[str, Tensor]:
    options = {"calibration": calibration, **fields.pop("options", {})}
    recipe = Recipe("regmean", fields.pop("experts", ("a", "b")), options=options, **fields)
    return dict(Materializer(models, resident=resident).tensors(recipe))


def slow_merge(models: ModelSet, experts: Sequence[str], grams: dict[str, dict[str, Tensor]], name: str) -> Tensor:
    base = models.base_tensor(name).double()
    deltas = [torch.zeros_like(base) if (d := models.delta(name, e)) is None else d.double() for e in experts]
    if name not in grams[experts[0]]:
        return base + torch.stack(deltas).mean(0)
    return base + formula([grams[e][name] for e in experts], deltas, 0.9)


def test_a_whole_merge_fits_linear_layers_and_averages_the_rest(models: ModelSet, calibration: str) -> None:
    from transformers import AutoModelForCausalLM

    grams = {
        expert: slow_grams(
            AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32),
            batches_of(models, calibration, expert, 1),
            linear_names(models),
        )
        for expert, path in (("a", models.experts[0].path), ("b", models.experts[1].path))
    }
    merged = merge(models, calibration)
    for name in models.tensor_names():
        expected = slow_merge(models, ("a", "b"), grams, name)
        torch.testing.assert_close(merged[name].double(), expected, rtol=2**-7, atol=2e-4)


def test_lambda_scales_the_merge(models: ModelSet, calibration: str, same: Any) -> None:
    half, whole = (merge(models, calibration, coefficients={"lambda": [x]}) for x in (0.5, 1.0))
    base = models.base_tensor(DOWN).float()
    torch.testing.assert_close(2 * (half[DOWN] - base), whole[DOWN] - base, rtol=0.0, atol=2e-3)
    nothing = merge(models, calibration, coefficients={"lambda": [0.0]})
    assert same(nothing, {name: models.base_tensor(name) for name in models.tensor_names()})


@pytest.mark.parametrize("sequential", [False, True])
def test_streamed_equals_resident_and_the_order_means_nothing(
    models: ModelSet, calibration: str, same: Any, sequential: bool
) -> None:
    options = {"sequential": sequential}
    resident = merge(models, calibration, experts=("a", "c"), options=options)
    assert same(resident, merge(models, calibration, experts=("c", "a"), options=options, resident=False))


def test_sequential_uses_the_blocks_merged_so_far(models: ModelSet, calibration: str) -> None:
    """Rebuild the model for every block and expert, merged below and the expert's own in that block."""
    from transformers import AutoModelForCausalLM

    experts = ("a", "b", "c")
    model = AutoModelForCausalLM.from_pretrained(models.base.path, dtype=torch.float32)
    live = dict(model.named_parameters())
    expected: dict[str, Tensor] = {}

    def write(name: str, value: Tensor) -> None:
        with torch.no_grad():
            live[name].copy_(value)

    for name in (n for n in models.tensor_names() if ".layers." not in n):
        expected[name] = slow_merge(models, experts, {"a": {}}, name)
        write(name, expected[name])
    for block in range(models.num_blocks):
        names = [n for n in models.tensor_names() if f".layers.{block}." in n]
        grams: dict[str, dict[str, Tensor]] = {}
        for expert in experts:
            for name in names:
                delta = models.delta(name, expert)
                write(name, models.base_tensor(name).float() + (0.0 if delta is None else delta))
            linear = [n for n in names if n.endswith("_proj.weight")]
            grams[expert] = slow_grams(model, batches_of(models, calibration, expert, 1), linear)
        for name in names:
            expected[name] = slow_merge(models, experts, grams, name)
            write(name, expected[name])
    merged = merge(models, calibration, experts=experts, options={"sequential": True})
    plain = merge(models, calibration, experts=experts)
    for name, value in expected.items():
        torch.testing.assert_close(merged[name].double(), value, rtol=2**-7, atol=2e-4)
    last = f"model.layers.{models.num_blocks - 1}.mlp.down_proj.weight"
    assert not torch.allclose(plain[last].double(), expected[last], rtol=2**-7, atol=2e-4)


def test_bad_options(models: ModelSet, calibration: str) -> None:
    for value in (-0.1, 1.1):
        with pytest.raises(RecipeError, match=r"recipe.options.off_diagonal"):
            merge(models, calibration, options={"off_diagonal": value})
    with pytest.raises(RecipeError, match=r"recipe.options.calibration"):
        merge(models, "")
