"""Finding the k-th largest magnitude: sorted, counted in one tensor, counted over a whole model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from elections import coarse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from merging.operators.base import MergeInputs, TensorInputs, Values
from merging.operators.thresholds import (
    Counted,
    Cut,
    Magnitudes,
    counted_populations,
    kept_elements,
    sorted_magnitudes,
)

Floats = npt.NDArray[np.float32]


def slow_cut(values: Floats, kept: int) -> Cut:
    """Sort, take, compare."""
    magnitudes = np.sort(np.abs(values))[::-1]
    last = magnitudes[kept - 1]
    return Cut(float(last), int((magnitudes[:kept] == last).sum()), int((magnitudes == last).sum()))


@settings(max_examples=60)
@given(
    arrays(np.float32, st.integers(1, 60), elements=st.floats(allow_nan=False, width=32))
    | arrays(np.float32, st.integers(1, 60), elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, 2**-140, 3e38])),
    st.data(),
)
def test_sorting_and_counting_find_the_same_cut(values: Floats, data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, len(values)))
    expected = slow_cut(values, kept)
    whole = sorted_magnitudes([torch.from_numpy(values)], len(values))
    assert whole.cut(kept) == expected
    assert Counted(torch.from_numpy(values)).cut(kept) == expected
    assert whole.finite == Counted(torch.from_numpy(values)).finite == bool(np.isfinite(values).all())


def test_counting_walks_over_long_vectors_in_chunks() -> None:
    values = coarse((300_001,), seed=0, steps=1000).numpy()
    for kept in (1, 17, 150_000, 300_001):
        assert Counted(torch.from_numpy(values)).cut(kept) == slow_cut(values, kept)


def test_zeros_that_are_not_stored_count() -> None:
    stored = Magnitudes(np.array([1.0, 2.0, 3.0], np.float32), 10)
    assert stored.cut(3) == Cut(1.0, 1, 1)
    assert stored.cut(4) == Cut(0.0, 0, 0)
    assert [stored.threshold(density) for density in (0.1, 0.25, 0.39, 0.4, 1.0)] == [3.0, 2.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_elements_are_noticed(bad: float) -> None:
    values = np.array([1.0, bad, 2.0], np.float32)
    assert not Counted(torch.from_numpy(values)).finite
    assert not sorted_magnitudes([torch.from_numpy(values)], 3).finite


def test_at_least_one_element_is_kept() -> None:
    assert [kept_elements(density, 10) for density in (0.01, 0.19, 0.2, 1.0)] == [1, 1, 2, 10]


@pytest.mark.parametrize("asked", [(0.2, 0.7), (1.0, 0.5), (1.0, 1.0)])
def test_a_model_is_one_population_with_what_nobody_changes_as_zeros(asked: tuple[float, float]) -> None:
    deltas = {"x": coarse((40, 9), 1), "y": None, "norm": torch.ones(30), "z": coarse((25, 3), 2)}
    tensors = [
        TensorInputs(
            name, torch.zeros(30 if delta is None else delta.shape), ("a", "b"), (delta, None), values=Values({}, {})
        )
        for name, delta in deltas.items()
    ]
    populations = counted_populations(MergeInputs.of(tensors), lambda tensor: None if tensor.name == "norm" else asked)
    flat = np.concatenate([d.numpy().reshape(-1) for n, d in deltas.items() if d is not None and n != "norm"])
    population = np.concatenate([flat, np.zeros(30, np.float32)])
    for found, density, values in zip(populations, asked, (population, np.zeros_like(population)), strict=True):
        assert found.count == len(population)
        assert found.finite
        if density < 1.0:
            kept = kept_elements(density, found.count)
            assert found.cut(kept).magnitude == slow_cut(values, kept).magnitude
