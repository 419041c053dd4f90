from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evomerge.errors import RecipeError
from merging.documents import Node, load_documents
from merging.mergekit.parameters import Kind, read_settings, resolve


def node(text: str) -> Node:
    return load_documents(text, "merge.yml")[0]


def value(text: str, name: str = "w", tensor: str = "model.layers.0.mlp.up_proj.weight", depth: float = 0.0,
          kind: Kind = "float") -> Any:  # fmt: skip
    found = resolve(name, kind, [read_settings(node(text))], tensor, depth)
    return None if found is None else found.value


@given(points=st.lists(st.floats(-2, 2), min_size=1, max_size=6), depth=st.floats(0, 1))
@settings(max_examples=25)
def test_a_gradient_is_piecewise_linear_over_depth(points: list[float], depth: float) -> None:
    found = value(f"w: {points}", depth=depth)
    assert min(points) - 1e-9 <= found <= max(points) + 1e-9
    if len(points) == 1:
        assert found == points[0]
        return
    # Straight from the definition: the two points around the depth, weighted by nearness.
    places = [index / (len(points) - 1) for index in range(len(points))]
    after = next(index for index, place in enumerate(places) if place >= depth)
    if places[after] == depth or after == 0:
        expected = points[after]
    else:
        near = (depth - places[after - 1]) / (places[after] - places[after - 1])
        expected = points[after - 1] * (1 - near) + points[after] * near
    assert found == pytest.approx(expected, abs=1e-9)


def test_ends_of_a_gradient_are_exact() -> None:
    assert value("w: [0.1, 0.7, 0.3]", depth=0.0) == 0.1
    assert value("w: [0.1, 0.7, 0.3]", depth=0.5) == 0.7
    assert value("w: [0.1, 0.7, 0.3]", depth=1.0) == 0.3


def test_the_first_filter_that_occurs_in_the_name_decides() -> None:
    text = "w: [{filter: up_proj, value: 1}, {filter: mlp, value: 2}, {value: 3}]"
    assert value(text) == 1.0
    assert value(text, tensor="model.layers.0.mlp.down_proj.weight") == 2.0
    assert value(text, tensor="model.norm.weight") == 3.0
    assert value("w: [{filter: '*', value: 4}]") == 4.0
    assert value("w: {filter: mlp, value: [5, 6]}", depth=1.0) == 6.0


def test_what_says_nothing_leaves_the_word_to_the_next_place() -> None:
    near = read_settings(node("w: [{filter: attn, value: 1}]"))
    empty = read_settings(node("w: []"))
    far = read_settings(node("w: 2"))
    found = resolve("w", "float", [near, empty, {}, far], "model.norm.weight", 0.0)
    assert found is not None
    assert found.value == 2.0
    found = resolve("w", "float", [near, far], "model.layers.1.self_attn.q_proj.weight", 0.0)
    assert found is not None
    assert found.value == 1.0
    assert resolve("w", "float", [near], "model.norm.weight", 0.0) is None


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("w: 1e-5", "float", 1e-5),
        ("w: '0.25'", "float", 0.25),
        ("w: true", "float", 1.0),
        ("w: 10", "int", 10),
        ("w: '12'", "int", 12),
        ("w: 3.0", "int", 3),
        ("w: yes", "bool", True),
        ("w: 'off'", "bool", False),
        ("w: 1", "bool", True),
        ("w: 0.0", "bool", False),
        ("w: [true, false]", "bool", True),
    ],
)
def test_scalars_take_the_parameters_type(text: str, kind: Kind, expected: Any) -> None:
    found = value(text, kind=kind)
    assert found == expected
    assert type(found) is type(expected)


def test_a_gradient_of_switches_does_not_interpolate() -> None:
    assert [value("w: [true, false, true]", depth=d / 4, kind="bool") for d in range(5)] == [
        True, True, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("w: lots", "float", "line 1: w: found 'lots', expected a finite number"),
        ("w: .nan", "float", "expected a finite number"),
        ("w: .inf", "float", "expected a finite number"),
        ("w: 1.5", "int", "expected a whole number"),
        ("w: maybe", "bool", "expected true or false"),
        ("w: 2", "bool", "expected true or false"),
        ("w: [[1]]", "float", r"w\[0\]: found \[1\]"),
        ("w: [{filter: a}]", "float", "'value' is missing"),
        ("w: [{filter: a, vlaue: 1}]", "float", "did you mean 'value'"),
        ("w: [{filter: 3, value: 1}]", "float", "expected a string"),
        ("w: [1, {value: 2}]", "float", "expected a mapping"),
    ],
)
def test_what_is_no_setting_is_refused(text: str, kind: Kind, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        value(text, kind=kind)
