"""What an operator declares and the two phases that it implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from merging.blocks import spans
from merging.operators.inputs import Factors, MergeInputs, Options, OptionValue, Prepared, TensorInputs, Values

__all__ = [
    "COMPAT", "COSTS", "EXEMPT_1D", "FIXED_LAMBDA", "INTERVALS", "LAMBDA", "LINES", "WEIGHT_DOC", "Coding", "Cost",
    "Factors", "Kernel", "MergeInputs", "Operator", "Option", "OptionValue", "Options", "Parameter", "Prepared",
    "StepSlot", "TensorInputs", "Values",
]  # fmt: skip

Domain = Literal["real", "unit", "positive_unit"]
Coding = Literal["linear", "log", "logit", "log_ratio"]
INTERVALS: Mapping[Domain, str] = {"real": "[-1e6, 1e6]", "unit": "[0, 1]", "positive_unit": "(0, 1]"}

Kernel = Callable[[slice, Tensor], None]
"""Writes the merged fp32 values of a span of the flattened tensor, at most ``BLOCK`` long, into a buffer."""


@dataclass(frozen=True)
class Parameter:
    """One coefficient that a recipe sets and a search may vary.

    Args:
        name: field name in the recipe.
        scope: one value per expert (``model``), one for the merge (``merge``), or one per step that the operator
            has on offer (``step``, see :meth:`Operator.steps`).
        granular: may differ by slot of the granularity.
        default: value where the recipe says nothing.
        low, high: default search range.
        doc: one sentence for catalogs and forms.
        searched: part of the default search space.
        domain: values that are meaningful at all: ``real`` is [-1e6, 1e6], whose products stay in the range
            of fp32, ``unit`` is [0, 1], ``positive_unit`` is (0, 1].
        coding: the scale on which a search takes equal steps: the value itself, its logarithm, its log-odds, or
            log-ratios between the experts where only those matter.
    """

    name: str
    scope: Literal["model", "merge", "step"]
    granular: bool
    default: float
    low: float
    high: float
    doc: str
    searched: bool = True
    domain: Domain = "real"
    coding: Coding = "linear"

    def admits(self, value: float) -> bool:
        """Return whether a finite value lies in the parameter's domain."""
        if self.domain == "real":
            return abs(value) <= 1e6
        return value <= 1.0 and (value > 0.0 or (value == 0.0 and self.domain == "unit"))


@dataclass(frozen=True)
class Option:
    """One switch of an operator.

    Args:
        name: field name in the recipe.
        default: value where the recipe says nothing; its type is the option's type.
        choices: the only values; None admits every value of the default's type.
        doc: one sentence for catalogs and forms.
        path: the value names a file; a relative one starts at the directory of the spec or recipe file.
    """

    name: str
    default: OptionValue
    choices: tuple[OptionValue, ...] | None
    doc: str
    path: bool = False


@dataclass(frozen=True)
class StepSlot:
    """One step on offer to an operator that composes depth: its label, and where a search of it starts."""

    label: str
    defaults: Mapping[str, float]


Cost = Literal["linear", "sort", "spectral", "iterative", "calibration"]
COSTS: Mapping[Cost, str] = {
    "linear": "a few passes over the weights",
    "sort": "a selection or sort of every tensor",
    "spectral": "singular value decompositions of every matrix",
    "iterative": "hundreds of matrix products per matrix",
    "calibration": "a run of the models on calibration data",
}

LINES = (
    Parameter(
        "lines_alpha", "merge", False, 1.0, 0.0, 1.5,
        "LiNeS (2410.17146): factor of the merged task vector in the first block and outside the blocks.",
        searched=False,
    ),
    Parameter(
        "lines_beta", "merge", False, 0.0, 0.0, 2.0,
        "LiNeS (2410.17146): added to that factor linearly with depth, in full in the last block.",
        searched=False,
    ),
)  # fmt: skip


class Operator(ABC):
    """A merge method.

    ``survey`` sees the whole model once and ``prepare`` each tensor once; together they do all work that no
    coefficient can change. ``kernel`` runs for every candidate and must be a few element-wise passes over
    one block. All arithmetic is fp32 or finer; the caller rounds the result once. Tensors of one model are
    prepared and merged by several threads at once, so these methods keep no state on the operator.

    Class attributes:
        linear_flag: ``LIN`` (linear in the task vectors), ``LIN/M`` (linear once the mask is drawn), ``MAT``
            (matrix or diagonal weights that are fixed once statistics exist) or ``NL``.
        cost: what preparing takes, see ``COSTS``.
        seeded: draws from keyed streams.
        ordered: the order of the experts matters; all others see them sorted by name, so that permuting a
            recipe's experts gives the same bits.
        needs_base: the base takes part in the mathematics.
        needs_factors: ``TensorInputs.factors`` is filled.
        by_span: the kernel reads task vectors through ``TensorInputs.vectors`` only, so that they may be kept as the
            experts' own weights.
        composes_depth: blocks of the result come from other blocks, so their number may differ from the base's.
        data: calibration data that the survey needs: none, plain ``text``, or ``labelled`` answers.
        mergekit: option values with which the operator makes what mergekit 0.1.5 makes, chosen by
            ``compat: mergekit``; None where mergekit has no such method.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    needs_base: ClassVar[bool] = True
    needs_factors: ClassVar[bool] = False
    by_span: ClassVar[bool] = False
    min_models: ClassVar[int] = 1
    max_models: ClassVar[int | None] = None
    linear_flag: ClassVar[Literal["LIN", "LIN/M", "MAT", "NL"]]
    cost: ClassVar[Cost] = "linear"
    data: ClassVar[Literal["none", "text", "labelled"]] = "none"
    seeded: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    composes_depth: ClassVar[bool] = False
    parameters: ClassVar[tuple[Parameter, ...]]
    options: ClassVar[tuple[Option, ...]] = ()
    mergekit: ClassVar[Options | None] = None

    def all_parameters(self) -> tuple[Parameter, ...]:
        """Return the operator's own parameters and the depth profile that every merge can have."""
        return (*self.parameters, *LINES)

    def all_options(self) -> tuple[Option, ...]:
        """Return the operator's own options and ``compat`` where another tool has the same method."""
        return self.options if self.mergekit is None else (*self.options, COMPAT)

    def binds_late(self, options: Options) -> bool:
        """Return whether binding coefficients computes as much as merging; it is then left to who merges a tensor."""
        return False

    def steps(self, models: Sequence[str], num_blocks: int, options: Options) -> tuple[StepSlot, ...]:
        """Return the steps that parameters of scope ``step`` have a value for; none by default."""
        return ()

    def coding(self, parameter: Parameter, options: Options) -> Coding:
        """Return the scale on which a search takes equal steps with these options."""
        return parameter.coding

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Return statistics of the whole model, handed to every :meth:`prepare`; reads tensor by tensor.

        Raises:
            RecipeError: an option does not fit these models or this data.
        """
        return None

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Return what :meth:`kernel` needs beyond the inputs of one tensor."""
        return None

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


COMPAT = Option(
    "compat",
    "paper",
    ("paper", "mergekit"),
    "Whose defaults the other options take: the paper's, or those of the mergekit tool.",
)
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
