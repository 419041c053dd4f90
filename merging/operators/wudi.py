"""WUDI merging (2503.08099), OptMerge and the closed form SWUDI (both 2505.19892)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from merging.operators.base import MergeInputs, Option, Options, Parameter
from merging.operators.interference import Term, adam, directions, filtered, momentum_gain, plain_terms, total_pull
from merging.operators.matrixwise import EMBEDDINGS_BASE, VECTORS_BASE, VECTORS_MEAN, MatrixOperator, require
from merging.operators.spectra import Matrices, triplets

_LAMBDA = Parameter("lambda", "merge", True, 1.0, 0.05, 1.2, "Multiplies the merged task vector as a whole.")
_STEPS = "0 to 10000 steps"
_ITERATIONS = Option("iterations", 300, None, "Optimiser steps; the result is an early-stopped point by design.")


class Wudi(MatrixOperator):
    """Adam from the sum of the task vectors, stopped after a fixed number of steps.

    ``T_i = tau_i`` and ``L_i = tau_i / ||tau_i||``. Adam moves an element by at most about
    ``lr * iterations``; ``swudi`` is the closed form that does not depend on the optimiser.
    """

    name = "wudi"
    summary = "Optimises the merged task vector against interference with every expert's row space."
    paper = "2503.08099"
    cost = "iterative"
    parameters = (_LAMBDA,)
    options = (
        Option("lr", 1e-5, None, "Step size of Adam."),
        _ITERATIONS,
        EMBEDDINGS_BASE,
        VECTORS_MEAN,
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        require(float(options["lr"]) > 0.0, self.name, "lr", options["lr"], "a step size > 0")
        require(0 <= int(options["iterations"]) <= 10_000, self.name, "iterations", options["iterations"], _STEPS)
        return None

    def merged(self, matrices: Matrices, options: Options) -> Sequence[Tensor | None]:
        """Return the optimised task vector; see :meth:`MatrixOperator.merged`."""
        total = matrices.total()
        if total is None:
            return (None,)
        return (adam(matrices, total, plain_terms(matrices), float(options["lr"]), int(options["iterations"])),)


@dataclass(frozen=True)
class _Variant:
    """One of the released OptMerge programs.

    Args:
        lr: of its optimiser, Adam or SGD with momentum 0.9.
        adam: which of the two.
        centred: targets are the mean plus the low-rank part of what differs from it; otherwise the low-rank
            part of each task vector.
        start: the sum or the mean of the task vectors.
        whole_rows: L_i is the whole task vector, not its low-rank part.
        fifth: ranks are a fifth of the whole, not an expert's share.
    """

    lr: float
    adam: bool
    centred: bool
    start: str
    whole_rows: bool = False
    fifth: bool = False


_VARIANTS = {
    "full_ft": _Variant(1e-5, adam=True, centred=True, start="sum"),
    "lora": _Variant(1e-4, adam=False, centred=False, start="mean"),
    "modality": _Variant(5e-2, adam=False, centred=False, start="mean", whole_rows=True, fifth=True),
    "expert_merging": _Variant(1e-6, adam=True, centred=True, start="sum"),
}


class OptMerge(MatrixOperator):
    """WUDI on low-rank parts of rank ``K = floor(rank_factor * min(out, in) / experts)``.

    The released programs differ; ``variant`` chooses one:

    - ``full_ft``: the target of expert i is the mean task vector plus the rank-K part of what differs from it,
      ``L_i`` is ``S_K V_K^T`` of its task vector; Adam at 1e-5 from the sum.
    - ``expert_merging``: the same with Adam at 1e-6.
    - ``lora``: the target is the rank-K part of the task vector; SGD at 1e-4, momentum 0.9, from the mean.
    - ``modality``: as ``lora`` with K a fifth of the rank, ``L_i`` the whole task vector, SGD at 5e-2.

    SGD is computed exactly through the eigenvectors of C, because gradient descent with momentum is a
    polynomial in C. All is fp32 or finer where some programs use fp16, whose grid is coarser than the steps.
    """

    name = "optmerge"
    summary = "WUDI on low-rank parts of the task vectors, as released for multimodal language models."
    paper = "2505.19892"
    cost = "iterative"
    parameters = (
        Parameter(
            "lambda", "merge", True, 1.0, 0.05, 1.2,
            "Multiplies the merged task vector as a whole; the released script of variant full_ft sets 0.1.",
        ),
    )  # fmt: skip
    options = (
        Option(
            "variant", "full_ft", tuple(_VARIANTS), "Which of the released programs: its targets, start and optimiser."
        ),
        Option("rank_factor", 1.0, None, "Multiplies the rank of the low-rank parts."),
        Option("lr", 0.0, None, "Step size of the optimiser; 0 takes the variant's."),
        _ITERATIONS,
        EMBEDDINGS_BASE,
        VECTORS_BASE,
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        factor = float(options["rank_factor"])
        require(0.0 < factor <= 100.0, self.name, "rank_factor", factor, "a factor in (0, 100]")
        require(float(options["lr"]) >= 0.0, self.name, "lr", options["lr"], "a step size > 0, or 0")
        require(0 <= int(options["iterations"]) <= 10_000, self.name, "iterations", options["iterations"], _STEPS)
        return None

    def merged(self, matrices: Matrices, options: Options) -> Sequence[Tensor | None]:
        """Return the optimised task vector; see :meth:`MatrixOperator.merged`."""
        variant = _VARIANTS[str(options["variant"])]
        total = matrices.total()
        if total is None:
            return (None,)
        count = len(matrices.cores)
        rank = max(1, int(float(options["rank_factor"]) * matrices.rank / (5 if variant.fifth else count)))
        terms = _low_rank_terms(matrices, total / count, variant, rank)
        start = total if variant.start == "sum" else total / count
        lr, steps = float(options["lr"]) or variant.lr, int(options["iterations"])
        if variant.adam:
            return (adam(matrices, start, terms, lr, steps),)
        found = directions(matrices, terms)
        gain = momentum_gain(found.eigenvalues, lr, steps)
        return (matrices.lift(filtered(start, total_pull(terms), found, gain)),)


def _low_rank_terms(matrices: Matrices, mean: Tensor, variant: _Variant, rank: int) -> list[Term]:
    terms = []
    for core in matrices.cores:
        if core is None:
            continue
        exact = core.double()
        own = triplets(exact, matrices.tolerance, limit=rank)
        rows = exact if variant.whole_rows else (own.v * own.s).T
        target = own.product()
        if variant.centred:
            scale = matrices.scale_of(exact)
            target = mean + triplets(exact - mean, matrices.tolerance, limit=rank, scale=scale).product()
        terms.append(Term(rows.to(core.dtype), target.to(core.dtype), 1.0 / float(exact.norm())))
    return terms


class Swudi(MatrixOperator):
    """The minimiser of WUDI's loss in closed form, filtered in the eigenvectors of C.

    ``swudi`` runs gradient flow for a time ``t`` in the leading ``keep * in`` eigen-directions:
    ``f = 1 - exp(-eigenvalue * t)``. ``aswudi`` goes all the way, ``f = 1``, in a number of directions that it
    takes from the spectrum by ``rank_rule``. Directions beyond the numerical rank keep their start. Linear in
    each expert's ``weight``, whose row space stays protected at any weight.
    """

    name = "swudi"
    summary = "Solves WUDI in closed form and filters the solution by the spectrum of the row spaces."
    paper = "2505.19892"
    cost = "spectral"
    parameters = (
        Parameter(
            "weight", "model", True, 1.0, 0.0, 1.5,
            "Multiplies this expert's task vector; its row space is protected whatever the weight.",
            searched=False,
        ),
        _LAMBDA,
    )  # fmt: skip
    options = (
        Option("variant", "swudi", ("swudi", "aswudi"), "Gradient flow in a fixed share of directions, or adaptive."),
        Option("t", 300.0, None, "Time of the gradient flow of variant swudi; eigenvalues sum to the experts."),
        Option("keep", 0.85, None, "Share of eigen-directions that variant swudi keeps (0.65 for CLIP models)."),
        Option(
            "rank_rule",
            "participation",
            ("participation", "gavish_donoho", "stable", "entropy"),
            "How variant aswudi takes the number of directions from the spectrum.",
        ),
        Option("init", "sum", ("sum", "mean", "zero"), "What stays outside the kept directions."),
        EMBEDDINGS_BASE,
        VECTORS_MEAN,
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        require(float(options["t"]) > 0.0, self.name, "t", options["t"], "a time > 0")
        require(0.0 < float(options["keep"]) <= 1.0, self.name, "keep", options["keep"], "a share in (0, 1]")
        return None

    def merged(self, matrices: Matrices, options: Options) -> Sequence[Tensor | None]:
        """Return each expert's part of the solution; see :meth:`MatrixOperator.merged`."""
        terms = plain_terms(matrices)
        if not terms:
            return (None,) * len(matrices.cores)
        found = directions(matrices, terms)
        gain = _gain(found.eigenvalues, matrices, len(terms), options)
        share = {"sum": 1.0, "mean": 1.0 / len(matrices.cores), "zero": 0.0}[str(options["init"])]
        rest = iter(terms)
        return tuple(
            None if core is None else matrices.lift(filtered(share * core.double(), next(rest).pull(), found, gain))
            for core in matrices.cores
        )


