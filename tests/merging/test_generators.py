"""Compiled generators draw the numbers of numpy's and torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from merging.generators import Twister, philox_words


@pytest.mark.parametrize("key", [0, 3, (1 << 127) + 12345678901234567])
def test_philox_draws_what_numpy_draws(key: int) -> None:
    words = philox_words(key, 1001)
    assert np.array_equal(words[:1001], np.random.Philox(key=key).random_raw(1001))


@pytest.mark.parametrize("seed", [0, 5, (1 << 40) + 3])
def test_the_twister_draws_what_torch_draws_however_the_stream_is_cut(seed: int) -> None:
    generator, twister = torch.Generator().manual_seed(seed), Twister.seeded(seed)
    for count in (1, 7, 16, 700, 5000, 0, 3):
        assert torch.equal(torch.rand(count, generator=generator), torch.from_numpy(twister.uniforms(count)))


def test_comparing_while_drawing_is_drawing_and_comparing() -> None:
    twister, other = Twister.seeded(2), Twister.seeded(2)
    for count, bound in ((5, 0.5), (3000, 0.3), (700, 1.0), (10, 0.0)):
        expected = twister.uniforms(count) < np.float32(bound)
        assert np.array_equal(other.below(bound, count), expected.astype(np.uint8))


def test_a_skipped_stream_goes_on_where_a_drawn_one_would() -> None:
    generator, twister = torch.Generator().manual_seed(1), Twister.seeded(1)
    for count in (3, 1000, 623, 624, 1, 0, 1248):
        torch.rand(count, generator=generator)
        twister.skip(count)
        assert torch.equal(torch.rand(9, generator=generator), torch.from_numpy(twister.copy().uniforms(9)))
        twister.skip(9)
