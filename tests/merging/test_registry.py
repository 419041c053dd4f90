"""Operators from other packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from evomerge.errors import RecipeError
from merging import operators
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.recipe import Recipe

SOURCE = '''
from merging.operators import Operator, Parameter


class Negate(Operator):
    """Base minus the task vectors."""

    name = "negate"
    summary = "Subtracts task vectors."
    paper = "none"
    linear_flag = "LIN"
    parameters = (Parameter("strength", "merge", True, 1.0, 0.0, 1.0, "How much."),)

    def kernel(self, prepared, values):
        inputs = prepared.inputs
        deltas = [delta.view(-1) for delta in inputs.deltas if delta is not None]

        def kernel(span, out):
            out.copy_(inputs.base.view(-1)[span])
            for delta in deltas:
                out.sub_(delta[span], alpha=values.merge["strength"])

        return kernel


class Clash(Negate):
    name = "linear"


class NotAnOperator:
    pass
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Install a distribution that announces one class under the entry point group."""

    def run(kind: str) -> None:
        (tmp_path / "evomerge_extra_operators.py").write_text(SOURCE)
        info = tmp_path / "evomerge_extra_operators-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evomerge-extra-operators\nVersion: 1.0\n")
        line = f"extra = evomerge_extra_operators:{kind}\n"
        (info / "entry_points.txt").write_text(f"[{operators.ENTRY_POINT_GROUP}]\n{line}")
        monkeypatch.syspath_prepend(tmp_path)
        operators.get_operator.cache_clear()
        operators._of_others.cache_clear()

    yield run
    operators.get_operator.cache_clear()
    operators._of_others.cache_clear()


def test_an_installed_operator_merges_like_a_built_in_one(install: Any, full_models: ModelSet) -> None:
    install("Negate")
    assert "negate" in operators.operator_names()
    recipe = Recipe("negate", ("a",), "layer", {"strength": (0.5, 0.0, 1.0, 1.0)})
    opposite = Recipe("task_arithmetic", ("a",), "layer", {"weight": {"a": (-0.5, 0.0, -1.0, -1.0)}})
    materializer = Materializer(full_models)
    expected = dict(materializer.tensors(opposite))
    for name, tensor in materializer.tensors(recipe):
        assert torch.equal(tensor, expected[name])


@pytest.mark.parametrize(
    ("kind", "problem"),
    [("NotAnOperator", "is not a class derived from"), ("Clash", "named 'linear' exists already")],
)
def test_broken_packages_are_named(install: Any, kind: str, problem: str) -> None:
    install(kind)
    with pytest.raises(RecipeError, match=problem) as caught:
        operators.operator_names()
    assert caught.value.field == "entry point 'extra'"
