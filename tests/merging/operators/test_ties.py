"""TIES against the written-out method, its choices among equal magnitudes, and streamed global thresholds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from elections import ELECTIONS, coarse, elected, restored
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merges import merge, prepared_by
from merging.coefficients import filled_options
from merging.operators import get_operator
from merging.operators.base import TensorInputs, Values
from tensors import Problem, check_damage, check_shared_rules, problems

TENSOR = {"threshold_scope": "tensor"}


def trimmed(vector: Tensor, density: float, rule: str = "all") -> Tensor:
    """Keep the largest elements of one vector."""
    flat = vector.double().flatten()
    kept = max(1, int(density * flat.numel()))
    if density >= 1.0:
        return vector.double()
    if rule == "all":
        mask = flat.abs() >= flat.abs().sort(descending=True).values[kept - 1]
    else:
        order = torch.argsort(vector.flatten().abs(), descending=True, stable=rule == "by_position")
        mask = torch.zeros(len(flat), dtype=torch.bool).scatter_(0, order[:kept], True)
    return (flat * mask).view(vector.shape)


@settings(max_examples=25)
@given(problems(), ELECTIONS, st.data())
def test_equals_the_written_out_method(case: Problem, options: dict[str, Any], data: st.DataObject) -> None:
    count = len(case.deltas)
    positive = options["divisor"] == "signed" and options["normalize"]
    weight = data.draw(
        st.lists(st.sampled_from([0.5, 1.0, 1.75, 0.0 if positive else -0.6]), min_size=count, max_size=count)
    )
    density = data.draw(st.lists(st.sampled_from([0.1, 0.35, 0.8, 1.0]), min_size=count, max_size=count))
    rescale = data.draw(st.sampled_from(["none", "l1"]))
    settings_ = options | TENSOR | {"exempt_1d": False, "rescale": rescale}
    found = merge("ties", case.base, case.deltas, weight=weight, density=density, lam=0.7, options=settings_)
    thin = [trimmed(vector, share) for vector, share in zip(case.deltas, density, strict=True)]
    if rescale == "l1":
        thin = [restored(vector, one) for vector, one in zip(case.deltas, thin, strict=True)]
    case.close(found, case.base.double() + 0.7 * elected(thin, weight, options))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([(40,), (9, 7), (3, 5, 4)]), st.floats(0.01, 0.99))
@pytest.mark.parametrize("rule", ["all", "by_position", "torch_sort"])
def test_choice_among_equal_magnitudes(rule: str, seed: int, shape: tuple[int, ...], density: float) -> None:
    vector = coarse(shape, seed, steps=3)
    options = TENSOR | {"equal_magnitudes": rule, "exempt_1d": False}
    for once in (False, True):
        found = merge("ties", torch.zeros(shape), [vector], density=[density], options=options, once=once)
        assert torch.equal(found.double(), trimmed(vector, density, rule))


def test_keeping_by_position_finds_its_place_in_long_vectors() -> None:
    vector = coarse((3, 70_001), 5, steps=2)
    options = TENSOR | {"equal_magnitudes": "by_position"}
    found = merge("ties", torch.zeros(vector.shape), [vector], density=[0.4], options=options)
    assert int((found != 0).sum()) == int(0.4 * vector.numel())
    assert torch.equal(found.double(), trimmed(vector, 0.4, "by_position"))


def test_a_global_threshold_cannot_choose_among_equal_magnitudes() -> None:
    with pytest.raises(RecipeError, match=r"equal_magnitudes.*threshold_scope to tensor"):
        merge("ties", torch.zeros(2, 2), [torch.ones(2, 2)], options={"equal_magnitudes": "by_position"})


@settings(max_examples=15)
@given(
    st.integers(0, 10**6),
    st.lists(st.sampled_from([0.03, 0.2, 0.55, 1.0]), min_size=8, max_size=8),
    st.booleans(),
)
def test_a_streamed_global_trim_equals_a_resident_one(seed: int, shares: list[float], exempt: bool) -> None:
    """Four tensors, one of them untouched and one 1-D; every tensor and expert has its own density."""
    operator = get_operator("ties")
    options = filled_options(operator, {"exempt_1d": exempt})
    deltas: dict[str, tuple[Tensor | None, Tensor | None]] = {
        "a": (coarse((30, 11), seed), coarse((30, 11), seed + 1)),
        "b": (None, None),
        "c": (coarse((50,), seed + 2), None),
        "d": (None, coarse((7, 13), seed + 3)),
    }
    shapes = {"a": (30, 11), "b": (5, 5), "c": (50,), "d": (7, 13)}
    values = {
        name: Values({"weight": (1.0, 0.5), "density": (shares[2 * i], shares[2 * i + 1])}, {"lambda": 0.8})
        for i, name in enumerate(deltas)
    }

    def merged(once: bool) -> dict[str, Tensor]:
        inputs = [
            TensorInputs(n, torch.ones(shapes[n]).bfloat16(), ("x", "y"), d, values=values[n] if once else None)
            for n, d in deltas.items()
        ]
        return {n: operator.apply(p, values[n]) for n, p in prepared_by(operator, inputs, options).items()}

    streamed, resident = merged(True), merged(False)
    for name in deltas:
        assert torch.equal(streamed[name], resident[name])
    population = torch.cat([d.flatten() for d, _ in deltas.values() if d is not None and (d.ndim > 1 or not exempt)])
    total = sum(torch.ones(shapes[n]).numel() for n in deltas if n != "c" or not exempt)
    kept = max(1, int(shares[0] * total))
    magnitudes = population.abs().sort(descending=True).values
    threshold = magnitudes[kept - 1] if kept <= len(magnitudes) and shares[0] < 1.0 else 0.0
    first, second = (d for d in deltas["a"] if d is not None)
    thin = torch.where(first.abs() >= threshold, first, 0.0)
    only_first = operator.apply(
        prepared_by(
            operator,
            [TensorInputs(n, torch.zeros(shapes[n]), ("x", "y"), d) for n, d in deltas.items()],
            options,
        )["a"],
        Values({"weight": (1.0, 0.0), "density": (shares[0], 1.0)}, {"lambda": 1.0}),
    )
    assert second is not None
    assert torch.equal(only_first, thin)


def test_an_expert_alone_without_trim_is_the_expert() -> None:
    base, vector = torch.ones(4, 3), coarse((4, 3), 1)
    assert torch.equal(merge("ties", base, [vector], density=[1.0]), base + vector)


@pytest.mark.parametrize("options", [{}, TENSOR, {"compat": "mergekit"}])
@settings(max_examples=8)
@given(case=problems(2, 3))
def test_shared_rules(case: Problem, options: dict[str, str]) -> None:
    check_shared_rules("ties", case, options=options)


def test_damage_shows() -> None:
    check_damage("ties", 2)


@settings(max_examples=10)
@given(st.floats(1e-3, 1e3))
def test_the_mean_does_not_depend_on_the_scale_of_the_weights(scale: float) -> None:
    base, first, second = torch.zeros(6, 6), coarse((6, 6), 1), coarse((6, 6), 2)
    one, other = (
        merge("ties", base, [first, second], density=[0.5, 0.5], weight=[unit, 0.25 * unit]) for unit in (1.0, scale)
    )
    torch.testing.assert_close(one, other, rtol=1e-6, atol=0.0)


def test_a_signed_divisor_of_zero_divides_by_one() -> None:
    """Weighted by 2 and -2, both experts vote plus and add up to 4; their signed weights add up to 0."""
    options = {"elect_on": "weighted", "divisor": "signed"}
    first, second = torch.tensor([[1.0, 1.0]]), torch.tensor([[-1.0, 0.0]])
    merged = merge("ties", torch.zeros(1, 2), [first, second], density=[1.0, 1.0], weight=[2.0, -2.0], options=options)
    assert torch.equal(merged, torch.tensor([[4.0, 1.0]]))
    absolute = merge(
        "ties",
        torch.zeros(1, 2),
        [first, second],
        density=[1.0, 1.0],
        weight=[2.0, -2.0],
        options={"elect_on": "weighted"},
    )
    assert torch.equal(absolute, torch.tensor([[1.0, 1.0]]))
