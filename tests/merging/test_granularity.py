from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evomerge.errors import RecipeError
from merging.granularity import Granularity
from merging.models import ModelSet

LLAMA = "model.layers.{}."


@pytest.mark.parametrize(
    "text", ["global", "layer", "group:4", "global+module", "layer+module", "group:7+module", "group:4+module+other"]
)
def test_text_round_trip(text: str) -> None:
    assert str(Granularity.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [("layers", "layer"), ("group", "group:4"), ("group:0", "group:4"), ("layer+modules", "layer+module"), ("", "")],
)
def test_other_text_is_refused_with_the_nearest_form(text: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Granularity.parse(text)
    assert caught.value.field == "recipe.granularity"
    assert hint in caught.value.fix


def test_slots_and_labels_of_a_group_that_does_not_divide() -> None:
    granularity = Granularity.parse("group:4+module")
    assert granularity.num_slots(10) == 6
    assert granularity.slot_labels(10) == [
        "blocks 0-3 attention",
        "blocks 0-3 mlp",
        "blocks 4-7 attention",
        "blocks 4-7 mlp",
        "blocks 8-9 attention",
        "blocks 8-9 mlp",
    ]
    assert Granularity.parse("group:4+module+other").slot_labels(10)[:3] == [
        "blocks 0-3 attention",
        "blocks 0-3 mlp",
        "blocks 0-3 other",
    ]
    assert Granularity.parse("layer").slot_labels(2) == ["block 0", "block 1"]
    assert Granularity.parse("global").slot_labels(2) == ["all blocks"]


@pytest.mark.parametrize(
    ("name", "slots"),
    [
        ("model.embed_tokens.weight", (0, 1)),
        ("model.layers.0.self_attn.q_proj.weight", (0,)),
        ("model.layers.0.mlp.up_proj.weight", (1,)),
        ("model.layers.3.mlp.experts.7.up_proj.weight", (3,)),
        ("model.layers.2.self_attn.q_norm.weight", (2,)),
        ("model.layers.2.input_layernorm.weight", (2, 3)),
        ("model.layers.5.self_attn.o_proj.bias", (4,)),
        ("model.norm.weight", (4, 5)),
        ("lm_head.weight", (4, 5)),
        ("transformer.wte.weight", (0, 1)),
        ("transformer.wpe.weight", (0, 1)),
        ("transformer.h.5.attn.c_attn.weight", (4,)),
        ("transformer.h.5.ln_1.weight", (4, 5)),
        ("transformer.ln_f.weight", (4, 5)),
        ("gpt_neox.embed_in.weight", (0, 1)),
        ("gpt_neox.layers.4.attention.dense.weight", (4,)),
        ("embed_out.weight", (4, 5)),
        ("h.1.mlp.c_fc.weight", (1,)),
    ],
)
def test_which_slots_a_tensor_uses(name: str, slots: tuple[int, ...]) -> None:
    assert Granularity.parse("group:2+module").slots_of(name, 6) == slots


def test_global_module_averages_what_is_neither() -> None:
    granularity = Granularity.parse("global+module")
    assert granularity.slots_of("model.layers.9.self_attn.v_proj.weight", 10) == (0,)
    assert granularity.slots_of("model.embed_tokens.weight", 10) == (0, 1)


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("model.embed_tokens.weight", 2),
        ("model.layers.0.self_attn.q_proj.weight", 0),
        ("model.layers.3.mlp.up_proj.weight", 4),
        ("model.layers.2.input_layernorm.weight", 5),
        ("model.norm.weight", 8),
        ("lm_head.weight", 8),
    ],
)
def test_other_tensors_can_have_their_own_slot(name: str, slot: int) -> None:
    assert Granularity.parse("group:2+module+other").slots_of(name, 6) == (slot,)


@given(st.sampled_from(["global", "layer", "group:2", "group:5"]), st.booleans(), st.integers(1, 40), st.data())
def test_every_slot_is_used_and_every_tensor_has_one(
    depth: str, modules: bool, num_blocks: int, data: st.DataObject
) -> None:
    granularity = Granularity.parse(depth + ("+module" if modules else ""))
    parts = ("self_attn.q_proj.weight", "mlp.up_proj.weight", "input_layernorm.weight")
    used: set[int] = set()
    for block in range(num_blocks):
        for part in parts:
            slots = granularity.slots_of(f"model.layers.{block}.{part}", num_blocks)
            assert slots
            used.update(slots)
    assert used == set(range(granularity.num_slots(num_blocks)))
    assert len(granularity.slot_labels(num_blocks)) == granularity.num_slots(num_blocks)


def test_every_tensor_of_a_real_checkpoint_is_placed(full_models: ModelSet) -> None:
    granularity = Granularity.parse("layer+module")
    for name in full_models.tensor_names():
        slots = granularity.slots_of(name, full_models.num_blocks)
        assert set(slots) <= set(range(granularity.num_slots(full_models.num_blocks)))
