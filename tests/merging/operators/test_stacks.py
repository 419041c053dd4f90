"""Factors by row and column on every layout: a fused tensor merges like the matrices that it holds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merges import merge
from merging.blocks import BLOCK
from merging.layout import layout_of
from merging.operators.stacks import Stack
from tensors import Problem, merge_named, problem

HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 8}
FUSED: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("model.layers.0.self_attn.qkv_proj.weight", (16, 8), HEADS),
    ("model.layers.0.mlp.gate_up_proj.weight", (20, 8), HEADS),
    ("model.layers.0.mlp.experts.gate_up_proj", (3, 12, 8), HEADS),
    ("model.layers.0.mlp.experts.gate_up_proj", (3, 8, 12), HEADS),
    ("gpt_neox.layers.0.attention.query_key_value.weight", (24, 8), {"num_attention_heads": 4}),
    ("h.0.attn.c_attn.weight", (8, 24), {"model_type": "gpt2", "n_head": 4}),
    ("model.layers.0.conv.weight", (6, 2, 3), {}),
]
METHODS: list[tuple[str, dict[str, Any], int]] = [
    ("nuslerp", {"angle": "row"}, 2),
    ("nuslerp", {"angle": "row", "vectors": "weights"}, 2),
    ("nuslerp", {"angle": "column"}, 2),
    ("nuslerp", {"angle": "column", "vectors": "weights"}, 2),
    ("model_stock", {"angle": "row"}, 3),
    ("varm", {}, 3),
    ("widen", {}, 3),
]


@pytest.mark.parametrize(("name", "shape", "config"), FUSED)
@pytest.mark.parametrize(("method", "options", "count"), METHODS)
def test_a_fused_tensor_merges_like_its_matrices(
    method: str, options: dict[str, Any], count: int, name: str, shape: tuple[int, ...], config: dict[str, Any]
) -> None:
    case = problem(3, shape, count)
    layout = layout_of(name, shape, config)
    parts = zip(layout.split(case.base), *(layout.split(delta) for delta in case.deltas), strict=True)
    apart = [merge(method, base, deltas, options=options) for base, *deltas in parts]
    merged = merge_named(method, name, case, config, options)
    torch.testing.assert_close(merged, layout.fuse(apart), atol=1e-6, rtol=1e-6)
    # Where an expert leaves one of the matrices alone.
    some = Problem(case.base, (torch.zeros(shape), *case.deltas[1:]))
    assert bool(torch.isfinite(merge_named(method, name, some, config, options)).all())


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 11), st.integers(0, 300), st.integers(1, 300)
)
@settings(max_examples=25)
def test_tiles_cover_a_span_in_order(heights: list[int], width: int, start: int, length: int) -> None:
    bottoms = tuple(sum(heights[: i + 1]) for i in range(len(heights)))
    size = bottoms[-1] * width
    span = slice(min(start, size), min(start + length, size))
    owner = torch.cat([torch.full((h * width,), i) for i, h in enumerate(heights)])
    row = torch.cat([torch.arange(h).repeat_interleave(width) for h in heights])
    column = torch.arange(width).repeat(bottoms[-1])
    reached = span.start
    for tile in Stack(bottoms, width).tiles(span):
        assert tile.elements.start == reached < tile.elements.stop
        reached = tile.elements.stop
        assert set(owner[tile.elements].tolist()) == {tile.matrix}
        grid = (tile.shape[0], tile.shape[1])
        rows, columns = row[tile.elements].view(grid), column[tile.elements].view(grid)
        assert torch.equal(rows[:, 0], torch.arange(tile.rows.start, tile.rows.stop))
        assert torch.equal(columns[0], torch.arange(tile.columns.start, tile.columns.stop))
    assert reached == span.stop


@pytest.mark.parametrize(("method", "options", "count"), METHODS)
def test_blocks_that_end_inside_a_row(method: str, options: dict[str, Any], count: int) -> None:
    """The columns' order does not matter to any of these, so a permuted merge is the permuted result."""
    case = problem(4, (4, BLOCK // 3 + 7), count)
    turned = Problem(case.base.flip(1).contiguous(), tuple(d.flip(1).contiguous() for d in case.deltas))
    merged, reverse = (merge(method, c.base, c.deltas, options=options) for c in (case, turned))
    torch.testing.assert_close(merged, reverse.flip(1), atol=1e-5, rtol=1e-5)
