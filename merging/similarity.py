"""How the task vectors of several experts lie to each other: cosines and norms, in all and by decoder block.

Task vectors of different tasks are nearly orthogonal (Ilharco et al., arXiv 2212.04089); where they are not, merges
interfere or agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from evomerge.errors import EvomergeError
from merging.blocks import BLOCK, spans
from merging.models import ModelSet
from merging.names import block_index
from merging.operators.inputs import Factors
from merging.threads import Threads
from merging.vectors import StoredVector, Vector

MOST_MODELS = 32
# Experts whose pairs are shown by block.
_MOST_BY_BLOCK = 8
_OTHER = "other"

Products = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Similarity:
    """The inner products of task vectors.

    Args:
        models: short names of the experts.
        blocks: decoder blocks by index, then ``other`` where experts change what lies outside of them.
        products: of each pair in each block, shape (blocks, models, models).
    """

    models: tuple[str, ...]
    blocks: tuple[str, ...]
    products: Products

    def to_dict(self) -> dict[str, Any]:
        """Return cosines and norms as JSON data of 6 digits; None where a task vector is zero.

        ``by_block`` has one row of cosines for each pair; None for more than 8 models.
        """
        whole = self.products.sum(axis=0)
        pairs = list(combinations(range(len(self.models)), 2))
        by_block = None
        if pairs and len(self.models) <= _MOST_BY_BLOCK:
            cosines = [_cosines(block) for block in self.products]
            rows = [[cosine[first][second] for cosine in cosines] for first, second in pairs]
            by_block = {"blocks": list(self.blocks), "pairs": [list(pair) for pair in pairs], "cosine": rows}
        return {
            "models": list(self.models),
            "cosine": _cosines(whole),
            "norms": [float(f"{norm:.6g}") for norm in np.sqrt(np.diag(whole))],
            "by_block": by_block,
            "reason": None,
        }


def similarity(models: ModelSet, expired: Callable[[], bool]) -> Similarity:
    """Compare the experts' task vectors, tensor by tensor.

    Adapters are compared by their factors, exactly: <B1 A1, B2 A2> is the trace of (B1' B2)(A2 A1'). Of checkpoints
    every tensor is read once, in fp32 blocks that are summed in fp64.

    Args:
        models: base and experts.
        expired: asked before every tensor.

    Raises:
        EvomergeError: ``expired`` said so, or there are more than 32 experts.
        ModelError: a tensor cannot be read.
    """
    experts = tuple(expert.name for expert in models.experts)
    if len(experts) > MOST_MODELS:
        raise EvomergeError(f"{len(experts)} models have too many pairs; {MOST_MODELS} are compared at most")
    names = [name for name in models.tensor_names() if models.is_merged(name)]
    products: dict[str, Products] = {}

    def compare(name: str) -> Products:
        if expired():
            raise EvomergeError(f"there was no time to compare all of the models' {len(names)} tensors")
        return _products(models, name, experts)

    for name, found in zip(names, Threads().map(compare, names), strict=True):
        index = block_index(name)
        label = _OTHER if index is None else str(index)
        products[label] = products.get(label, 0.0) + found
    blocks = sorted((label for label in products if label != _OTHER), key=int)
    if _OTHER in products and products[_OTHER].any():
        blocks.append(_OTHER)
    return Similarity(experts, tuple(blocks), np.array([products[label] for label in blocks]))


def _products(models: ModelSet, name: str, experts: Sequence[str]) -> Products:
    """Return the inner products of the experts' changes to one tensor, shape (experts, experts)."""
    factors: dict[int, Factors] = {}
    changes: dict[int, Vector] = {}
    for place, expert in enumerate(experts):
        if (pair := models.factors(name, expert)) is not None:
            factors[place] = pair
        elif (change := _change(models, name, expert)) is not None:
            changes[place] = change
    products = np.zeros((len(experts), len(experts)))
    if changes:
        changes |= {place: (one.b @ one.a).reshape(-1) for place, one in factors.items()}
        places = list(changes)
        products[np.ix_(places, places)] = _of_vectors(list(changes.values()))
    elif factors:
        places = list(factors)
        products[np.ix_(places, places)] = _of_factors(list(factors.values()))
    return products


def _change(models: ModelSet, name: str, expert: str) -> Vector | None:
    stored = models.stored(name, expert)
    if stored is not None:
        return StoredVector(stored.view(-1), models.base_tensor(name).view(-1))
    delta = models.delta(name, expert)
    return None if delta is None else delta.reshape(-1)


def _of_vectors(vectors: Sequence[Vector]) -> Products:
    rows = torch.empty(len(vectors), min(BLOCK, len(vectors[0])))
    products = torch.zeros(len(vectors), len(vectors), dtype=torch.float64)
    for span in spans(len(vectors[0])):
        block = rows[:, : span.stop - span.start]
        for row, vector in zip(block, vectors, strict=True):
            row.copy_(vector[span])
        products += block @ block.T
    return products.numpy()


def _of_factors(factors: Sequence[Factors]) -> Products:
    b = torch.cat([one.b for one in factors], dim=1).double()
    a = torch.cat([one.a for one in factors], dim=0).double()
    by_rank = ((b.T @ b) * (a @ a.T)).numpy()
    starts = np.cumsum([0, *(len(one.a) for one in factors[:-1])])
    found: Products = np.add.reduceat(np.add.reduceat(by_rank, starts, axis=0), starts, axis=1)
    return found


def _cosines(products: Products) -> list[list[float | None]]:
    norms = np.sqrt(np.diag(products))
    return [
        [
            float(f"{min(1.0, max(-1.0, value / (one * other))):.6g}") if one > 0 and other > 0 else None
            for value, other in zip(row, norms, strict=True)
        ]
        for row, one in zip(products, norms, strict=True)
    ]
