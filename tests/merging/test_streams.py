from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merging.streams import keep_threshold, uniform_levels


def test_a_stream_depends_on_its_key_alone() -> None:
    first = uniform_levels(0, "model.norm.weight", "math", 1000)
    uniform_levels(0, "other", "math", 5)
    assert np.array_equal(first, uniform_levels(0, "model.norm.weight", "math", 1000))
    # A longer stream starts with the shorter one.
    assert np.array_equal(first, uniform_levels(0, "model.norm.weight", "math", 4097)[:1000])


def test_streams_of_different_keys_are_unrelated() -> None:
    keys = [(0, "t", "e"), (1, "t", "e"), (0, "u", "e"), (0, "t", "f"), (0, "te", "")]
    streams = [uniform_levels(*key, 10_000) for key in keys]
    for i, first in enumerate(streams):
        for second in streams[i + 1 :]:
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_the_stream_is_pinned() -> None:
    """Recipes name seeds, so the same seed must give the same merge in every release."""
    digest = hashlib.sha256(uniform_levels(42, "model.layers.0.mlp.up_proj.weight", "math", 4096).tobytes())
    assert digest.hexdigest()[:16] == "5906aec5baadb4f7"


@pytest.mark.parametrize("density", [0.01, 0.2, 0.5, 0.9])
def test_kept_fraction_is_binomial(density: float) -> None:
    count = 200_000
    threshold, probability = keep_threshold(density)
    kept = int((uniform_levels(3, "t", "e", count) < threshold).sum())
    deviation = np.sqrt(count * probability * (1 - probability))
    assert abs(kept - count * probability) < 5 * deviation
    assert abs(probability - density) <= 0.5 / 65536


@given(st.floats(1e-12, 1.0), st.floats(1e-12, 1.0))
def test_thresholds_grow_with_density_and_never_keep_nothing(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert keep_threshold(low)[0] <= keep_threshold(high)[0]
    assert keep_threshold(low)[1] > 0.0
    assert keep_threshold(1.0)[1] == 1.0
