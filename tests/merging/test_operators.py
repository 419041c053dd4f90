"""Known answers, worked out by hand, and the invariants of each operator on single tensors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError
from merges import ON_TENSORS, SEED, as_many_as_fit, merge, prepared_by
from merging.blocks import BLOCK
from merging.operators import get_operator, operator_names
from merging.operators.base import COSTS, TensorInputs, Values


def rows(*values: float) -> Tensor:
    return torch.tensor([list(values)])


BASE = rows(1.0, -2.0, 3.0, 0.5)
A = rows(0.5, -1.0, 0.0, 2.0)
B = rows(-0.25, -3.0, 1.0, 1.0)


# Linear and task arithmetic


def test_task_arithmetic_known_answer() -> None:
    merged = merge("task_arithmetic", BASE, [A, B], weight=[2.0, -1.0], lam=0.5)
    assert torch.equal(merged, rows(1.0 + 0.625, -2.0 + 0.5, 3.0 - 0.5, 0.5 + 1.5))


def test_linear_known_answers() -> None:
    experts = BASE + A, BASE + B
    normalized = merge("linear", BASE, [A, B], weight=[3.0, 1.0])
    torch.testing.assert_close(normalized, 0.75 * experts[0] + 0.25 * experts[1])
    plain = merge("linear", BASE, [A, B], weight=[3.0, 1.0], options={"normalize": False})
    torch.testing.assert_close(plain, 3.0 * experts[0] + experts[1])


def test_linear_without_normalization_scales_the_base_too() -> None:
    merged = merge("linear", BASE, [None], weight=[0.5], options={"normalize": False})
    assert torch.equal(merged, 0.5 * BASE)


def test_weights_that_cancel_cannot_be_normalized() -> None:
    with pytest.raises(Infeasible, match="sum to 0"):
        merge("linear", BASE, [A, B], weight=[1.0, -1.0])
    with pytest.raises(Infeasible, match="sum to 0"):
        merge("dare_linear", BASE, [A, B], weight=[1.0, -1.0], options={"normalize": True})


weights = st.floats(-2.0, 2.0)


@given(weights, weights)
def test_task_arithmetic_is_additive_and_equals_linear_on_the_simplex(first: float, second: float) -> None:
    merged = merge("task_arithmetic", BASE, [A, B], weight=[first, second])
    apart = [merge("task_arithmetic", BASE, [d], weight=[w]) - BASE for d, w in ((A, first), (B, second))]
    torch.testing.assert_close(merged - BASE, apart[0] + apart[1], atol=1e-5, rtol=1e-5)
    if abs(first + second) > 0.1:
        share = first / (first + second)
        soup = merge("linear", BASE, [A, B], weight=[first, second])
        torch.testing.assert_close(
            soup, merge("task_arithmetic", BASE, [A, B], weight=[share, 1 - share]), atol=1e-4, rtol=1e-4
        )


# Spherical


def test_slerp_known_answer() -> None:
    """A right angle between vectors of lengths 1 and 2: at t=1/2 both factors are sin 45 / sin 90."""
    base = rows(1.0, 0.0)
    merged = merge("slerp", base, [None, rows(-1.0, 2.0)], t=0.5)
    half = math.sqrt(0.5)
    torch.testing.assert_close(merged, rows(half, 2 * half))


def test_slerp_of_nearly_parallel_vectors_is_linear() -> None:
    delta = rows(0.001, 0.0, 0.0, 0.002)
    merged = merge("slerp", BASE, [None, delta], t=0.25)
    assert torch.equal(merged, BASE + 0.25 * delta)


def unit_pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 1, 3 * BLOCK // 2, generator=generator)
    return first / first.norm(), second / second.norm()


@given(st.floats(0.0, 1.0))
@settings(max_examples=20)
def test_slerp_keeps_the_norm_of_equally_long_vectors(t: float) -> None:
    first, second = unit_pair()
    merged = merge("slerp", torch.zeros_like(first), [first, second], t=t)
    assert abs(float(merged.norm()) - 1.0) < 1e-5


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("slerp", {}),
        *[
            ("nuslerp", {"vectors": vectors, "angle": angle})
            for vectors in ("task_vectors", "weights")
            for angle in ("tensor", "row", "column")
        ],
    ],
)
def test_spherical_operators_return_their_ends(method: str, options: dict[str, str]) -> None:
    generator = torch.Generator().manual_seed(1)
    base, first, second = torch.randn(3, 5, 7, generator=generator)
    for t, delta in ((0.0, first), (1.0, second)):
        merged = merge(method, base, [first, second], t=t, options=options)
        torch.testing.assert_close(merged, base + delta, atol=1e-6, rtol=1e-6)
    unchanged = merge(method, base, [None, None], t=0.3, options=options)
    assert torch.equal(unchanged, base)


def test_nuslerp_on_task_vectors_by_tensor_row_and_column() -> None:
    base = torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    second = torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    half = math.sqrt(0.5)
    by_row = merge("nuslerp", base, [first, second], t=0.5, options={"angle": "row"})
    # Row 0 has a right angle; row 1 is parallel and therefore linear.
    torch.testing.assert_close(by_row - base, torch.tensor([[half, half], [0.0, 1.5]]), atol=1e-5, rtol=0)
    by_column = merge("nuslerp", base, [first, second], t=0.5, options={"angle": "column"})
    # Column 0 meets a zero vector, which counts as a right angle; column 1 is (0, 1) and (1, 2).
    angle = math.acos(2 / math.sqrt(5))
    factor = math.sin(angle / 2) / math.sin(angle)
    expected = torch.tensor([[half, factor], [0.0, 3 * factor]])
    torch.testing.assert_close(by_column - base, expected, atol=1e-5, rtol=0)
    whole = merge("nuslerp", base, [first, second], t=0.5)
    angle = math.acos(2 / math.sqrt(2 * 5))
    factor = math.sin(angle / 2) / math.sin(angle)
    torch.testing.assert_close(whole - base, factor * (first + second), atol=1e-5, rtol=0)


def test_nuslerp_on_weights_equals_slerp_away_from_parallel() -> None:
    generator = torch.Generator().manual_seed(2)
    base, first, second = torch.randn(3, 6, 6, generator=generator)
    on_weights = merge("nuslerp", base, [first, second], t=0.3, options={"vectors": "weights"})
    torch.testing.assert_close(on_weights, merge("slerp", base, [first, second], t=0.3))


# TIES


def test_ties_known_answer() -> None:
    """Density 1/2 keeps -1, 2 of A and -3, 1, 1 of B (a tie with the threshold keeps both ones)."""
    merged = merge("ties", BASE, [A, B], density=[0.5, 0.5], weight=[1.0, 1.0])
    assert torch.equal(merged - BASE, rows(0.0, -2.0, 1.0, 1.5))


def test_ties_of_one_whole_expert_is_the_expert() -> None:
    assert torch.equal(merge("ties", BASE, [A], density=[1.0]), BASE + A)


def test_ties_larger_of_two_opposite_signs_wins_and_lambda_scales() -> None:
    merged = merge("ties", BASE, [rows(3.0, 1.0, 0, 0), rows(-1.0, -2.0, 0, 0)], density=[1.0, 1.0], lam=0.5)
    assert torch.equal(merged - BASE, rows(1.5, -1.0, 0.0, 0.0))


@pytest.mark.parametrize(("on_draw", "change"), [("base", 0.0), ("positive", 2.0)])
def test_ties_where_the_sum_is_zero(on_draw: str, change: float) -> None:
    merged = merge(
        "ties", BASE, [rows(2.0, 0, 0, 0), rows(-2.0, 0, 0, 0)], density=[1.0, 1.0], options={"on_draw": on_draw}
    )
    assert torch.equal(merged - BASE, rows(change, 0.0, 0.0, 0.0))


def test_ties_election_on_raw_or_weighted_vectors() -> None:
    deltas: list[Tensor | None] = [rows(3.0, 0, 0, 0), rows(-2.0, 0, 0, 0)]
    raw = merge("ties", BASE, deltas, density=[1.0, 1.0], weight=[0.5, 1.0])
    assert torch.equal(raw - BASE, rows(3.0, 0.0, 0.0, 0.0))
    weighted = merge("ties", BASE, deltas, density=[1.0, 1.0], weight=[0.5, 1.0], options={"elect_on": "weighted"})
    assert torch.equal(weighted - BASE, rows(-2.0, 0.0, 0.0, 0.0))


def test_ties_weighted_mean_sum_and_negative_weights() -> None:
    deltas: list[Tensor | None] = [rows(1.0, 0, 0, 0), rows(4.0, 0, 0, 0)]
    mean = merge("ties", BASE, deltas, density=[1.0, 1.0], weight=[2.0, 1.0])
    assert torch.equal(mean - BASE, rows(2.0, 0.0, 0.0, 0.0))
    total = merge("ties", BASE, deltas, density=[1.0, 1.0], weight=[2.0, 1.0], options={"normalize": False})
    assert torch.equal(total - BASE, rows(6.0, 0.0, 0.0, 0.0))
    # Weighted votes are -1 and 4; plus wins and only the second expert agrees.
    options = {"elect_on": "weighted"}
    negative = merge("ties", BASE, deltas, density=[1.0, 1.0], weight=[-1.0, 1.0], options=options)
    assert torch.equal(negative - BASE, rows(4.0, 0.0, 0.0, 0.0))


def test_ties_gives_an_expert_of_weight_zero_no_vote() -> None:
    deltas: list[Tensor | None] = [rows(1.0, 0, 0, 0), rows(-4.0, 0, 0, 0)]
    merged = merge("ties", BASE, deltas, density=[1.0, 1.0], weight=[1.0, 0.0])
    assert torch.equal(merged - BASE, rows(1.0, 0.0, 0.0, 0.0))


def test_ties_leaves_one_dimensional_tensors_whole_unless_told() -> None:
    base, delta = torch.zeros(4), torch.tensor([4.0, 3.0, 2.0, 1.0])
    assert torch.equal(merge("ties", base, [delta], density=[0.25]), delta)
    trimmed = merge("ties", base, [delta], density=[0.25], options={"exempt_1d": False})
    assert torch.equal(trimmed, torch.tensor([4.0, 0.0, 0.0, 0.0]))


def ties_over_two_tensors(scope: str) -> list[Tensor]:
    operator = get_operator("ties")
    options = {option.name: option.default for option in operator.all_options()} | {"threshold_scope": scope}
    deltas = {"x": rows(9.0, 8.0, 7.0, 6.0), "y": rows(1.0, 2.0, 3.0, 4.0)}
    inputs = [TensorInputs(name, torch.zeros(1, 4), ("a",), (delta,)) for name, delta in deltas.items()]
    inputs.append(TensorInputs("norm", torch.zeros(2), ("a",), (torch.tensor([100.0, 100.0]),)))
    prepared = prepared_by(operator, inputs, options)
    values = Values({"weight": (1.0,), "density": (0.5,)}, {"lambda": 1.0})
    return [operator.apply(prepared[name], values) for name in ("x", "y", "norm")]


def test_ties_threshold_scope() -> None:
    x, y, norm = ties_over_two_tensors("global")
    assert torch.equal(x, rows(9.0, 8.0, 7.0, 6.0))
    assert torch.equal(y, torch.zeros(1, 4))
    assert torch.equal(norm, torch.tensor([100.0, 100.0]))
    x, y, _ = ties_over_two_tensors("tensor")
    assert torch.equal(x, rows(9.0, 8.0, 0.0, 0.0))
    assert torch.equal(y, rows(0.0, 0.0, 3.0, 4.0))


def test_ties_global_population_counts_untouched_tensors_as_zeros() -> None:
    """Half of eight elements is four: an adapter that touches one tensor of two keeps all of it."""
    operator = get_operator("ties")
    options = {option.name: option.default for option in operator.all_options()}
    touched = TensorInputs("x", torch.zeros(1, 4), ("a",), (A,))
    untouched = TensorInputs("y", torch.zeros(1, 4), ("a",), (None,))
    values = Values({"weight": (1.0,), "density": (0.5,)}, {"lambda": 1.0})
    prepared = prepared_by(operator, [touched, untouched], options)
    assert torch.equal(operator.apply(prepared["x"], values), A)
    assert torch.equal(operator.apply(prepared["y"], values), torch.zeros(1, 4))
    explicit = TensorInputs("y", torch.zeros(1, 4), ("a",), (torch.zeros(1, 4),))
    prepared = prepared_by(operator, [touched, explicit], options)
    assert torch.equal(operator.apply(prepared["x"], values), A)


@given(st.floats(0.001, 1.0), st.sampled_from(["global", "tensor"]))
@settings(max_examples=30)
def test_ties_keeps_exactly_the_largest(density: float, scope: str) -> None:
    delta = torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    merged = merge("ties", torch.zeros_like(delta), [delta], density=[density], options={"threshold_scope": scope})
    kept = max(1, int(density * delta.numel())) if density < 1.0 else delta.numel()
    assert int((merged != 0).sum()) == kept
    smallest_kept = float(delta[merged != 0].abs().min())
    assert bool((delta[merged == 0].abs() < smallest_kept).all())
    assert torch.equal(merged[merged != 0], delta[merged != 0])


def reference_ties(deltas: list[Tensor], weight: list[float], density: list[float]) -> Tensor:
    """The paper's three steps, written out with whole-tensor operations."""
    trimmed = []
    for delta, share in zip(deltas, density, strict=True):
        kept = max(1, int(share * delta.numel()))
        threshold = delta.abs().flatten().sort(descending=True).values[kept - 1]
        trimmed.append(torch.where(delta.abs() >= threshold, delta, 0.0))
    elected = torch.stack(trimmed).sum(0).sign()
    agree = [(t.sign() == elected) & (t != 0) for t in trimmed]
    numerator = sum(w * t * m for w, t, m in zip(weight, trimmed, agree, strict=True))
    divisor = sum(w * m for w, m in zip(weight, agree, strict=True))
    assert isinstance(numerator, Tensor) and isinstance(divisor, Tensor)
    return torch.where(divisor > 0, numerator / divisor.clamp_min(1e-9), 0.0)


