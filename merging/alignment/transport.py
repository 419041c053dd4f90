"""Soft alignment: optimal transport of one model's neurons onto another's, from the input to the output.

Transformer fusion (2310.05719) after OTFusion (1910.05653). A transport map of an axis is a matrix of shape
(neurons that move, neurons that stay) with uniform marginals, scaled so that its columns sum to one: a moved
neuron is a weighted mean of the neurons sent to it. Maps of permutations move neurons and change no function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from merging.alignment.axes import Axis, Matrix, moved
from merging.alignment.matching import Model
from merging.depth import is_output_projection
from merging.layout import layout_of
from merging.names import block_index, is_embedding, module_kind

Solver = Literal["emd", "sinkhorn"]
Policy = Literal["mean", "residual", "branch", "identity"]
Features = Callable[[str, int, str], tuple[Tensor, Tensor]]
"""Activations of the neurons written by a tensor's part in both models, each (neurons, samples)."""


@dataclass(frozen=True)
class Settings:
    """How maps are found.

    Args:
        solver: ``emd`` is exact and gives permutations between equal widths; ``sinkhorn`` is smoothed.
        regularization: of Sinkhorn, relative to costs scaled to at most 1.
        policy: what a block passes on where its branch meets the residual stream: the mean of both maps, one
            of them, or the identity everywhere on the stream.
    """

    solver: Solver = "emd"
    regularization: float = 0.06
    policy: Policy = "mean"


@dataclass
class Maps:
    """The maps of a pair of models.

    Args:
        axes: map of each axis inside a block.
        reads: map of the residual stream that a tensor reads or scales, by tensor name.
        writes: map of what an output projection adds to the stream, by tensor name.
    """

    axes: dict[Axis, Tensor] = field(default_factory=dict)
    reads: dict[str, Tensor] = field(default_factory=dict)
    writes: dict[str, Tensor] = field(default_factory=dict)

    def move(self, tensor: Tensor, matrices: tuple[Matrix, ...], config: Mapping[str, Any], head: int) -> Tensor:
        """Return a tensor of the second model in the first one's neurons; ``head`` is the size of a head."""
        name = matrices[0].name

        def one(part: Tensor, axis: Axis, dimension: int) -> Tensor:
            if axis[0] == "residual":
                plan = (self.writes if is_output_projection(name) else self.reads)[name]
            else:
                plan = _whole_heads(self.axes[axis], head) if axis[0] in ("query", "key") else self.axes[axis]
            return plan.T @ part if dimension == 0 else part @ plan

        return moved(tensor, matrices, config, one)


def transport(model: Model, settings: Settings, features: Features | None) -> Maps:
    """Find the maps of a pair of models, from the embedding to the head.

    Args:
        model: the pair: the first one stays, the second one moves.
        settings: solver and policy.
        features: activations to compare neurons by; None compares their incoming weights.
    """
    return _Transport(model, settings, features).run()


