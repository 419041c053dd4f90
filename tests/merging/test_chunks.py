"""Chunks of equal importance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merging.chunks import plan_chunks
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.operators.base import MergeInputs, TensorInputs


def tensor(name: str, delta: Tensor | None, shape: tuple[int, ...] = (8, 4)) -> TensorInputs:
    return TensorInputs(name, torch.zeros(shape), ("a",), (delta,))


def block(index: int, name: str = "self_attn.q_proj.weight") -> str:
    return f"model.layers.{index}.{name}"


def test_chunks_are_finer_where_the_experts_changed_more() -> None:
    plan = plan_chunks(
        MergeInputs.of([tensor(block(0), torch.ones(8, 4)), tensor(block(1), 3 * torch.ones(8, 4))], 2), 4
    )
    assert [piece.slot for piece in plan.pieces[block(0)]] == [0]
    assert [(p.start, p.stop, p.slot) for p in plan.pieces[block(1)]] == [(0, 12, 1), (12, 20, 2), (20, 32, 3)]


def test_cuts_follow_depth_not_the_alphabet_and_untouched_tensors_join_their_neighbours() -> None:
    ones = torch.ones(8, 4)
    tensors = [tensor(block(10), ones), tensor(block(9), ones), tensor("lm_head.weight", None)]
    plan = plan_chunks(MergeInputs.of([*tensors, tensor("model.embed_tokens.weight", None)], 11), 2)
    assert {name: [p.slot for p in pieces] for name, pieces in plan.pieces.items()} == {
        "model.embed_tokens.weight": [0], block(9): [0], block(10): [1], "lm_head.weight": [1],
    }  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5), st.floats(0.0, 4.0)), min_size=1, max_size=6),
    st.integers(1, 12),
)
def test_pieces_cover_every_tensor_in_whole_rows_and_slots_never_go_back(
    shapes: list[tuple[int, int, float]], count: int
) -> None:
    tensors = [tensor(block(i), torch.full((r, c), value), (r, c)) for i, (r, c, value) in enumerate(shapes)]
    plan = plan_chunks(MergeInputs.of(tensors, len(shapes)), count)
    slots: list[int] = []
    for i, (rows, columns, _) in enumerate(shapes):
        pieces = plan.pieces[block(i)]
        assert [piece.start for piece in pieces] == [0, *(piece.stop for piece in pieces[:-1])]
        assert pieces[-1].stop == rows * columns
        assert all(piece.stop % columns == 0 for piece in pieces)
        slots += [piece.slot for piece in pieces]
    assert slots == sorted(slots)
    assert slots[0] >= 0 and slots[-1] < count


def test_each_chunk_is_merged_with_its_own_coefficient(
    full_models: ModelSet, merge: Callable[..., dict[str, Tensor]]
) -> None:
    weights = tuple(0.1 * slot for slot in range(6))
    merged = merge(
        full_models, "task_arithmetic", ("a",), granularity="chunks:6", coefficients={"weight": {"a": weights}}
    )
    uniform = [
        merge(full_models, "task_arithmetic", ("a",), coefficients={"weight": {"a": (weight,)}}) for weight in weights
    ]
    cut = 0
    for name, found in merged.items():
        # Every row equals the same row of the merge with one of the six weights, and weights grow along the rows.
        rows = found.view(found.shape[0], -1) if found.ndim > 1 else found.view(1, -1)
        last = 0
        for index, row in enumerate(rows):
            matching = [
                slot for slot, other in enumerate(uniform) if torch.equal(other[name].view(rows.shape)[index], row)
            ]
            assert matching and matching[-1] >= last
            cut += last not in matching
            last = next(slot for slot in matching if slot >= last)
    assert cut


def test_the_text_form_and_its_errors() -> None:
    granularity = Granularity.parse("chunks:12")
    assert str(granularity) == "chunks:12"
    assert granularity.num_slots(30) == len(granularity.slot_labels(30)) == 12
    for text in ("chunks:0", "chunks", "chunks:4+module"):
        with pytest.raises(RecipeError, match="chunks:N"):
            Granularity.parse(text)


def test_chunks_depend_on_the_models_not_on_their_order(full_models: ModelSet, merge: Any, same: Any) -> None:
    coefficients = {"weight": {"a": (0.1, 0.9, 0.4), "b": (0.3, 0.2, 0.6)}}
    first, second = (
        merge(full_models, "task_arithmetic", order, granularity="chunks:3", coefficients=coefficients)
        for order in (("a", "b"), ("b", "a"))
    )
    assert same(first, second)
