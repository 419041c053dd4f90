"""FRANK: the closed form in float64, its prior, and the measured decay."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merges import prepared_by
from merging.coefficients import filled_options
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.operators.base import MergeInputs, Prepared, TensorInputs, Values
from merging.operators.frank import fitted_decay, priors, shares
from merging.recipe import Recipe

BLOCKS = 3
NAMES = [f"model.layers.{block}.{part}" for block in range(BLOCKS) for part in ("mlp.up_proj.weight", "norm.weight")]
OUTSIDE = ["model.embed_tokens.weight", "model.norm.weight", "vision_tower.layers.0.weight"]


def tensors_of(seed: int, dtype: torch.dtype = torch.float32, missing: bool = False) -> list[TensorInputs]:
    generator = torch.Generator().manual_seed(seed)
    found = []
    for index, name in enumerate(NAMES + OUTSIDE):
        shape = (4, 3) if index % 2 == 0 else (5,)
        base = torch.randn(shape, generator=generator).to(dtype)
        deltas: list[Tensor | None] = [torch.randn(shape, generator=generator) * (index + 1) for _ in range(2)]
        if missing and index % 3 == 0:
            deltas[index % 2] = None
        found.append(TensorInputs(name, base, ("v", "r"), tuple(deltas)))
    return found


def merged(
    tensors: Sequence[TensorInputs], decay: float = 0.0, scale: float = 1.0, **options: Any
) -> dict[str, Tensor]:
    operator = get_operator("frank")
    filled = filled_options(operator, options)
    inputs = MergeInputs.of(tensors, BLOCKS)
    survey = operator.survey(inputs, filled)
    values = Values({}, {"decay": decay, "lambda": scale})
    return {t.name: operator.apply(Prepared(t, filled, operator.prepare(t, filled, survey)), values) for t in tensors}


def square(delta: Tensor | None) -> float:
    return 0.0 if delta is None else float(delta.double().square().sum())


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.floats(0.0, 0.3),
    st.floats(0.1, 1.8),
    st.sampled_from(["softmax", "max", "mean", "none"]),
    st.sampled_from(["block", "matrix"]),
    st.sampled_from(["first", "second", "base"]),
    st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    st.booleans(),
)
def test_equals_the_formula(
    seed: int, decay: float, scale: float, norm: str, unit: str, outside: str, dtype: torch.dtype, missing: bool
) -> None:
    tensors = tensors_of(seed, dtype, missing)
    found = merged(tensors, decay, scale, prior_norm=norm, unit=unit, outside=outside)
    raw = np.exp(-decay * np.arange(BLOCKS))
    prior = {
        "softmax": raw / raw.sum(),
        "max": raw / raw.max(),
        "mean": np.minimum(1.0, raw / raw.mean() / 2),
        "none": np.full(BLOCKS, 0.5),
    }[norm]
    for tensor in tensors:
        v, r = (torch.zeros(tensor.base.shape).double() if d is None else d.double() for d in tensor.deltas)
        if tensor.name in OUTSIDE:
            weights = {"first": (1.0, 0.0), "second": (0.0, 1.0), "base": (0.0, 0.0)}[outside]
        else:
            block = int(tensor.name.split(".")[2])
            own = [t for t in tensors if t.name.startswith(f"model.layers.{block}.")] if unit == "block" else [tensor]
            n_v, n_r = (sum(square(t.deltas[i]) for t in own) for i in (0, 1))
            top, other = prior[block] * n_v, (1.0 - prior[block]) * n_r
            # Neither has any weight only where the prior is all the first's, who changes nothing.
            weights = (top / (top + other), other / (top + other)) if top + other else (1.0, 0.0)
        expected = tensor.base.double() + scale * (weights[0] * v + weights[1] * r)
        torch.testing.assert_close(found[tensor.name].double(), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=25)
@given(
    st.floats(0.0, 1.0), st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e6)), st.floats(-2.0, 2.0), st.integers(1, 40)
)
def test_coefficients_sum_to_one(prior: float, squares: tuple[float, float], decay: float, blocks: int) -> None:
    first, second = shares(prior, squares)
    assert first + second == pytest.approx(1.0) and 0.0 <= first <= 1.0
    soft, largest, mean = (priors(decay, blocks, norm) for norm in ("softmax", "max", "mean"))
    assert sum(soft) == pytest.approx(1.0)
    assert max(largest) == 1.0
    assert max(mean) <= 1.0 and (max(mean) == 1.0 or sum(mean) == pytest.approx(blocks / 2))
    if decay > 0.0:
        assert soft == sorted(soft, reverse=True) and largest[0] == 1.0


def test_huge_decays_have_a_prior() -> None:
    for decay in (1e6, -1e6):
        for norm in ("softmax", "max", "mean"):
            assert all(math.isfinite(one) for one in priors(decay, 40, norm))


@pytest.mark.parametrize("unit", ["block", "matrix"])
@pytest.mark.parametrize("absent", [None, 0.0])
def test_without_a_change_by_the_second_it_is_the_first(unit: str, absent: float | None) -> None:
    tensors = [
        TensorInputs(t.name, t.base, t.models, (t.deltas[0], None if absent is None else t.base * absent))
        for t in tensors_of(3)
    ]
    for tensor, found in zip(tensors, merged(tensors, 0.1, unit=unit).values(), strict=True):
        assert tensor.deltas[0] is not None
        torch.testing.assert_close(found, tensor.base + tensor.deltas[0])


def test_no_change_and_lambda_zero_are_the_base() -> None:
    plain = [TensorInputs(t.name, t.base, t.models, (None, None)) for t in tensors_of(1, torch.bfloat16)]
    for tensor in plain:
        assert torch.equal(merged(plain)[tensor.name], tensor.base.float())
    for tensor, found in zip(tensors_of(1), merged(tensors_of(1), 0.2, 0.0).values(), strict=True):
        assert torch.equal(found, tensor.base)


def test_equal_experts_are_kept() -> None:
    twins = [TensorInputs(t.name, t.base, t.models, (t.deltas[0], t.deltas[0])) for t in tensors_of(4)]
    for tensor, found in zip(twins, merged(twins, 0.2).values(), strict=True):
        assert tensor.deltas[0] is not None
        torch.testing.assert_close(found, tensor.base + tensor.deltas[0])


def attention_file(path: Path, values: Any) -> str:
    path.write_text(json.dumps(values))
    return str(path)


@settings(max_examples=20)
@given(st.lists(st.floats(1e-4, 1.0), min_size=2, max_size=40))
def test_fit_is_least_squares(attention: list[float]) -> None:
    slope = np.polyfit(np.arange(len(attention)), np.log(attention), 1)[0]
    assert fitted_decay(attention) == pytest.approx(-slope, abs=1e-9)


def test_measured_decay_adds_to_the_parameter(tmp_path: Path) -> None:
    tensors = tensors_of(2)
    path = attention_file(tmp_path / "attention.json", [0.4 * math.exp(-0.07 * block) for block in range(BLOCKS)])
    for decay in (0.0, 0.11):
        measured = merged(tensors, decay, attention=path, prior_norm="max")
        plain = merged(tensors, decay + 0.07, prior_norm="max")
        for name, found in measured.items():
            torch.testing.assert_close(found, plain[name])
    assert not torch.allclose(merged(tensors, 0.11, prior_norm="max")[NAMES[-2]], measured[NAMES[-2]])


@pytest.mark.parametrize("values", [[0.1, 0.2], [0.1, 0.2, 0.0], [0.1, 0.2, True], {"a": 1}, [0.1, 0.2, "x"], "text"])
def test_attention_errors(tmp_path: Path, values: Any) -> None:
    path = attention_file(tmp_path / "attention.json", values)
    with pytest.raises(RecipeError, match=r"recipe\.options\.attention.*3 blocks"):
        merged(tensors_of(1), attention=path)


def test_attention_file_errors(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("[0.1,")
    for name in ("broken.json", "absent.json"):
        with pytest.raises(RecipeError, match="no readable JSON"):
            merged(tensors_of(1), attention=str(tmp_path / name))


def test_order_matters_and_streams_agree(full_models: ModelSet) -> None:
    recipe = Recipe("frank", ("b", "a"), coefficients={"decay": (0.1,)}, options={"prior_norm": "max"})
    resident, streamed, swapped = (
        dict(Materializer(full_models, resident=r).tensors(one))
        for r, one in (
            (True, recipe),
            (False, recipe),
            (True, Recipe("frank", ("a", "b"), options={"prior_norm": "max"})),
        )
    )
    assert all(torch.equal(resident[name], streamed[name]) for name in resident)
    embedding = "model.embed_tokens.weight"
    base = full_models.base_tensor(embedding).float()
    delta = full_models.delta(embedding, "b")
    assert delta is not None and torch.equal(resident[embedding], (base + delta).bfloat16())
    assert not torch.equal(resident[embedding], swapped[embedding])


def test_exactly_two_experts(full_models: ModelSet) -> None:
    with pytest.raises(RecipeError, match="exactly 2 experts"):
        dict(Materializer(full_models).tensors(Recipe("frank", ("a",))))
    operator = get_operator("frank")
    assert prepared_by(operator, tensors_of(1)[:1], filled_options(operator, {}))
