"""Computing the tensors of one candidate on a GPU, all of one kind in one launch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.gpu.loops import BLOCK, add_rows, choose_rows, elect_rows
from merging.gpu.mirror import Mirror
from merging.loops import exceeds
from merging.operators.fills import Band, Drawn
from merging.operators.kernels import ChoiceKernel, ElectionKernel, LoopKernel, SumKernel
from merging.vectors import StoredVector, Vector

_DTYPES = (torch.bfloat16, torch.float32)
_ALIGNMENT = 16

Kind = tuple[Any, tuple[tuple[str, Any], ...]]
"""A Triton function and the constants that it is compiled for."""


@dataclass
class _Rows:
    """What one launch works through."""

    pointers: list[list[int]] = field(default_factory=list)
    numbers: list[list[float]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    kept: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class _Task:
    """One span of one tensor, ready to become a row.

    Args:
        function: a Triton function of :mod:`merging.gpu.loops`.
        constants: that it is compiled for, beside those that follow from the arrays.
        vectors: one per expert.
        levels: one per expert, or none.
        head: the first numbers.
        numbers: those that follow, expert by expert for each.
    """

    function: Any
    constants: dict[str, Any]
    vectors: Sequence[Vector]
    levels: Sequence[Tensor]
    head: tuple[float, float, float]
    numbers: Sequence[Sequence[float]]


class GpuWriter:
    """Collects spans of tensors and computes them together.

    Args:
        mirror: where host tensors are on the device.
    """

    def __init__(self, mirror: Mirror) -> None:
        """Collect nothing yet."""
        self._mirror = mirror
        self._rows: dict[Kind, _Rows] = defaultdict(_Rows)
        self._tables: dict[Kind, tuple[bytes, Tensor, Tensor]] = {}

    @staticmethod
    def takes(kernel: object, base: Tensor, out: Tensor) -> bool:
        """Return whether a kernel can be computed here."""
        if isinstance(kernel, ChoiceKernel | ElectionKernel) and not all(map(_is_known, kernel.fills)):
            return False
        return isinstance(kernel, LoopKernel) and base.dtype in _DTYPES and out.dtype in _DTYPES

    def add(self, label: str, kernel: LoopKernel, span: slice, out: Tensor, profile: float) -> None:
        """Note a span of a tensor.

        Args:
            label: names it in errors.
            kernel: computes it.
            span: which elements of the flattened tensor.
            out: flat, contiguous, on the device, as long as the span.
            profile: factor of the difference from the base.
        """
        task = _task(kernel)
        base = self._mirror.of(kernel.base)
        stored = isinstance(task.vectors[0], StoredVector)
        hosts = [one.expert if isinstance(one, StoredVector) else one for one in task.vectors]
        arrays = [base, *(self._mirror.of(one) for one in (*hosts, *task.levels))]
        read = [one.data_ptr() + span.start * one.element_size() for one in arrays]
        pointers = [read[0], out.data_ptr(), len(out), *read[1:]]
        constants = {
            "EXPERTS": len(hosts),
            "STORED": stored,
            "BASE16": base.dtype == torch.bfloat16,
            "OUT16": out.dtype == torch.bfloat16,
            "ALIGNED": all(address % _ALIGNMENT == 0 for address in (read[0], out.data_ptr(), *read[1:])),
            **task.constants,
        }
        rows = self._rows[task.function, tuple(constants.items())]
        rows.pointers.append(pointers)
        rows.numbers.append([task.head[0], profile, task.head[2], *(one for each in task.numbers for one in each)])
        rows.labels.append(label)
        rows.kept.extend((*arrays, out))

    def run(self) -> None:
        """Compute everything that was added, and wait for it.

        Raises:
            Infeasible: a merged value is not finite in the dtype of its tensor.
        """
        rows, self._rows = self._rows, defaultdict(_Rows)
        launched = [(kind, each, self._launch(kind, each)) for kind, each in rows.items()]
        for (_, constants), each, tops in launched:
            dtype = torch.bfloat16 if dict(constants)["OUT16"] else torch.float32
            for label, top in zip(each.labels, tops.tolist(), strict=True):
                if exceeds(top, dtype):
                    raise Infeasible(f"{label}: a merged value is not finite in {dtype}")

    def _launch(self, kind: Kind, rows: _Rows) -> Tensor:
        function, constants = kind
        device = rows.kept[0].device
        pointers, numbers = np.array(rows.pointers, dtype=np.int64), np.array(rows.numbers, dtype=np.float32)
        table, blocks = self._table(kind, pointers, device)
        tops = torch.zeros(len(pointers), dtype=torch.int32, device=device)
        function[(len(blocks),)](
            table, torch.from_numpy(numbers).to(device), blocks, tops, pointers.shape[1], numbers.shape[1],
            **dict(constants), BLOCK=BLOCK, enable_fp_fusion=False,
        )  # fmt: skip
        return tops

    def _table(self, kind: Kind, pointers: np.ndarray[Any, Any], device: torch.device) -> tuple[Tensor, Tensor]:
        """Return pointers and blocks on the device; candidate after candidate they are the same."""
        key = pointers.tobytes()
        if kind not in self._tables or self._tables[kind][0] != key:
            counts = -(-pointers[:, 2] // BLOCK)
            inside = np.concatenate([np.arange(count) for count in counts])
            blocks = np.stack([np.repeat(np.arange(len(counts)), counts), inside], axis=1).astype(np.int32)
            self._tables[kind] = (key, torch.from_numpy(pointers).to(device), torch.from_numpy(blocks).to(device))
        return self._tables[kind][1:]


def _task(kernel: LoopKernel) -> _Task:
    if isinstance(kernel, SumKernel):
        return _Task(add_rows, {}, kernel.vectors, (), (kernel.scale, 1.0, 0.0), (kernel.weights,))
    if isinstance(kernel, ChoiceKernel):
        chosen = _chosen(kernel.fills)
        return _Task(
            choose_rows, chosen.constants, chosen.vectors, chosen.levels, (0.0, 1.0, 0.0),
            (kernel.weights, *chosen.numbers),
        )  # fmt: skip
    if isinstance(kernel, ElectionKernel):
        chosen = _chosen(kernel.fills)
        first, second = zip(*kernel.factors, strict=True)
        rules = {"COUNT": kernel.count, "PLUS": kernel.plus, "MEAN": kernel.mean, "SIGNED": kernel.signed}
        return replace(
            chosen,
            function=elect_rows,
            constants={**chosen.constants, **rules},
            head=(kernel.scale, 1.0, kernel.least),
            numbers=(first, second, kernel.votes, kernel.shares, kernel.portions, *chosen.numbers),
        )
    raise TypeError(f"{type(kernel).__name__} has no loop for a GPU")


def _is_known(fill: object) -> bool:
    return isinstance(fill, Band) or (isinstance(fill, Drawn) and fill.lasting)


def _chosen(fills: Sequence[Any]) -> _Task:
    """Return what choosing among the elements takes, bounds as the loops' numbers."""
    vectors = [fill.flat for fill in fills]
    if isinstance(fills[0], Band):
        nan = float("nan")
        lows = [nan if fill.low < 0.0 else fill.low for fill in fills]
        highs = [nan if fill.high == float("inf") else fill.high for fill in fills]
        return _Task(None, {"DRAWN": False, "LEVELS16": False}, vectors, (), (0.0, 1.0, 0.0), (lows, highs))
    levels, bounds = [fill.levels for fill in fills], [fill.bound for fill in fills]
    half = levels[0].dtype == torch.int16
    return _Task(None, {"DRAWN": True, "LEVELS16": half}, vectors, levels, (0.0, 1.0, 0.0), (bounds, bounds))
