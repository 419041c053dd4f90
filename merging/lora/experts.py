"""The experts' task vectors as factors of linear layers: an adapter's own, or the leading part of whatever changed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from merging.lora.combine import approximated, truncated
from merging.models import ModelSet
from merging.names import block_index
from merging.operators.inputs import Factors


@dataclass
class Loss:
    """What factors miss of one expert's task vector, as squared Frobenius norms over the whole model.

    Args:
        truncated: of what truncation lost in the matrices that have factors.
        left_out: of what is changed elsewhere: norms, biases, embeddings, head.
        whole: of the task vector.
    """

    truncated: float = 0.0
    left_out: float = 0.0
    whole: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """Return both losses as norms relative to that of the whole task vector."""
        whole = self.whole or 1.0
        return {"truncated": math.sqrt(self.truncated / whole), "left_out": math.sqrt(self.left_out / whole)}


def matrices(models: ModelSet) -> tuple[str, ...]:
    """Return the checkpoint names of the blocks' matrices, which are what adapters of an engine can change."""
    return tuple(
        name
        for name in models.tensor_names()
        if name.endswith(".weight")
        and block_index(name) is not None
        and len(models.tensor_info(name).shape) == 2
        and models.is_merged(name)
    )


def adapted(models: ModelSet) -> tuple[str, ...]:
    """Return the sorted checkpoint names of what any expert changes, where all of them are adapters."""
    return tuple(sorted({name for one in models.experts for name in models.adapter(one.name).touched()}))


@dataclass
class ExpertFactors:
    """Factors of every expert's task vector, computed when they are asked for.

    Args:
        models: base and experts; all experts are adapters of linear layers where ``rank`` is None.
        rank: of each expert in each matrix at most, by the best approximation in the Frobenius norm; None takes
            adapters as they are.
        losses: what was missed so far, by expert; complete once :meth:`of` was asked for every name and
            :meth:`measure` was called.
    """

    models: ModelSet
    rank: int | None = None
    losses: dict[str, Loss] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Checkpoint names of the tensors that may have factors."""
        return adapted(self.models) if self.rank is None else matrices(self.models)

    def of(self, name: str, expert: str) -> Factors | None:
        """Return the factors of one tensor; None where the expert does not change it."""
        factors = self.models.factors(name, expert)
        if self.rank is None:
            return factors
        loss = self.losses.setdefault(expert, Loss())
        if factors is not None:
            found = truncated(factors, self.rank) if len(factors.a) > self.rank else factors
            whole, kept = (_squared(one) for one in (factors, found))
        else:
            delta = self.models.delta(name, expert)
            if delta is None:
                return None
            found, (kept, whole) = approximated(delta, self.rank)
        loss.whole += whole
        loss.truncated += max(whole - kept, 0.0)
        return found

    def measure(self) -> dict[str, dict[str, float]]:
        """Count what has no factors into the losses; return them relative to the task vectors, see :class:`Loss`.

        Call it once, after the factors of all names were asked for.
        """
        linear = {*self.names}
        for expert in self.models.experts:
            loss = self.losses.setdefault(expert.name, Loss())
            for name in self.models.tensor_names():
                delta = None if name in linear else self.models.delta(name, expert.name)
                if delta is not None:
                    size = float(torch.linalg.vector_norm(delta, dtype=torch.float64)) ** 2
                    loss.whole += size
                    loss.left_out += size
        return {name: loss.to_dict() for name, loss in self.losses.items()}


def _squared(factors: Factors) -> float:
    """Return the squared Frobenius norm of ``b @ a`` from Gram matrices as small as the rank."""
    left, right = factors.b.double(), factors.a.double()
    return float(((left.T @ left) * (right @ right.T)).sum())
