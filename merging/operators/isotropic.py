"""Isotropic merging: Iso-C and Iso-CTS (2502.04959)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from merging.operators.base import MergeInputs, Option, Options, Parameter
from merging.operators.matrixwise import EMBEDDINGS_MEAN, VECTORS_MEAN, MatrixOperator, require
from merging.operators.spectra import Matrices, Triplets, full_triplets, polar, triplets

_PARAMETERS = (Parameter("lambda", "merge", True, 1.0, 0.1, 3.0, "Multiplies the merged task vector as a whole."),)
_RANK = Option(
    "rank",
    "numerical",
    ("numerical", "full"),
    "Flatten the spectrum over the directions that the experts changed, or over all, arbitrary ones included.",
)


class _Isotropic(MatrixOperator):
    """Shared part: the numerical rank by default, every direction as in the reference code by option.

    A flat spectrum gives every direction the same energy. For adapters the task vectors' sum has a small rank,
    and the remaining singular vectors are whatever the decomposition returned: ``rank=full`` adds them.
    """

    paper = "2502.04959"
    cost = "spectral"
    parameters = _PARAMETERS

    def thin(self, options: Options) -> bool:
        """Return whether adapters may be merged in their own small coordinates."""
        return options["rank"] == "numerical"

    def triplets(
        self, matrix: Tensor, matrices: Matrices, options: Options, scale: float, limit: int | None = None
    ) -> Triplets:
        """Return singular triplets up to the numerical rank, or all of them."""
        if options["rank"] == "numerical":
            return triplets(matrix, matrices.tolerance, limit=limit, scale=scale)
        found = full_triplets(matrix)
        return Triplets(found.u[:, :limit], found.s[:limit], found.v[:, :limit])


class IsoC(_Isotropic):
    """``Delta = mean(S) * U V^T`` of the sum ``U S V^T`` of all task vectors."""

    name = "iso_c"
    summary = "Adds the experts' task vectors and makes all singular values of the sum equal."
    options = (_RANK, EMBEDDINGS_MEAN, VECTORS_MEAN)

    def merged(self, matrices: Matrices, options: Options) -> Sequence[Tensor | None]:
        """Return the flattened sum; see :meth:`MatrixOperator.merged`."""
        total = matrices.total()
        if total is None:
            return (None,)
        found = self.triplets(total, matrices, options, matrices.scale)
        if len(found.s) == 0:
            return (None,)
        return (matrices.lift(found.s.mean() * (found.u @ found.v.T)),)


class IsoCts(_Isotropic):
    """Common directions of the sum and task-specific directions of what each expert has outside them, all equal.

    Of the rank r of the sum, ``floor(common_fraction * r)`` directions are common; the others are shared out
    equally among the experts, rounded to the nearest number that can be. Each expert's directions are the
    leading ones of its task vector without the common output space. Both sides are made orthogonal, and every
    direction gets the mean of all kept singular values.
    """

    name = "iso_cts"
    summary = "Flattens the spectrum of shared directions and of directions that each expert has to itself."
    options = (
        Option("common_fraction", 0.8, None, "Share of the rank that goes to directions of the experts' sum."),
        _RANK,
        EMBEDDINGS_MEAN,
        VECTORS_MEAN,
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Check the options."""
        fraction = float(options["common_fraction"])
        require(0.0 <= fraction <= 1.0, self.name, "common_fraction", fraction, "a share from 0 to 1")
        return None

    def merged(self, matrices: Matrices, options: Options) -> Sequence[Tensor | None]:
        """Return the flattened merge; see :meth:`MatrixOperator.merged`."""
        total = matrices.total()
        if total is None:
            return (None,)
        whole = self.triplets(total, matrices, options, matrices.scale)
        rank = len(whole.s)
        if rank == 0:
            return (None,)
        common, own = _shares(rank, len(matrices.cores), float(options["common_fraction"]))
        shared = whole.u[:, :common]
        kept = []
        for core in matrices.cores:
            if core is not None and own > 0:
                outside = core.double() - shared @ (shared.T @ core.double())
                kept.append(self.triplets(outside, matrices, options, matrices.scale_of(core), own))
        kept.append(Triplets(shared, whole.s[:common], whole.v[:, :common]))
        left, right = (
            polar(torch.cat(stack, dim=1), matrices.tolerance)
            for stack in ([one.u for one in kept], [one.v for one in kept])
        )
        level = torch.cat([one.s for one in kept]).mean()
        return (matrices.lift(level * (left @ right.T)),)


def _shares(rank: int, experts: int, common_fraction: float) -> tuple[int, int]:
    """Return how many directions are common and how many each expert has to itself."""
    own = min(round((rank - int(rank * common_fraction)) / experts), rank // experts)
    return rank - own * experts, own