class _Transport:
    def __init__(self, model: Model, settings: Settings, features: Features | None) -> None:
        self.model = model
        self.settings = settings
        self.features = features
        self.maps = Maps()
        self.blocks: dict[int, list[str]] = {}
        for name in model.matrices:
            block = block_index(name)
            if block is not None:
                self.blocks.setdefault(block, []).append(name)

    def run(self) -> Maps:
        outside = [name for name in self.model.matrices if block_index(name) is None]
        embedding = next(name for name in outside if is_embedding(name))
        stream = self._stream_of(embedding)
        self.maps.reads[embedding] = stream
        for block in sorted(self.blocks):
            stream = self._block(block, stream)
        for name in outside:
            self.maps.reads.setdefault(name, stream)
        return self.maps

    def _stream_of(self, embedding: str) -> Tensor:
        stays, moves = self.model.pair(embedding)
        if self.settings.policy == "identity":
            return torch.eye(stays.shape[1])
        return self._map(*(self._compared(embedding, 0, "columns") or (stays.T, moves.T)))

    def _block(self, block: int, stream: Tensor) -> Tensor:
        for kind in ("attention", "mlp"):
            names = [n for n in self.blocks[block] if module_kind(n) == kind]
            norms = [n for n in self.blocks[block] if module_kind(n) is None and _norm_kind(n) == kind]
            readers = [n for n in names if not is_output_projection(n)]
            writers = [n for n in names if is_output_projection(n)]
            self.maps.reads |= dict.fromkeys([*norms, *readers], stream)
            if kind == "attention":
                self._heads(block, readers)
            else:
                self.maps.axes["hidden", block] = self._map(*self._rows(readers, ("hidden", block)))
            branch = stream
            if self.settings.policy in ("mean", "branch"):
                branch = self._written(next(n for n in writers if n.endswith(".weight")))
            self.maps.writes |= dict.fromkeys(writers, branch)
            stream = {"mean": (stream + branch) / 2, "branch": branch}.get(self.settings.policy, stream)
        return stream

    def _heads(self, block: int, readers: list[str]) -> None:
        """Transport whole key-value heads, and query heads inside them."""
        heads = self.model.heads
        per_key = heads.queries // heads.keys
        queries = [_per_head(one, heads.queries) for one in self._rows(readers, ("query", block))]
        keys = [_per_head(one, heads.keys) for one in self._rows(readers, ("key", block))]
        groups = [
            torch.cat([key, query.reshape(heads.keys, -1)], dim=1) for key, query in zip(keys, queries, strict=True)
        ]
        outer = self._map(groups[0], groups[1])
        inner = torch.zeros(heads.queries, heads.queries)
        for moves in range(heads.keys):
            for stays in range(heads.keys):
                if float(outer[moves, stays]) == 0.0:
                    continue
                rows, columns = (slice(g * per_key, (g + 1) * per_key) for g in (moves, stays))
                inner[rows, columns] = outer[moves, stays] * self._map(queries[0][columns], queries[1][rows])
        self.maps.axes["key", block], self.maps.axes["query", block] = outer, inner

    def _rows(self, names: list[str], axis: Axis) -> tuple[Tensor, Tensor]:
        """Return what describes each neuron of an axis in both models: rows of the weights that write it."""
        first, second = [], []
        for name in names:
            for matrix, one, two in self._parts(name):
                if matrix.rows != axis:
                    continue
                compared = self._compared(name, matrix.part, "rows") or (one, two)
                first.append(compared[0].reshape(len(one), -1))
                second.append(compared[1].reshape(len(two), -1))
        return torch.cat(first, dim=1), torch.cat(second, dim=1)

    def _written(self, name: str) -> Tensor:
        """Map the rows of an output projection, whose columns are moved already."""
        stays, moves = self.model.pair(name)
        if (compared := self._compared(name, 0, "rows")) is not None:
            return self._map(*compared)
        self.maps.writes[name] = torch.eye(len(moves))
        moves = self.maps.move(moves, self.model.matrices[name], self.model.config, self.model.heads.size)
        return self._map(stays, moves)

    def _parts(self, name: str) -> list[tuple[Matrix, Tensor, Tensor]]:
        stays, moves = self.model.pair(name)
        layout = layout_of(name, tuple(stays.shape), self.model.config)
        found = []
        for matrix, one, two in zip(self.model.matrices[name], layout.split(stays), layout.split(moves), strict=True):
            reads = matrix.columns is not None and matrix.columns[0] == "residual"
            found.append((matrix, one, two @ self.maps.reads[name] if reads else two))
        return found

    def _compared(self, name: str, part: int, side: str) -> tuple[Tensor, Tensor] | None:
        return None if self.features is None else self.features(name, part, side)

    def _map(self, stays: Tensor, moves: Tensor) -> Tensor:
        """Return the map between rows of two matrices by their Euclidean distances."""
        import ot

        cost = torch.cdist(moves.double(), stays.double()).numpy()
        cost /= max(float(cost.max()), np.finfo(np.float64).tiny)
        first, second = (np.full(count, 1.0 / count) for count in cost.shape)
        if self.settings.solver == "emd":
            plan = ot.emd(first, second, cost, numItermax=10_000_000)
        else:
            plan = ot.sinkhorn(
                first, second, cost, self.settings.regularization, method="sinkhorn_log", numItermax=2000, warn=False
            )
        return torch.from_numpy(plan / plan.sum(axis=0, keepdims=True)).float()


def _norm_kind(name: str) -> str:
    """Return which branch a norm of a block stands before."""
    return "mlp" if "post_attention" in name or "ffn_norm" in name or "mlp" in name else "attention"


def _per_head(rows: Tensor, heads: int) -> Tensor:
    return rows.reshape(heads, -1)


def _whole_heads(plan: Tensor, size: int) -> Tensor:
    return torch.kron(plan, torch.eye(size))
