"""TIES merging: trim, elect signs, disjoint merge (2306.01708)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from merging.operators.base import (
    EXEMPT_1D,
    LAMBDA,
    WEIGHT_DOC,
    Kernel,
    MergeInputs,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
    effective_density,
)
from merging.operators.consensus import ELECTION_OPTIONS, Elector, Fill, consensus_kernel, copied


@dataclass(frozen=True)
class Magnitudes:
    """Sorted magnitudes of one population of task-vector elements; zeros may be only counted.

    Args:
        ascending: fp32 magnitudes in ascending order.
        count: size of the population, at least ``len(ascending)``; the difference is elements that are
            zero and not stored.
    """

    ascending: npt.NDArray[np.float32]
    count: int

    def threshold(self, density: float) -> float:
        """Return the magnitude of the k-th largest element, k = max(1, floor(density * count)), exactly."""
        if density >= 1.0:
            return 0.0
        kept = max(1, int(density * self.count))
        if kept > len(self.ascending):
            return 0.0
        return float(self.ascending[len(self.ascending) - kept])


def sorted_magnitudes(deltas: Sequence[Tensor], count: int) -> Magnitudes:
    """Sort the magnitudes of all elements of some task vectors into one population."""
    magnitudes = np.empty(sum(delta.numel() for delta in deltas), dtype=np.float32)
    start = 0
    for delta in deltas:
        stop = start + delta.numel()
        np.abs(delta.numpy().reshape(-1), out=magnitudes[start:stop])
        start = stop
    magnitudes.sort()
    return Magnitudes(magnitudes, count)


def trimmed(delta: Tensor, threshold: float) -> Fill:
    """Return the fill that keeps elements of at least ``threshold`` in magnitude and zeroes the others."""
    flat = delta.view(-1)
    if threshold == 0.0:
        return copied(flat)
    below = float(np.nextafter(np.float32(threshold), np.float32(0.0)))

    def fill(span: slice, out: Tensor) -> None:
        # hardshrink keeps what is strictly larger than its bound, in one pass.
        torch.ops.aten.hardshrink.out(flat[span], below, out=out)

    return fill


class Ties(Operator):
    """Trim each task vector to its largest elements, elect a sign per element, average what agrees.

    The trim keeps every element at least as large as the k-th largest magnitude, so ties with it are all
    kept. Costs 4 bytes of memory per trimmed element and expert for the sorted magnitudes, which make the
    threshold of any density one look-up. With ``threshold_scope=global`` the population is the whole
    flattened task vector, tensors that an adapter does not touch included as zeros; a density that
    differs by slot selects its own global threshold.
    """

    name = "ties"
    summary = "Trims small changes, elects a sign for each weight and averages the experts that agree."
    paper = "2306.01708"
    linear_flag = "NL"
    cost = "sort"
    parameters = (
        Parameter("weight", "model", True, 1.0, 0.0, 1.0, WEIGHT_DOC),
        Parameter(
            "density", "model", True, 0.2, 0.05, 1.0,
            "Fraction of the task vector that survives the trim.", domain="positive_unit",
        ),
        LAMBDA,
    )  # fmt: skip
    options = (
        Option(
            "threshold_scope",
            "global",
            ("global", "tensor"),
            "Take the largest elements of the whole task vector (the paper) or of each tensor.",
        ),
        *ELECTION_OPTIONS,
        EXEMPT_1D,
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Sort the magnitudes of each expert's whole task vector, for the scope ``global``."""
        if options["threshold_scope"] != "global":
            return None
        trimmable = [t for t in inputs if effective_density(0.0, t, options) == 0.0]
        count = sum(t.base.numel() for t in trimmable)
        return tuple(
            sorted_magnitudes([d for t in trimmable if (d := t.deltas[i]) is not None], count)
            for i in range(len(inputs.models))
        )

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Sort the magnitudes of one tensor, for the scope ``tensor``."""
        if survey is not None:
            return survey
        if effective_density(0.0, tensor, options) == 1.0:
            return tuple(None for _ in tensor.deltas)
        size = tensor.base.numel()
        return tuple(None if d is None else sorted_magnitudes([d], size) for d in tensor.deltas)

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind thresholds and weights; see :meth:`Operator.kernel`."""
        inputs, electors = prepared.inputs, []
        for delta, weight, asked, magnitudes in zip(
            inputs.deltas, values.model["weight"], values.model["density"], prepared.data, strict=True
        ):
            if delta is not None and weight != 0.0:
                density = effective_density(asked, inputs, prepared.options)
                threshold = 0.0 if density >= 1.0 else magnitudes.threshold(density)
                electors.append(Elector(trimmed(delta, threshold), weight))
        return consensus_kernel(inputs, electors, values.merge["lambda"], prepared.options)
