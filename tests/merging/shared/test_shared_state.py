"""Merges from state that processes share are those from state of one's own, to the last bit."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.recipe import Recipe
from merging.shared import leases
from merging.shared.items import Items, SharedState

# Surveys, ranks, draws, thresholds, matrices of their own, views of task vectors; the last keeps functions.
METHODS = ("ties", "breadcrumbs", "dare_ties", "della", "sce", "ram", "tsv_m", "knots", "model_stock", "layer_path")
PRIVATE = {"layer_path"}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(leases.VARIABLE, str(tmp_path))
    found = leases.root()
    assert found is not None
    return found


def recipe(method: str, models: ModelSet) -> Recipe:
    names = [one.name for one in models.experts]
    return Recipe(method, tuple(names[: get_operator(method).max_models or len(names)]))


@pytest.mark.parametrize("method", METHODS)
def test_merges_are_those_of_private_state(
    method: str, mixed_models: ModelSet, same: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    wanted = recipe(method, mixed_models)
    private = dict(Materializer(mixed_models).tensors(wanted))
    first = Materializer(mixed_models, shared=SharedState())
    assert same(dict(first.tensors(wanted)), private)
    found = [one for one in place.rglob("*") if one.is_file()]

    # The second computes nothing that the first has shared.
    def refuse(self: Items, *rest: Any) -> None:
        raise AssertionError("computed again")

    if method not in PRIVATE:
        monkeypatch.setattr(Items, "_computed", refuse)
    second = Materializer(mixed_models, shared=SharedState())
    assert same(dict(second.tensors(wanted)), private)
    assert found
    del first, second
    # Some hold each other.
    gc.collect()
    assert not place.exists()
