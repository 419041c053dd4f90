"""Binding coefficients for a GPU's loops: once for all spans of tensors that an operator treats alike.

What an operator makes of coefficients mostly depends on them and on which experts change a tensor, not on what the
tensors hold. So it binds them to arrays that cannot be looked at (:class:`Unseen`), and its answer says which arrays go
where, with the numbers, for every tensor like that. An operator that does look is asked again for each tensor.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

from torch import Tensor

from evomerge.errors import EvomergeError, Infeasible
from merging.gpu.loops import add_rows, average_rows, choose_rows, elect_rows, need_rows
from merging.loops import Flat
from merging.operators.base import Operator, Prepared, Values
from merging.operators.draws import Draws
from merging.operators.fills import Band, Drawn
from merging.operators.kernels import ChoiceKernel, ElectionKernel, MeanKernel, NeededKernel, SumKernel
from merging.vectors import StoredVector, Vector

Slots = tuple[int, ...]


class Looked(Exception):
    """An operator looked at the arrays of a tensor to bind coefficients, so no other tensor is like that one."""


class Instead(Enum):
    """What becomes of a span that no loop computes."""

    BASE = "it stays as the base has it"
    PROCESSOR = "the processor computes it"


@dataclass(frozen=True, eq=False)
class Unseen:
    """Stands for an array of every tensor that is treated alike; nothing but its size is known.

    Args:
        array: which one, and of which expert.
        size: elements.
        ndim: dimensions.
    """

    array: tuple[str, int]
    size: int
    ndim: int = 1

    def __len__(self) -> int:
        return self.size

    def numel(self) -> int:
        """Return the number of elements."""
        return self.size

    def reshape(self, *_: int) -> Unseen:
        """Return itself: how it is shaped is as unknown as what it holds."""
        return self

    view = reshape

    def within(self, prepared: Prepared) -> Any:
        """Return the array of one tensor."""
        kind, expert = self.array
        return prepared.inputs.vectors[expert] if kind == "vector" else prepared.data[expert].levels


@dataclass(frozen=True)
class _UnseenInputs:
    """What of ``TensorInputs`` is the same for tensors that are treated alike."""

    base: Any
    flat: Any
    models: tuple[str, ...]
    vectors: tuple[Any, ...]


@dataclass(frozen=True)
class Bound:
    """A kernel as a launch takes it.

    Args:
        function: a Triton function of :mod:`merging.gpu.loops`.
        rules: constants that it is compiled for, beside those that follow from the arrays.
        vectors: one per expert that takes part.
        levels: likewise, or none.
        numbers: the line of numbers, with 1 in the place of the depth profile.
    """

    function: Any
    rules: tuple[tuple[str, bool], ...]
    vectors: Sequence[Vector | Unseen]
    levels: Sequence[Tensor | Unseen]
    numbers: Sequence[float]

    @property
    def takes_levels(self) -> bool:
        """Whether the function is compiled for levels of some size, used or not."""
        return self.function is not add_rows

    @cached_property
    def form(self) -> tuple[Any, ...]:
        """Everything but the numbers: while it stays the same, so do the tables of addresses."""
        return self.function, self.rules, *map(_address, (*self.vectors, *self.levels))


class Alike:
    """Spans of tensors to which an operator binds coefficients alike.

    Args:
        name: of the first tensor, for errors.
        slots: whose coefficients apply.
        prepared: the first tensor.
    """

    def __init__(self, name: str, slots: Slots, prepared: Prepared) -> None:
        """Hold one tensor so far, which the operator may look at."""
        self.name = name
        self.slots = slots
        self._prepared = prepared
        self._shared = False
        self._lasting: frozenset[Any] | None = None

    def share(self) -> None:
        """Let the numbers stand for another tensor too."""
        if not self._shared:
            self._prepared, self._shared, self._lasting = _unseen(self._prepared), True, None

    def bind(self, operator: Operator, values: Values) -> Bound | Instead:
        """Bind coefficients.

        Raises:
            Infeasible: these coefficients have no merge.
            Looked: the operator looks at the tensors, which differ.
        """
        try:
            kernel = operator.kernel(self._prepared, values)
        except Infeasible as error:
            raise Infeasible(f"{self.name}: {error}") from error
        except Exception as error:
            # An array that cannot be looked at may fail in any way.
            if self._shared and not isinstance(error, EvomergeError):
                raise Looked from error
            raise
        if kernel is None:
            return Instead.BASE
        found = bound(kernel)
        return found if found is not None and self._known.issuperset(found.form[2:]) else Instead.PROCESSOR

    @property
    def _known(self) -> frozenset[Any]:
        """The arrays that stay as they are from candidate to candidate, so that a GPU may keep them."""
        if self._lasting is None:
            inputs, data = self._prepared.inputs, self._prepared.data
            self._lasting = frozenset(map(_address, (inputs.base, *_arrays(inputs.vectors), *_arrays(data))))
        return self._lasting


def alike(prepared: Prepared, slots: Slots) -> Hashable:
    """Return a key that tensors have in common if an operator can be asked once for all, see :class:`Alike`."""
    inputs = prepared.inputs
    experts = tuple(vector is not None for vector in inputs.vectors)
    return slots, inputs.base.ndim, inputs.base.numel(), experts, _essence(prepared.data)


def bound(kernel: object) -> Bound | None:
    """Return a kernel as a launch takes it; None where there is no loop for a GPU."""
    if isinstance(kernel, SumKernel):
        return Bound(add_rows, (), kernel.vectors, (), (kernel.scale, 1.0, 0.0, *kernel.weights))
    if isinstance(kernel, NeededKernel):
        return Bound(need_rows, (), kernel.vectors, kernel.levels, (kernel.scale, 1.0, kernel.least, *kernel.steps))
    if not isinstance(kernel, ChoiceKernel | ElectionKernel | MeanKernel):
        return None
    fills: Sequence[Any] = kernel.fills
    drawn = isinstance(fills[0], Drawn)
    if not drawn and not isinstance(fills[0], Band):
        return None
    vectors, levels = [fill.flat for fill in fills], [fill.levels for fill in fills] if drawn else ()
    bounds = [fill.bound for fill in fills] * 2 if drawn else _bands(fills)
    if isinstance(kernel, ChoiceKernel):
        return Bound(
            choose_rows, (("DRAWN", drawn),), vectors, levels, (0.0, 1.0, 0.0, *kernel.weights, *bounds)
        )  # fmt: skip
    if isinstance(kernel, MeanKernel):
        numbers = (kernel.scale, 1.0, 0.0, *kernel.gains, *bounds)
        return Bound(average_rows, (("DRAWN", drawn), ("AMPLIFIES", kernel.amplifies)), vectors, levels, numbers)
    rules = (
        ("DRAWN", drawn), ("COUNT", kernel.count), ("PLUS", kernel.plus), ("MEAN", kernel.mean),
        ("SIGNED", kernel.signed),
    )  # fmt: skip
    first, second = zip(*kernel.factors, strict=True)
    numbers = (
        kernel.scale, 1.0, kernel.least, *first, *second, *kernel.votes, *kernel.shares, *kernel.portions, *bounds
    )  # fmt: skip
    return Bound(elect_rows, rules, vectors, levels, numbers)


def _bands(fills: Sequence[Band]) -> list[float]:
    """Return lows and highs as the loops take them, NaN for none."""
    lows = [math.nan if fill.low < 0.0 else fill.low for fill in fills]
    return lows + [math.nan if fill.high == math.inf else fill.high for fill in fills]


def _address(array: Any) -> Any:
    """Return what tells an array from others."""
    if isinstance(array, Unseen):
        return array.array
    return (array.expert if isinstance(array, StoredVector) else array).data_ptr()


def _unseen(prepared: Prepared) -> Prepared:
    """Return a tensor without anything that it does not share with others that are alike."""
    inputs = prepared.inputs
    size = inputs.base.numel()
    vectors = tuple(
        None if vector is None else Unseen(("vector", expert), size) for expert, vector in enumerate(inputs.vectors)
    )
    base: Any = Unseen(("base", 0), size, inputs.base.ndim)
    blind: Any = _UnseenInputs(base, Flat(base), inputs.models, vectors)
    data = prepared.data
    if isinstance(data, tuple):
        data = tuple(_unseen_draws(one, expert, size) for expert, one in enumerate(data))
    return Prepared(blind, prepared.options, data)


def _unseen_draws(data: Any, expert: int, size: int) -> Any:
    levels: Any = Unseen(("levels", expert), size)
    return replace(data, levels=levels) if isinstance(data, Draws) else data


def _essence(data: Any) -> Any:
    """Return what two tensors' prepared data must share: plain values, the rules of draws, else the object itself."""
    if isinstance(data, tuple):
        return tuple(map(_essence, data))
    if isinstance(data, Draws):
        return Draws, data.origin, data.slope, data.exact
    # Numbers of fp64 too: equal ones may still differ in sign.
    return data if data is None or isinstance(data, bool | int | str) else id(data)


def _arrays(data: Any) -> Iterator[Any]:
    """Yield the arrays in prepared data."""
    if isinstance(data, Tensor | Unseen | StoredVector):
        yield data
    elif isinstance(data, tuple | list):
        for one in data:
            yield from _arrays(one)
    elif is_dataclass(data):
        for field in fields(data):
            yield from _arrays(getattr(data, field.name))
