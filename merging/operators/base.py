"""What an operator declares and the two phases that it implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from merging.blocks import spans

Options = Mapping[str, bool | str | int | float]
Domain = Literal["real", "unit", "positive_unit"]
INTERVALS: Mapping[Domain, str] = {"real": "[-1e6, 1e6]", "unit": "[0, 1]", "positive_unit": "(0, 1]"}

Kernel = Callable[[slice, Tensor], None]
"""Writes the merged fp32 values of a span of the flattened tensor, at most ``BLOCK`` long, into a buffer."""


@dataclass(frozen=True)
class Parameter:
    """One coefficient that a recipe sets and a search may vary.

    Args:
        name: field name in the recipe.
        scope: one value per expert (``model``) or one for the merge (``merge``).
        granular: may differ by slot of the granularity.
        default: value where the recipe says nothing.
        low, high: default search range.
        doc: one sentence for catalogs and forms.
        searched: part of the default search space.
        domain: values that are meaningful at all: ``real`` is [-1e6, 1e6], whose products stay in the range
            of fp32, ``unit`` is [0, 1], ``positive_unit`` is (0, 1].
    """

    name: str
    scope: Literal["model", "merge"]
    granular: bool
    default: float
    low: float
    high: float
    doc: str
    searched: bool = True
    domain: Domain = "real"

    def admits(self, value: float) -> bool:
        """Return whether a finite value lies in the parameter's domain."""
        if self.domain == "real":
            return abs(value) <= 1e6
        return value <= 1.0 and (value > 0.0 or (value == 0.0 and self.domain == "unit"))


@dataclass(frozen=True)
class Option:
    """One switch of an operator; ``choices`` of None admits every value of the default's type."""

    name: str
    default: bool | str | int | float
    choices: tuple[bool | str | int | float, ...] | None
    doc: str


@dataclass(frozen=True)
class TensorInputs:
    """One tensor of the base with the experts' changes to it.

    Args:
        name: checkpoint name.
        base: the base tensor in its stored dtype; read-only.
        models: expert names.
        deltas: one per expert, the fp32 task vector (expert minus base) in the shape of ``base``, or None
            where it is zero everywhere. Shared between operators; read-only.
        seed: of the recipe.
    """

    name: str
    base: Tensor
    models: tuple[str, ...]
    deltas: tuple[Tensor | None, ...]
    seed: int = 0


@dataclass(frozen=True)
class Prepared:
    """A tensor with everything that one operator computed from it ahead of any coefficient."""

    inputs: TensorInputs
    options: Options
    data: Any = None


@dataclass(frozen=True)
class Values:
    """The coefficients that apply to one tensor: per-model parameters in expert order, merge-wide ones."""

    model: Mapping[str, tuple[float, ...]]
    merge: Mapping[str, float]


class Operator(ABC):
    """A merge method.

    ``prepare`` runs once per set of models and does all work that no coefficient can change; ``kernel``
    runs for every candidate and must be a few element-wise passes over one block. All arithmetic is
    fp32; the caller rounds the result once.

    Class attributes: ``linear_flag`` is ``LIN`` (linear in the task vectors), ``LIN/M`` (linear once the
    mask is drawn) or ``NL``; ``seeded`` operators draw from keyed streams; for ``ordered`` operators the
    order of the experts matters, all others see them sorted by name, so that permuting a recipe's
    experts gives the same bits; ``needs_base`` says whether the base takes part in the mathematics.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    needs_base: ClassVar[bool] = True
    min_models: ClassVar[int] = 1
    max_models: ClassVar[int | None] = None
    linear_flag: ClassVar[Literal["LIN", "LIN/M", "NL"]]
    seeded: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    parameters: ClassVar[tuple[Parameter, ...]]
    options: ClassVar[tuple[Option, ...]] = ()

    def prepare(self, tensor: TensorInputs, options: Options) -> Any:
        """Return what :meth:`kernel` needs beyond the inputs of one tensor."""
        return None

    def prepare_all(self, tensors: Sequence[TensorInputs], options: Options) -> dict[str, Prepared]:
        """Prepare a whole model; operators with statistics across tensors override this."""
        return {t.name: Prepared(t, options, self.prepare(t, options)) for t in tensors}

    @abstractmethod
    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind coefficients to one tensor; None says that the result is the base tensor unchanged.

        Raises:
            Infeasible: these coefficients have no merge (weights that sum to zero, for example).
        """

    def apply(self, prepared: Prepared, values: Values) -> Tensor:
        """Return one merged tensor in fp32, in the shape of the base."""
        base = prepared.inputs.base
        kernel = self.kernel(prepared, values)
        if kernel is None:
            return base.float()
        merged = torch.empty(base.numel(), dtype=torch.float32)
        for span in spans(base.numel()):
            kernel(span, merged[span])
        return merged.view(base.shape)


WEIGHT_DOC = "Share of this expert's task vector in the merge."
LAMBDA = Parameter(
    "lambda", "merge", False, 1.0, 0.1, 1.8, "Multiplies the merged task vector as a whole.", searched=True
)
FIXED_LAMBDA = Parameter(
    "lambda", "merge", False, 1.0, 0.1, 1.8,
    "Multiplies the merged task vector as a whole; fixed by default because the weights already scale it.",
    searched=False,
)  # fmt: skip
EXEMPT_1D = Option(
    "exempt_1d",
    True,
    (True, False),
    "Leave one-dimensional tensors (norm gains, biases) whole: their density is 1 whatever the recipe says.",
)


def effective_density(density: float, tensor: TensorInputs, options: Options) -> float:
    """Return the density that applies to a tensor under the ``exempt_1d`` option."""
    return 1.0 if options["exempt_1d"] and tensor.base.ndim < 2 else density
