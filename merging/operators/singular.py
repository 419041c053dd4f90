"""Task singular vectors: TSV-M (2412.00081) and our reconstruction of R-TSVM (2502.06876)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from merging.operators.base import MergeInputs, Option, Options, Parameter
from merging.operators.matrixwise import EMBEDDINGS_MEAN, VECTORS_MEAN, MatrixOperator, require
from merging.operators.spectra import Matrices, Triplets, polar, triplets

RIDGE = 1e-6

_PARAMETERS = (
    Parameter(
        "weight", "model", True, 1.0, 0.0, 1.5,
        "Multiplies the singular values of this expert; at 0 its directions still keep the others out.",
        searched=False,
    ),
    Parameter("lambda", "merge", True, 1.0, 0.1, 3.0, "Multiplies the merged task vector as a whole."),
)  # fmt: skip
_RANK_FACTOR = Option(
    "rank_factor",
    1.0,
    None,
    "Directions kept of each expert, in multiples of min(out, in) / experts.",
)
_POLAR = Option(
    "polar",
    "exact",
    ("exact", "ridge"),
    "Orthogonal polar factor, or (U^T U + 1e-6)^(-1/2), which fades out directions that experts share.",
)


@dataclass(frozen=True)
class Budget:
    """What one expert brings: how many singular directions, and a factor of its singular values."""

    rank: int
    factor: float = 1.0


class TsvM(MatrixOperator):
    """``Delta = U_perp S V_perp^T`` with every expert's leading singular vectors made orthogonal to all others'.

    Each expert keeps ``k = floor(rank_factor * min(out, in) / experts)`` triplets, at least one and never more
    than the numerical rank of its task vector: vectors of singular value zero are arbitrary and would only
    distort the orthogonal factor. Adapters whose rank is below ``k`` are therefore merged whole. Directions
    that experts share exactly are merged once, by the canonical polar factor of a rank-deficient stack.
    ``lossless`` keeps all triplets of all experts. The result is linear in each expert's ``weight``.
    """

    name = "tsv_m"
    summary = "Keeps each expert's strongest singular directions and makes them orthogonal to the other experts'."
    paper = "2412.00081"
    cost = "spectral"
    parameters = _PARAMETERS
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            "variant",
            "truncated",
            ("truncated", "lossless"),
            "Keep an equal share of the rank for each expert, or every direction of every expert.",
        ),
        _RANK_FACTOR,
        _POLAR,
        EMBEDDINGS_MEAN,
        VECTORS_MEAN,
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        factor = float(options["rank_factor"])
        require(0.0 < factor <= 100.0, self.name, "rank_factor", factor, "a factor in (0, 100]")
        return None

    def merged(self, matrices: Matrices, options: Options) -> Sequence[Tensor | None]:
        """Return each expert's share ``U_perp_i S_i V_perp_i^T``; see :meth:`MatrixOperator.merged`."""
        found = [
            None if core is None else _scaled(triplets(core, matrices.tolerance, limit=budget.rank), budget.factor)
            for core, budget in zip(matrices.cores, self.budgets(matrices, options), strict=True)
        ]
        known = [one for one in found if one is not None]
        if not known:
            return (None,) * len(found)
        ridge = RIDGE if options["polar"] == "ridge" else None
        left, right = (
            polar(torch.cat(stack, dim=1), matrices.tolerance, ridge=ridge)
            for stack in ([one.u for one in known], [one.v for one in known])
        )
        shares: list[Tensor | None] = []
        start = 0
        for one in found:
            stop = start + (0 if one is None else len(one.s))
            span = slice(start, stop)
            shares.append(None if one is None else matrices.lift((left[:, span] * one.s) @ right[:, span].T))
            start = stop
        return shares

    def budgets(self, matrices: Matrices, options: Options) -> list[Budget]:
        """Return what each expert brings to one matrix."""
        count = len(matrices.cores)
        if options["variant"] == "lossless":
            return [Budget(matrices.rank)] * count
        return [Budget(max(1, int(float(options["rank_factor"]) * matrices.rank / count)))] * count