@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(0.1, 1.0)), min_size=1, max_size=4))
@settings(max_examples=20)
def test_ties_equals_the_written_out_method(experts: list[tuple[float, float]]) -> None:
    generator = torch.Generator().manual_seed(len(experts))
    deltas = [torch.randn(7, 300, generator=generator) for _ in experts]
    density, weight = (list(column) for column in zip(*experts, strict=True))
    merged = merge("ties", torch.zeros(7, 300), list(deltas), density=density, weight=weight)
    torch.testing.assert_close(merged, reference_ties(deltas, weight, density), atol=1e-5, rtol=1e-5)


# DARE


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_dare_at_density_one_drops_nothing(method: str) -> None:
    whole = merge(method, BASE, [A, B], density=[1.0, 1.0], weight=[1.0, 1.0])
    other = "task_arithmetic" if method == "dare_linear" else "ties"
    extra = {} if method == "dare_linear" else {"density": [1.0, 1.0]}
    assert torch.equal(whole, merge(other, BASE, [A, B], weight=[1.0, 1.0], **extra))


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_dare_rescales_what_it_keeps_and_keeps_a_binomial_fraction(density: float) -> None:
    delta = torch.full((200, 500), 2.0)
    merged = merge("dare_linear", torch.zeros_like(delta), [delta], density=[density])
    levels = round(density * 65536)
    kept = merged != 0
    torch.testing.assert_close(merged[kept], torch.full_like(merged[kept], 2.0 * 65536 / levels))
    deviation = math.sqrt(delta.numel() * density * (1 - density))
    assert abs(int(kept.sum()) - delta.numel() * density) < 5 * deviation


