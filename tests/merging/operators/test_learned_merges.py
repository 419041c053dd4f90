"""What holds for every operator that learns coefficients from data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from calibrations import LINES, calibration_file, readers
from learning import inputs_of, survey_of, with_experts

from evomerge.errors import RecipeError
from merging.calibration import coefficients
from merging.coefficients import filled_options
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.operators.base import MergeInputs
from merging.recipe import Recipe

STEPS = {"adamerging": "steps", "expert_merging": "epochs", "fw_merging": "iterations"}
INIT = {"adamerging": 0.3, "expert_merging": 0.1, "fw_merging": 0.3}
METHODS = sorted(STEPS)
LABELLED = [line for line in LINES if "completion" in line]


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


def few(method: str) -> dict[str, Any]:
    """Options of a survey that really moves the coefficients, quickly."""
    return {STEPS[method]: 2} | ({"learning_rate": 0.05} if method == "adamerging" else {})


def merged(models: ModelSet, method: str, data: Path, *, resident: bool = True, **fields: Any) -> dict[str, Any]:
    options = {"calibration": str(data), **fields.pop("options", {})}
    recipe = Recipe(method, fields.pop("experts", ("a", "c")), options=options, **fields)
    return {n: t.clone() for n, t in Materializer(models, resident=resident).tensors(recipe)}


@pytest.mark.parametrize("method", METHODS)
def test_no_steps_are_task_arithmetic(models: ModelSet, data: Path, method: str) -> None:
    everything = {"tensors": "all"} if method == "expert_merging" else {}
    found = merged(models, method, data, options={STEPS[method]: 0, **everything})
    weights = {"weight": {"a": (INIT[method],), "c": (INIT[method],)}}
    expected = dict(Materializer(models).tensors(Recipe("task_arithmetic", ("a", "c"), coefficients=weights)))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("method", METHODS)
def test_streamed_equals_resident_and_order_does_not_matter(models: ModelSet, data: Path, method: str) -> None:
    options = few(method)
    found = merged(models, method, data, options=options)
    assert any(not torch.equal(found[name], models.base_tensor(name)) for name in found)
    for other in (
        merged(models, method, data, options=options, resident=False),
        merged(models, method, data, options=options, experts=("c", "a")),
    ):
        assert all(torch.equal(found[name], other[name]) for name in found)


@pytest.mark.parametrize("method", METHODS)
def test_lambda_scales_what_was_learned(models: ModelSet, data: Path, method: str) -> None:
    learned = survey_of(method, models, ("a", "c"), data, **few(method))
    operator = get_operator(method)
    doubled = merged(models, method, data, options=few(method), coefficients={"lambda": (1.5,)})
    nothing = merged(models, method, data, options=few(method), coefficients={"lambda": (0.0,)})
    for tensor in inputs_of(models, ("a", "c")):
        assert torch.equal(nothing[tensor.name], tensor.base)
        expected = tensor.base.double()
        for (_, row), *rest in [learned.tensors.get(tensor.name, ((0, (0.0, 0.0)),))]:
            assert not rest
            for delta, weight in zip(tensor.deltas, row, strict=True):
                if delta is not None:
                    expected += 1.5 * weight * delta.double()
        torch.testing.assert_close(doubled[tensor.name].double(), expected, rtol=1e-2, atol=1e-3)
    assert operator.linear_flag == "LIN"


@pytest.mark.parametrize("method", METHODS)
def test_experts_that_are_the_base_leave_it(models: ModelSet, tmp_path: Path, data: Path, method: str) -> None:
    copies = with_experts(models, tmp_path / "copies", {"a": {}, "c": {}})
    for name, tensor in merged(copies, method, data, options=few(method)).items():
        assert torch.equal(tensor, models.base_tensor(name))


@pytest.mark.parametrize("method", METHODS)
def test_zeros_are_no_change(models: ModelSet, data: Path, method: str) -> None:
    """Task vectors that are None and task vectors of zeros teach the same."""
    inputs = inputs_of(models, ("a", "c"))
    operator, calls = get_operator(method), []

    def filled(name: str) -> Any:
        tensor = inputs.load(name)
        calls.append(name)
        zeros = tuple(torch.zeros(tensor.base.shape) if d is None else d for d in tensor.deltas)
        return type(tensor)(name, tensor.base, tensor.models, zeros, tensor.seed, config=tensor.config)

    first = survey_of(method, models, ("a", "c"), data, **few(method))
    options = filled_options(operator, {"calibration": str(data), **few(method), "samples": 99})
    again = operator.survey(
        MergeInputs(inputs.names, inputs.models, inputs.num_blocks, filled, 0, inputs.model_set), options
    )
    assert calls
    for name, parts in first.tensors.items():
        for (end, row), (other_end, other) in zip(parts, again.tensors[name], strict=True):
            assert end == other_end and row == pytest.approx(other, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_coefficients_are_kept(
    models: ModelSet, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    first = survey_of(method, models, ("a", "c"), data, **few(method))
    (stored,) = (tmp_path / "cache" / f"{method}-1").glob("*/coefficients.json")
    assert '"history"' in stored.read_text()
    loads = []
    live = coefficients.LiveModel.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        loads.append(method)
        live(self, *args, **kwargs)

    monkeypatch.setattr(coefficients.LiveModel, "__init__", counted)
    moved = calibration_file(tmp_path / "elsewhere.jsonl", LABELLED)
    assert survey_of(method, models, ("a", "c"), moved, **few(method)) == first
    assert not loads
    lines = [line | {"prompt": line["prompt"] + "now"} for line in LABELLED]
    changed = survey_of(method, models, ("a", "c"), calibration_file(data, lines), **few(method))
    assert loads == [method] and changed.history != first.history
    survey_of(method, models, ("a", "b"), data, **few(method))
    assert len(loads) == 2


@pytest.mark.parametrize("method", METHODS)
def test_learning_is_reproducible(
    models: ModelSet, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    first = survey_of(method, models, ("a", "b"), data, **few(method))
    monkeypatch.setenv("EVOMERGE_CACHE", str(tmp_path / "other"))
    torch.manual_seed(99)
    assert survey_of(method, models, ("a", "b"), data, **few(method)) == first


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"calibration": ""}, "calibration"),
        ({"calibration": "/nowhere.jsonl"}, "calibration"),
        ({"samples": 0}, "samples"),
        ({"COUNT": -1}, "COUNT"),
    ],
)
def test_errors(models: ModelSet, data: Path, method: str, options: dict[str, Any], field: str) -> None:
    named = {STEPS[method] if key == "COUNT" else key: value for key, value in options.items()}
    field = STEPS[method] if field == "COUNT" else field
    with pytest.raises(RecipeError, match=rf"recipe\.options\.{field}"):
        merged(models, method, data, options=named)


@pytest.mark.parametrize("method", METHODS)
def test_bare_tensors_are_refused(data: Path, method: str, models: ModelSet) -> None:
    operator = get_operator(method)
    inputs = MergeInputs.of([inputs_of(models, ("a",)).load("model.norm.weight")])
    with pytest.raises(RecipeError, match="runs the models"):
        operator.survey(inputs, filled_options(operator, {"calibration": str(data)}))