class RTsvM(TsvM):
    """TSV-M with experts weighted by their outliers and ranks by their density, after the prose of 2502.06876.

    The paper's formulas are not public. Ours, per matrix:

    - ``reweight``: an expert's singular values are multiplied by ``experts * omega_i / sum(omega)``, clipped to
      ``[1 / weight_clip, weight_clip]``, where omega is the share of its absolute sum that lies in elements
      beyond mean + ``outlier_z`` standard deviations of its magnitudes. Experts that leave the matrix as it is
      do not count.
    - ``adaptive_rank``: ``k_i = round(k * (1 - sparsity_i) / mean(1 - sparsity))``, at least one, all together at
      most ``min(out, in)``, where sparsity is the share of elements below 1 % of the 99.9th percentile of
      magnitudes and k is TSV-M's.

    With both off it is TSV-M.
    """

    name = "r_tsvm"
    summary = "TSV-M reweighted by outliers and sparsity: our reconstruction, not the authors' formula."
    paper = "2502.06876"
    options = (
        Option("reweight", True, (True, False), "Weight experts by the share of their changes in outliers."),
        Option("adaptive_rank", True, (True, False), "Give experts with dense changes more directions."),
        Option("outlier_z", 3.0, None, "Standard deviations above the mean magnitude from which one is an outlier."),
        Option("weight_clip", 2.0, None, "Largest outlier weight; its inverse is the smallest."),
        _RANK_FACTOR,
        _POLAR,
        EMBEDDINGS_MEAN,
        VECTORS_MEAN,
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        require(float(options["weight_clip"]) >= 1.0, self.name, "weight_clip", options["weight_clip"], "at least 1")
        return super().survey(inputs, options)

    def budgets(self, matrices: Matrices, options: Options) -> list[Budget]:
        """Return what each expert brings to one matrix."""
        count = len(matrices.dense)
        factors, ranks = [1.0] * count, [float(options["rank_factor"]) * matrices.rank / count] * count
        if options["reweight"]:
            omega = [_outlier_share(delta, float(options["outlier_z"])) for delta in matrices.dense]
            clip, total = float(options["weight_clip"]), sum(omega)
            changed = sum(delta is not None for delta in matrices.dense)
            if total > 0.0:
                factors = [min(max(changed * one / total, 1.0 / clip), clip) for one in omega]
        if options["adaptive_rank"]:
            density = [_density(delta) for delta in matrices.dense]
            total = sum(density)
            if total > 0.0:
                ranks = [rank * count * one / total for rank, one in zip(ranks, density, strict=True)]
            ranks = [float(min(max(round(rank), 1), matrices.rank)) for rank in ranks]
            spare = matrices.rank / max(sum(ranks), matrices.rank)
            ranks = [rank * spare for rank in ranks]
        return [Budget(max(1, int(rank)), factor) for rank, factor in zip(ranks, factors, strict=True)]


def _scaled(found: Triplets, factor: float) -> Triplets:
    return Triplets(found.u, found.s * factor, found.v)


def _outlier_share(delta: Tensor | None, z: float) -> float:
    """Return the share of the absolute sum in elements beyond mean + z standard deviations of the magnitudes."""
    if delta is None:
        return 0.0
    magnitudes = delta.abs().double()
    bound = float(magnitudes.mean()) + z * float(magnitudes.std(correction=0))
    return float(magnitudes[magnitudes > bound].sum()) / float(magnitudes.sum())


def _density(delta: Tensor | None) -> float:
    """Return the share of non-zero elements of at least 1 % of the 99.9th percentile of magnitudes."""
    if delta is None:
        return 0.0
    magnitudes = delta.abs().reshape(-1).numpy()
    last = math.ceil(0.999 * magnitudes.size) - 1
    bound = 0.01 * np.partition(magnitudes, last)[last]
    return float(np.mean((magnitudes >= bound) & (magnitudes > 0.0)))