def _gain(eigenvalues: Tensor, matrices: Matrices, changed: int, options: Options) -> Tensor:
    """Return the filter f of each eigen-direction, eigenvalues in descending order."""
    if options["variant"] == "aswudi":
        gain = torch.ones_like(eigenvalues)
        kept = _adaptive_rank(eigenvalues, (changed * matrices.shape[0], matrices.shape[1]), str(options["rank_rule"]))
    else:
        gain = -torch.expm1(-eigenvalues * float(options["t"]))
        kept = max(1, math.ceil(float(options["keep"]) * matrices.shape[1] - 1e-3))
    gain[kept:] = 0.0
    return gain


def _adaptive_rank(eigenvalues: Tensor, shape: tuple[int, int], rule: str) -> int:
    """Return how many directions a spectrum has; shape is that of the stacked task vectors."""
    roots = eigenvalues.sqrt()
    if rule == "participation":
        return math.ceil(float(roots.sum().square() / eigenvalues.sum()))
    if rule == "stable":
        return math.ceil(float(eigenvalues.square().sum() / eigenvalues[0].square()))
    if rule == "entropy":
        share = eigenvalues / eigenvalues.sum()
        return math.ceil(float(torch.exp(-(share * share.log()).sum())))
    # Gavish and Donoho (1305.5870): the optimal threshold for an unknown noise level, by its cubic fit.
    ratio = min(shape) / max(shape)
    factor = 0.56 * ratio**3 - 0.95 * ratio**2 + 1.82 * ratio + 1.43
    median = torch.nn.functional.pad(roots, (0, min(shape) - len(roots))).median()
    return max(1, int((roots > factor * median).sum()))
