"""Levels: how few coordinates become the coefficients of all slots of a recipe."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from evomerge.errors import SpecError
from merging.granularity import Granularity
from optimizer.space.codings import Array

_SPLINE = re.compile(r"spline:(\d+)((?:\+module(?:\+other)?)?)")


@dataclass(frozen=True)
class Level:
    """One level of a hierarchy.

    Args:
        labels: of its coordinates.
        matrix: shape (slots, coordinates): what a coordinate adds to the code of each slot of the recipe.
    """

    labels: tuple[str, ...]
    matrix: Array


def recipe_granularity(text: str) -> Granularity:
    """Return the granularity of the recipes: that of the text, or single layers under a spline."""
    match = _SPLINE.fullmatch(text)
    return Granularity.parse("layer" + match.group(2) if match else text)


def make_level(text: str, fine: Granularity, num_blocks: int, field: str) -> Level:
    """Map a granularity or ``spline:K`` onto the slots of the recipe.

    A spline has K values at equal distances from the first to the last block, joined by a natural cubic spline;
    with K = 2 that is a straight line.

    Raises:
        SpecError: its slots are not made of whole slots of the recipe; ``field`` is named.
    """
    match = _SPLINE.fullmatch(text)
    if match:
        return _spline(int(match.group(1)), Granularity.parse("layer" + match.group(2)), fine, num_blocks, field)
    coarse = Granularity.parse(text)
    labels = tuple(coarse.slot_labels(num_blocks))
    if coarse == fine:
        return Level(labels, np.eye(len(labels)))
    if fine.chunks is not None and text == "global":
        return Level(labels, np.ones((fine.chunks, 1)))
    if fine.chunks is not None or coarse.chunks is not None:
        raise _not_coarser(text, fine, field)
    groups = coarse.groups(num_blocks)
    depth = np.array(
        [[float(blocks[0] in group and blocks[-1] in group) for group in groups] for blocks in fine.groups(num_blocks)]
    )
    if not depth.any(axis=1).all():
        raise _not_coarser(text, fine, field)
    return Level(labels, np.kron(depth, _modules(text, coarse, fine, field)))


def _spline(count: int, coarse: Granularity, fine: Granularity, num_blocks: int, field: str) -> Level:
    text = f"spline:{count}" + str(coarse).removeprefix("layer")
    groups = () if fine.chunks is not None else fine.groups(num_blocks)
    if count > len(groups):
        raise SpecError(
            field,
            f"'{text}' has {count} values over {len(groups)} depth groups of {fine}",
            f"use {len(groups)} values or fewer, or a finer merge.granularity" if groups else "use another granularity",
        )
    knots = np.linspace(0, num_blocks - 1, count)
    curve = CubicSpline(knots, np.eye(count), bc_type="natural")
    depth = curve([(blocks[0] + blocks[-1]) / 2 for blocks in groups])
    labels = [f"at block {knot:g}" for knot in np.round(knots, 1)]
    return Level(
        tuple(f"{label} {module}" for label in labels for module in coarse.modules) or tuple(labels),
        np.kron(depth, _modules(text, coarse, fine, field)),
    )


def _modules(text: str, coarse: Granularity, fine: Granularity, field: str) -> Array:
    """Return the part of a level's matrix inside one depth group, shape (fine modules, coarse modules)."""
    own, wanted = coarse.modules, fine.modules
    if not own:
        return np.ones((max(1, len(wanted)), 1))
    if len(own) > len(wanted):
        raise _not_coarser(text, fine, field)
    # What is neither attention nor mlp takes the mean of both where it has no value of its own.
    return np.array([[float(a == b) if a in own else 1 / len(own) for b in own] for a in wanted])


def _not_coarser(text: str, fine: Granularity, field: str) -> SpecError:
    return SpecError(
        field,
        f"the slots of '{text}' are not made of whole slots of merge.granularity '{fine}'",
        f"use '{fine}' or a coarser one, such as 'global' (one value for the whole depth)",
    )