def test_dare_is_unbiased_over_seeds() -> None:
    delta = torch.linspace(-1.0, 1.0, 64).reshape(8, 8)
    runs = [merge("dare_linear", torch.zeros(8, 8), [delta], density=[0.5], seed=seed) for seed in range(2000)]
    mean = torch.stack(runs).mean(0)
    # The standard error of an element is |delta| / sqrt(2000) at density 1/2.
    assert float((mean - delta).abs().max()) < 5 / math.sqrt(2000)


def test_dare_draws_by_seed_tensor_and_expert() -> None:
    delta = torch.ones(64, 64)
    zero = torch.zeros_like(delta)

    def one(**key: Any) -> Tensor:
        return merge("dare_linear", zero, [delta], density=[0.5], **key)

    assert torch.equal(one(), one())
    assert not torch.equal(one(), one(seed=SEED + 1))
    assert not torch.equal(one(), one(name="u"))
    both = merge("dare_linear", zero, [delta, delta], density=[0.5, 0.5])
    assert not torch.equal(both, 2 * one())


def test_dare_raising_the_density_only_adds_elements() -> None:
    delta = torch.ones(64, 64)
    sparse, dense = (merge("dare_linear", torch.zeros_like(delta), [delta], density=[d]) != 0 for d in (0.3, 0.6))
    assert bool((dense | ~sparse).all())
    assert int(dense.sum()) > int(sparse.sum())


