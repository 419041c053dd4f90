"""Coefficients of task vectors that are learned: the mixture that they make and a loss's gradient in them.

A merged tensor is ``base + sum_i c_i * delta_i`` with one ``c_i`` for each expert and part of the tensor, so the
derivative of a loss in ``c_i`` is the dot product of its gradient in that part with ``delta_i``. The products are
taken while the loss is propagated back, tensor by tensor, and each gradient is freed at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path

import torch
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError
from merging.blocks import BLOCK, spans
from merging.calibration.cache import cached, model_identity
from merging.calibration.model import LiveModel
from merging.calibration.options import Calibration, opened
from merging.operators.arithmetic import weighted_sum
from merging.operators.base import Kernel, MergeInputs, Options, TensorInputs

Parts = tuple[tuple[int, tuple[float, ...]], ...]
"""The parts of a flattened tensor in order: where each one ends, and its coefficient for each expert."""

_FILE = "coefficients.json"
_DEVICE_BLOCK = 1 << 24


@dataclass(frozen=True)
class Learned:
    """Learned coefficients with the record of how they came about, as kept on disk.

    Args:
        models: expert names, in the order of the coefficients.
        tensors: parts by tensor name; a tensor that is missing stays the base's.
        history: one entry for each step, such as its loss.
        facts: other numbers that the operator needs again.
    """

    models: tuple[str, ...]
    tensors: Mapping[str, Parts]
    history: Sequence[Mapping[str, float]] = ()
    facts: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        """Write ``coefficients.json``."""
        (directory / _FILE).write_text(json.dumps(vars(self), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Learned:
        """Read what :meth:`save` wrote."""
        data = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        tensors = {name: tuple((end, tuple(row)) for end, row in parts) for name, parts in data["tensors"].items()}
        return cls(tuple(data["models"]), tensors, data["history"], data["facts"])


def learned(
    operator: str, inputs: MergeInputs, options: Options, calibration: Calibration, learn: Callable[[], Learned]
) -> Learned:
    """Return coefficients from the cache, or learn and keep them.

    They depend on the models, the content of the calibration file, the seed and every option.
    """
    key = {
        "experts": list(inputs.models),
        "models": model_identity(opened(inputs), inputs.models),
        "data": calibration.key(),
        "options": {name: value for name, value in options.items() if name != "calibration"},
    }
    return Learned.load(cached(f"{operator}-1", key, lambda directory: learn().save(directory)))


def learned_kernel(inputs: TensorInputs, parts: Parts, scale: float) -> Kernel | None:
    """Return the kernel of ``base + scale * sum_i c_i * delta_i``, with the coefficients of each part."""
    ends = [end for end, _ in parts]
    kernels = [weighted_sum(inputs, 1.0, [scale * one for one in row]) for _, row in parts]
    if len(kernels) == 1 or all(kernel is None for kernel in kernels):
        return kernels[0] if kernels else None
    base = inputs.base.view(-1)

    def kernel(span: slice, out: Tensor) -> None:
        start = span.start
        for end, part in zip(ends, kernels, strict=True):
            stop = min(end, span.stop)
            if stop <= start:
                continue
            piece, target = slice(start, stop), out[start - span.start : stop - span.start]
            if part is None:
                target.copy_(base[piece])
            else:
                part(piece, target)
            start = stop

    return kernel


def row_ends(shape: Sequence[int], count: int) -> tuple[int, ...]:
    """Cut a flattened tensor into at most ``count`` parts of whole rows, as equal as can be; return their ends."""
    size = math.prod(shape)
    rows = size // shape[-1] if len(shape) > 1 and size else 1
    parts = max(1, min(count, rows))
    return tuple((index + 1) * rows // parts * (size // rows) for index in range(parts))


class Mixture:
    """A live model made of the base and task vectors, with a matrix of coefficients.

    Args:
        live: the model that runs; it must be the base where nothing was written to it.
        inputs: every tensor of the merge.
        ends: by name of each tensor that has coefficients, where its parts end; the rows of the matrix are
            these parts in this order, its columns the experts. Other tensors stay the base's.
        load: reads a tensor with the task vectors that are mixed, where those are not the experts' own.
        base: gradients have a last column, the product with the base's own tensor.
    """

    def __init__(
        self,
        live: LiveModel,
        inputs: MergeInputs,
        ends: Mapping[str, tuple[int, ...]],
        load: Callable[[str], TensorInputs] | None = None,
        *,
        base: bool = False,
    ) -> None:
        """Track gradients of what the products need."""
        self.live, self._inputs, self._load = live, inputs, load or inputs.load
        self._ends = dict(ends)
        firsts = list(accumulate((len(each) for each in ends.values()), initial=0))
        self._rows = {name: slice(first, stop) for name, (first, stop) in zip(ends, pairwise(firsts), strict=True)}
        self.shape = (firsts[-1], len(inputs.models))
        self._changed = [t.name for t in inputs if any(delta is not None for delta in t.deltas)]
        self._base = base
        live.require_gradients(self._ends if base else (name for name in self._changed if name in self._ends))
        self._tracked = [name for name in self._ends if live.parameter(name).requires_grad]

    def write(self, coefficients: Tensor) -> None:
        """Make the model the mixture with these coefficients, whatever it was before."""
        parts = self.parts(coefficients)
        for name in self._changed:
            tensor = self._load(name)
            self._fill(tensor, learned_kernel(tensor, parts.get(name, ()), 1.0))

    def write_expert(self, index: int) -> None:
        """Make the model one of the experts."""
        alone = [float(other == index) for other in range(self.shape[1])]
        for name in self._changed:
            tensor = self._inputs.load(name)
            self._fill(tensor, weighted_sum(tensor, 1.0, alone))

    def _fill(self, tensor: TensorInputs, kernel: Kernel | None) -> None:
        if kernel is None:
            self.live.write(tensor.name, tensor.base)
            return
        target = self.live.parameter(tensor.name).detach().view(-1)
        merged = target if target.device.type == "cpu" else torch.empty(target.shape)
        for span in spans(merged.numel()):
            kernel(span, merged[span])
        if merged is not target:
            target.copy_(merged)

    def gradient(self, loss: Tensor) -> Tensor:
        """Propagate a scalar of the live model back and return its gradient in the coefficients.

        Returns:
            fp64 sums, shape (parts, experts), one column more with the product with the base where asked for.
        """
        found = torch.zeros(self.shape[0], self.shape[1] + self._base, dtype=torch.float64)

        def taker(name: str) -> Callable[[Tensor], None]:
            def take(parameter: Tensor) -> None:
                gradient, parameter.grad = parameter.grad, None
                tensor = self._load(name)
                vectors = (*tensor.deltas, tensor.base) if self._base else tensor.deltas
                flat = [None if vector is None else vector.reshape(-1) for vector in vectors]
                for piece, row in self._parts(name):
                    if gradient is not None:
                        others = [None if vector is None else vector[piece] for vector in flat]
                        found[row] += torch.tensor(dots(gradient.reshape(-1)[piece], others), dtype=torch.float64)

            return take

        hooks = [
            self.live.parameter(name).register_post_accumulate_grad_hook(taker(name))  # type: ignore[no-untyped-call]
            for name in self._tracked
        ]
        try:
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def parts(self, coefficients: Tensor) -> dict[str, Parts]:
        """Return the coefficients by tensor, as :class:`Learned` has them."""
        return {
            name: tuple((piece.stop, tuple(coefficients[row].tolist())) for piece, row in self._parts(name))
            for name in self._ends
        }

    def _parts(self, name: str) -> Iterable[tuple[slice, int]]:
        """Yield the parts of a tensor with their rows; none for one without coefficients."""
        ends = self._ends.get(name, ())
        first = self._rows[name].start if ends else 0
        for offset, (start, stop) in enumerate(pairwise((0, *ends))):
            yield slice(start, stop), first + offset


def linearized(mixture: Mixture, coefficients: Tensor, losses: Iterable[Callable[[], Tensor]]) -> tuple[Tensor, float]:
    """Run losses at the mixture of some coefficients.

    Returns:
        A scalar whose gradient in the coefficients, and in whatever they were computed from, is that of the
        sum of the losses; and the sum.

    Raises:
        Infeasible: the sum is not finite.
    """
    mixture.write(coefficients.detach())
    gradient, total = torch.zeros(mixture.shape, dtype=torch.float64), 0.0
    for run in losses:
        loss = run()
        gradient += mixture.gradient(loss)
        total += float(loss.detach())
    if not (math.isfinite(total) and bool(gradient.isfinite().all())):
        raise Infeasible(f"the calibration loss is {total:g} or its gradient is not finite")
    return (coefficients * gradient).sum(), total


def dots(vector: Tensor, others: Sequence[Tensor | None]) -> list[float]:
    """Return the dot products of a vector with others, zero with None, in fp64 on the device of the first."""
    totals = [0.0 for _ in others]
    size = BLOCK if vector.device.type == "cpu" else _DEVICE_BLOCK
    for start in range(0, vector.numel(), size):
        span = slice(start, start + size)
        own = vector[span].double()
        for index, other in enumerate(others):
            if other is not None:
                totals[index] += float(torch.dot(own, other[span].to(own.device).double()))
    return totals


def number(options: Options, name: str, least: float, most: float = math.inf) -> float:
    """Return a numeric option.

    Raises:
        RecipeError: it is outside [least, most] or not finite.
    """
    value = float(options[name])
    if not (least <= value <= most and math.isfinite(value)):
        expected = f"a number from {least:g} up" if most == math.inf else f"a number in [{least:g}, {most:g}]"
        raise RecipeError(f"recipe.options.{name}", f"found {options[name]}, expected {expected}", f"use {expected}")
    return value
