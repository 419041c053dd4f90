"""Cosines of task vectors: exact from factors, the same from whole tensors, and honest where there is no time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evomerge.errors import EvomergeError
from merging.models import ModelSet
from merging.names import block_index
from merging.similarity import similarity


def products(models: ModelSet, names: list[str]) -> Any:
    """The inner products of task vectors that are built whole, in fp64."""
    experts = [expert.name for expert in models.experts]
    found = np.zeros((len(experts), len(experts)))
    for name in names:
        deltas = [models.delta(name, expert) for expert in experts]
        flat = [np.zeros(1) if one is None else one.double().reshape(-1).numpy() for one in deltas]
        found += [[float((one * other).sum()) for other in flat] for one in flat]
    return found


@pytest.mark.parametrize("kind", ["full_models", "mixed_models", "lora_models"])
def test_it_is_that_of_whole_task_vectors_in_all_and_by_block(kind: str, request: pytest.FixtureRequest) -> None:
    models = request.getfixturevalue(kind)
    names = [name for name in models.tensor_names() if models.is_merged(name)]
    found = similarity(models, lambda: False)
    shown = found.to_dict()
    whole = products(models, names)
    norms = np.sqrt(np.diag(whole))
    assert norms.all()
    np.testing.assert_allclose(shown["norms"], norms, rtol=1e-5)
    np.testing.assert_allclose(np.array(shown["cosine"], dtype=float), whole / np.outer(norms, norms), atol=1e-5)
    first = products(models, [name for name in names if block_index(name) == 0])
    assert found.blocks[0] == "0"
    np.testing.assert_allclose(found.products[0], first, rtol=1e-4, atol=1e-7)
    pair = shown["by_block"]["pairs"][0]
    assert pair == [0, 1] and len(shown["by_block"]["cosine"][0]) == len(found.blocks)
    expected = first[0, 1] / np.sqrt(first[0, 0] * first[1, 1])
    assert shown["by_block"]["cosine"][0][0] == pytest.approx(expected, abs=1e-5)


def test_a_model_that_changes_nothing_has_no_cosine(family: Any) -> None:
    found = similarity(family.open(still=family.base, a=family.full[0]), lambda: False).to_dict()
    assert found["cosine"] == [[None, None], [None, 1.0]]
    assert found["norms"][0] == 0.0 and found["by_block"]["cosine"][0][0] is None


def test_it_stops_when_its_time_is_up(full_models: ModelSet) -> None:
    asked = iter([False, True])
    with pytest.raises(EvomergeError, match="no time"):
        similarity(full_models, lambda: next(asked, True))