def test_dare_rescale_options() -> None:
    delta = torch.rand(50, 50, generator=torch.Generator().manual_seed(0)) + 0.5
    zero = torch.zeros_like(delta)
    kept = merge("dare_linear", zero, [delta], density=[0.4], options={"rescale": "none"})
    assert torch.equal(kept[kept != 0], delta[kept != 0])
    l1 = merge("dare_linear", zero, [delta], density=[0.4], options={"rescale": "l1"})
    assert abs(float(l1.abs().sum() / delta.abs().sum()) - 1.0) < 1e-5
    torch.testing.assert_close(l1, kept * float(delta.abs().sum() / kept.abs().sum()))
    inverse = merge("dare_linear", zero, [delta], density=[0.4])
    torch.testing.assert_close(inverse, kept * (65536 / round(0.4 * 65536)))


def test_dare_leaves_one_dimensional_tensors_whole_unless_told() -> None:
    base, delta = torch.zeros(1000), torch.ones(1000)
    assert torch.equal(merge("dare_linear", base, [delta], density=[0.1]), delta)
    masked = merge("dare_linear", base, [delta], density=[0.1], options={"exempt_1d": False})
    assert 0 < int((masked != 0).sum()) < 200


def test_dare_ties_elects_over_the_survivors() -> None:
    """Where only one of two opposite experts survives, its rescaled value is the merge."""
    first, second = torch.full((40, 40), 3.0), torch.full((40, 40), -1.0)
    merged = merge("dare_ties", torch.zeros_like(first), [first, second], density=[0.5, 0.5])
    assert set(merged.unique().tolist()) == {-2.0, 0.0, 6.0}


