from __future__ import annotations

import pytest

from evomerge.errors import RecipeError
from merging.documents import load_documents

TEXT = """\
models:
  - model: a
    parameters:
      weight: [0.1,
        0.2]
  - model: b
---
name: second
"""
# Each entry is a list of ten times the one before it.
BOMB = "k0: &k0 [1]\n" + "".join(f"k{i + 1}: &k{i + 1} [{f'*k{i},' * 10}]\n" for i in range(7))


def test_entries_know_their_line() -> None:
    first, second = load_documents(TEXT, "merge.yml")
    models = first.fields(("models",))["models"].items()
    assert models[1].fields(("model",))["model"].where == "merge.yml: line 6: models[1].model"
    weights = models[0].entries()["parameters"].entries()["weight"].items()
    assert [one.where for one in weights] == [
        "merge.yml: line 4: models[0].parameters.weight[0]",
        "merge.yml: line 5: models[0].parameters.weight[1]",
    ]
    assert second.entries()["name"].where == "merge.yml: line 8: name"


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    (node,) = load_documents("wieght: 1\n", "merge.yml")
    with pytest.raises(RecipeError, match=r"merge.yml: line 1: wieght: .*did you mean 'weight'"):
        node.fields(("weight", "density"))


def test_null_is_nothing() -> None:
    (node,) = load_documents("a:\nb: 1\n", "x.yml")
    assert list(node.fields(("a", "b"))) == ["b"]


def test_merge_keys_and_anchors_are_plain_yaml() -> None:
    (node,) = load_documents("one: &one {a: 1, b: 2}\ntwo:\n  <<: *one\n  b: 3\n", "x.yml")
    assert node.value["two"] == {"a": 1, "b": 3}
    assert node.entries()["two"].entries()["b"].where == "x.yml: line 4: two.b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: a: is written in line 1 already"),
        ("a: [1, 2\n", "is not valid YAML"),
        ("a: !!python/object:os.system {}\n", "is not valid YAML"),
        ("", "is empty"),
        ("---\n---\n", "is empty"),
        ("a: &a [*a]\n", "nested too deeply or refers to itself"),
        (BOMB, "more than 200000 entries"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_documents(text, "x.yml")


@pytest.mark.parametrize(
    ("text", "read", "message"),
    [
        ("a: [1]", lambda node: node.text(), "expected a string"),
        ("a: x", lambda node: node.items(), "expected a list"),
        ("a: []", lambda node: node.items(), "at least one entry"),
        ("a: true", lambda node: node.integer(), "expected an integer"),
        ("a: 1", lambda node: node.entries(), "expected a mapping"),
        ("a: {1: 2}", lambda node: node.entries(), "is no string"),
        ("a: kat", lambda node: node.one_of(("cat", "dog")), "did you mean 'cat'"),
    ],
)
def test_wrong_types_are_refused(text: str, read: object, message: str) -> None:
    (node,) = load_documents(text, "x.yml")
    with pytest.raises(RecipeError, match=message):
        read(node.entries()["a"])  # type: ignore[operator]
