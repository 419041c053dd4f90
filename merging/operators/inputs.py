"""What operators are given: one tensor of every model, the whole model tensor by tensor, coefficients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torch import Tensor

from merging.layout import Layout, layout_of
from merging.loops import Flat
from merging.vectors import Vector, vectors_of

if TYPE_CHECKING:
    from merging.models import ModelSet

OptionValue = bool | str | int | float
Options = Mapping[str, OptionValue]


@dataclass(frozen=True)
class Values:
    """The coefficients that apply to one tensor.

    Args:
        model: per-model parameters, in expert order.
        merge: merge-wide parameters.
        steps: parameters of every step on offer, for operators that compose depth.
    """

    model: Mapping[str, tuple[float, ...]]
    merge: Mapping[str, float]
    steps: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Factors:
    """The exact low-rank form of a task vector, ``b @ a`` with the adapter's scale in ``b``.

    Args:
        b: fp32, shape (out, rank).
        a: fp32, shape (rank, in).
    """

    b: Tensor
    a: Tensor


@dataclass(frozen=True)
class TensorInputs:
    """One tensor of the base with the experts' changes to it.

    Args:
        name: checkpoint name.
        base: the base tensor in its stored dtype; read-only.
        models: expert names.
        deltas: one per expert, the fp32 task vector (expert minus base) in the shape of ``base``, or None
            where it is zero everywhere. Shared between operators; read-only. Where the operator reads by span,
            computed anew at every access.
        seed: of the recipe.
        factors: one per expert, its low-rank form where the expert is an adapter on this tensor, else None;
            empty where nobody asked.
        values: the coefficients where this one candidate is all that will be made, so that ``prepare`` may
            keep what they need and no more; None while a search goes on.
        config: ``config.json`` of the base, for the layout of fused tensors.
    """

    name: str
    base: Tensor
    models: tuple[str, ...]
    deltas: Sequence[Tensor | None]
    seed: int = 0
    factors: tuple[Factors | None, ...] = ()
    values: Values | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def flat(self) -> Flat:
        """The base, flat."""
        return Flat(self.base.reshape(-1))

    @cached_property
    def vectors(self) -> tuple[Vector | None, ...]:
        """The same task vectors, flat, for kernels that read them span by span."""
        return vectors_of(self.deltas)

    @cached_property
    def layout(self) -> Layout:
        """How the tensor splits into two-dimensional weights."""
        return layout_of(self.name, tuple(self.base.shape), self.config)


@dataclass(frozen=True)
class MergeInputs:
    """Every tensor of a merge, read one at a time, for statistics that no single tensor has.

    Args:
        names: checkpoint names of all merged tensors, sorted.
        models: expert names.
        num_blocks: decoder blocks of the base.
        load: reads one tensor; reading it twice is allowed and, in a streamed merge, costs the reading.
        seed: of the recipe.
        model_set: the opened models, for operators that run them on data; None in tests on bare tensors.
        once: this one candidate is all that will be made; every loaded tensor then has ``values``.
        depth: blocks of the result, for operators that compose depth; None stands for ``num_blocks``.
        sizes: elements of every tensor, where that is known without reading.
    """

    names: tuple[str, ...]
    models: tuple[str, ...]
    num_blocks: int
    load: Callable[[str], TensorInputs]
    seed: int = 0
    model_set: ModelSet | None = None
    once: bool = False
    depth: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    def size(self, name: str) -> int:
        """Return the number of elements of a tensor."""
        return self.sizes[name] if name in self.sizes else self.load(name).base.numel()

    @classmethod
    def of(cls, tensors: Sequence[TensorInputs], num_blocks: int = 1, model_set: ModelSet | None = None) -> MergeInputs:
        """Make inputs of tensors that are in memory."""
        held = {tensor.name: tensor for tensor in tensors}
        first = tensors[0]
        once = first.values is not None
        return cls(tuple(sorted(held)), first.models, num_blocks, held.__getitem__, first.seed, model_set, once)

    def __iter__(self) -> Iterator[TensorInputs]:
        return map(self.load, self.names)


@dataclass(frozen=True)
class Prepared:
    """A tensor with everything that one operator computed from it ahead of any coefficient."""

    inputs: TensorInputs
    options: Options
    data: Any = None
