"""Blocks are disjoint, complete and stratified; the rotation uses each one equally often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.blocks import Rotation, cut_blocks, default_block_size


@given(
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=5),
    block_size=st.integers(1, 120),
    seed=st.integers(0, 2**31),
)
def test_blocks_hold_every_item_once_and_every_task_in_proportion(sizes, block_size, seed):
    tasks = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.intp)
    blocks = cut_blocks(tasks, block_size, seed)
    assert sorted(np.concatenate(blocks).tolist()) == list(range(len(tasks)))
    lengths = [len(block) for block in blocks]
    assert max(lengths) - min(lengths) <= 1
    assert len(blocks) <= max(1, round(len(tasks) / block_size))
    assert len(blocks) == 1 or min(lengths) >= block_size * 2 // 3
    for task, size in enumerate(sizes):
        shares = [int(np.sum(tasks[block] == task)) for block in blocks]
        assert max(shares) - min(shares) <= 1
        assert min(shares) >= size // len(blocks) >= 1


def test_blocks_depend_on_the_seed_only():
    tasks = np.repeat(np.arange(2), 50).astype(np.intp)
    for first, second in zip(cut_blocks(tasks, 20, 3), cut_blocks(tasks, 20, 3), strict=True):
        np.testing.assert_array_equal(first, second)
    assert any(
        not np.array_equal(first, second)
        for first, second in zip(cut_blocks(tasks, 20, 3), cut_blocks(tasks, 20, 4), strict=True)
    )


def test_few_items_are_one_block():
    tasks = np.zeros(20, dtype=np.intp)
    assert len(cut_blocks(tasks, default_block_size(tasks), 0)) == 1


def test_many_tasks_make_larger_blocks():
    few, many = np.zeros(400, dtype=np.intp), (np.arange(400) % 20).astype(np.intp)
    assert default_block_size(few) < default_block_size(many)


@given(blocks=st.integers(1, 9), count=st.integers(1, 9), seed=st.integers(0, 1000))
def test_a_generation_never_has_a_block_twice(blocks, count, seed):
    rotation = Rotation(blocks, seed)
    for start in range(0, 30, count):
        taken = rotation.take(start, count)
        assert len(set(taken)) == len(taken) == min(blocks, count)


def test_every_round_uses_every_block_once():
    rotation = Rotation(5, 1)
    order = [rotation.take(place, 1)[0] for place in range(50)]
    for start in range(0, 50, 5):
        assert sorted(order[start : start + 5]) == list(range(5))
    assert len({tuple(order[start : start + 5]) for start in range(0, 50, 5)}) > 1


@pytest.mark.parametrize("start", [0, 3, 17])
def test_without_rotation_the_first_blocks_stay(start):
    assert Rotation(4, 0, rotate=False).take(start, 2) == (0, 1)