# All operators


DELTA_METHODS = ("task_arithmetic", "ties", "dare_linear", "dare_ties")


@pytest.mark.parametrize("method", DELTA_METHODS)
def test_lambda_zero_is_the_base_and_lambda_is_linear(method: str) -> None:
    generator = torch.Generator().manual_seed(3)
    base, first, second = torch.randn(3, 20, 30, generator=generator)
    assert torch.equal(merge(method, base, [first, second], lam=0.0), base)
    once, twice = (merge(method, base, [first, second], lam=scale) - base for scale in (0.5, 1.0))
    torch.testing.assert_close(2 * once, twice, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ON_TENSORS)
@pytest.mark.parametrize("shape", [(3,), (BLOCK + 7,), (1, 1), (5, 13_001), (2, 3, 5)])
def test_every_shape_gives_a_finite_tensor_of_that_shape(method: str, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(4)
    base = torch.randn(shape, generator=generator).bfloat16()
    deltas: list[Tensor | None] = [torch.randn(shape, generator=generator), None]
    merged = merge(method, base, as_many_as_fit(method, deltas))
    assert merged.shape == base.shape
    assert merged.dtype == torch.float32
    assert bool(torch.isfinite(merged).all())


@pytest.mark.parametrize("method", ON_TENSORS)
def test_inputs_are_never_written_to(method: str) -> None:
    generator = torch.Generator().manual_seed(6)
    base, first, second = torch.randn(3, 9, 9, generator=generator)
    copies = [t.clone() for t in (base, first, second)]
    merge(method, base, as_many_as_fit(method, [first, second]))
    assert all(torch.equal(t, copy) for t, copy in zip((base, first, second), copies, strict=True))


@pytest.mark.parametrize("name", operator_names())
def test_declarations_are_complete(name: str) -> None:
    operator = get_operator(name)
    assert operator.name == name
    assert operator.summary.endswith(".")
    assert operator.paper == "none" or operator.paper[:4].isdigit()
    assert operator.linear_flag in ("LIN", "LIN/M", "MAT", "NL")
    assert operator.cost in COSTS
    for parameter in operator.all_parameters():
        assert parameter.low < parameter.high
        assert all(parameter.admits(value) for value in (parameter.low, parameter.default, parameter.high))
        assert parameter.doc.endswith(".")
    for option in operator.options:
        assert option.choices is None or option.default in option.choices
        assert option.doc.endswith(".")


def test_an_unknown_operator_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="did you mean 'task_arithmetic'"):
        get_operator("task_aritmetic")
