"""Genomes: which coefficients of a merge are searched, and how a search point becomes a recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from merging.operators import get_operator
from merging.recipe import Recipe, Values
from optimizer.search.interface import Vector
from optimizer.space.segments import Gene, Segment

Setting = Mapping[str, Values] | Values
_CHOICE_REACH = 3.0


@dataclass(frozen=True)
class Genome:
    """The search space of one experiment: its coordinates, and the coefficients that stay fixed.

    Where there is a choice of methods, a point begins with one coordinate for each, and the largest one chooses
    (the earlier at a tie). Coordinates of parameters that the chosen method does not have do nothing.

    Args:
        methods: operators that a point chooses from; usually one.
        models: expert names.
        granularity: of the recipes.
        segments: the coordinates of every searched parameter, in order.
        fixed: coefficients that are not searched; each method takes those that it has.
        options: switches; each method takes those that it has.
        seed: of the recipes.
        favourite: index of the method at standardized 0.
    """

    methods: tuple[str, ...]
    models: tuple[str, ...]
    granularity: str
    segments: tuple[Segment, ...]
    fixed: Mapping[str, Setting]
    options: Mapping[str, bool | str | int | float]
    seed: int
    favourite: int = 0

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """The coordinates, as a search algorithm takes them, with their labels."""
        choice = [
            Gene("method", None, float(index == self.favourite), 1.0, -_CHOICE_REACH, _CHOICE_REACH, f"method {method}")
            for index, method in enumerate(self.methods)
        ]
        genes = choice if len(choice) > 1 else []
        return (*genes, *(gene for segment in self.segments for gene in segment.genes()))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the coordinates, each unique."""
        return tuple(gene.label for gene in self.genes)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.genes)

    def chosen(self, point: Vector) -> str:
        """Return the method at a point."""
        if len(self.methods) == 1:
            return self.methods[0]
        start = [gene.init for gene in self.genes[: len(self.methods)]]
        return self.methods[int(np.argmax(start + point[: len(self.methods)]))]

    def active(self, point: Vector) -> tuple[bool, ...]:
        """Return which coordinates can change the recipe at a point, the choice of the method included."""
        method = self.chosen(point)
        flags = [True] * (len(self.methods) if len(self.methods) > 1 else 0)
        return (*flags, *(method in segment.methods for segment in self.segments for _ in segment.labels))

    def decode(self, point: Vector) -> Recipe:
        """Turn a standardized search point, shape (dimension,), into a recipe."""
        method = self.chosen(point)
        operator = get_operator(method)
        known = {parameter.name for parameter in operator.all_parameters()}
        found: dict[str, dict[str, Values] | Values] = {
            name: dict(setting) if isinstance(setting, Mapping) else setting
            for name, setting in self.fixed.items()
            if name in known
        }
        for segment, part in self._parts(point):
            if method not in segment.methods:
                continue
            for owner, row in zip(segment.owners, segment.decode(part), strict=True):
                values = tuple(float(value) for value in row)
                if owner is None:
                    found[segment.parameter] = values
                else:
                    per_model = found.setdefault(segment.parameter, {})
                    assert isinstance(per_model, dict)
                    per_model[owner] = values
        options = {option.name for option in operator.all_options()}
        kept = {name: value for name, value in self.options.items() if name in options}
        return Recipe(method, self.models, self.granularity, found, kept, self.seed)

    def values(self, recipe: Recipe) -> list[float] | None:
        """Return the searched coefficients in a recipe, segment by segment; None where it cannot be expressed."""
        stored = self._stored(recipe)
        return None if stored is None else [float(v) for values in stored if values is not None for v in values.flat]

    def encode(self, recipe: Recipe) -> Vector | None:
        """Return a point that decodes to a recipe, or to the nearest this genome has; None for other slots or methods.

        Coordinates that do nothing are 0, and so is what a hierarchy leaves open.
        """
        stored = self._stored(recipe)
        if stored is None:
            return None
        parts = [np.zeros(self.dimension - sum(segment.dimension for segment in self.segments))]
        if len(parts[0]):
            chosen = self.methods.index(recipe.method)
            parts[0][chosen] += float(chosen != self.favourite)
            parts[0][self.favourite] -= float(chosen != self.favourite)
        for segment, values in zip(self.segments, stored, strict=True):
            parts.append(np.zeros(segment.dimension) if values is None else segment.encode(values))
        return np.concatenate(parts)

    def centered_on(self, recipe: Recipe) -> Genome:
        """Start the search at ``recipe``'s method and coefficients, clipped into the ranges.

        Raises:
            ValueError: this genome cannot express the recipe.
        """
        stored = self._stored(recipe)
        if stored is None:
            raise ValueError(f"a {self.methods} genome at {self.granularity} cannot express {recipe.method}")
        segments = tuple(
            segment if values is None else segment.started_at(values)
            for segment, values in zip(self.segments, stored, strict=True)
        )
        return replace(self, segments=segments, favourite=self.methods.index(recipe.method))

    def jacobian(self, point: Vector) -> dict[tuple[str, str | None], Vector]:
        """Return the derivatives of the chosen method's coefficients at a point.

        Returns:
            For each searched parameter and expert (None: of the merge), shape (slots, dimension).
        """
        method, found, first = self.chosen(point), {}, self.dimension
        first -= sum(segment.dimension for segment in self.segments)
        for segment, part in self._parts(point):
            if method in segment.methods:
                for owner, rows in zip(segment.owners, segment.jacobian(part), strict=True):
                    whole = np.zeros((rows.shape[0], self.dimension))
                    whole[:, first : first + segment.dimension] = rows
                    found[segment.parameter, owner] = whole
            first += segment.dimension
        return found

    def describe(self) -> dict[str, Any]:
        """Return all that decides what a point means, as JSON data."""
        return {
            "methods": list(self.methods),
            "favourite": self.favourite,
            "granularity": self.granularity,
            "fixed": {
                k: {m: list(x) for m, x in v.items()} if isinstance(v, Mapping) else list(v)
                for k, v in self.fixed.items()
            },
            "segments": [segment.describe() for segment in self.segments],
        }

    def digest(self) -> str:
        """Return 16 hex digits that differ where a point could mean another recipe."""
        text = json.dumps(self.describe(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _parts(self, point: Vector) -> Iterator[tuple[Segment, Vector]]:
        """Yield the segments with their parts of a point."""
        if point.shape != (self.dimension,):
            raise ValueError(f"a point of this genome has shape ({self.dimension},), found {point.shape}")
        first = self.dimension - sum(segment.dimension for segment in self.segments)
        for segment in self.segments:
            yield segment, point[first : first + segment.dimension]
            first += segment.dimension

    def _stored(self, recipe: Recipe) -> list[Vector | None] | None:
        """Return the coefficients of every segment in a recipe, None for one its method does not have."""
        if recipe.method not in self.methods or recipe.models != self.models:
            return None
        defaults = {one.name: one.default for one in get_operator(recipe.method).all_parameters()}
        found: list[Vector | None] = []
        for segment in self.segments:
            if recipe.method not in segment.methods:
                found.append(None)
                continue
            values = segment.stored(recipe, self.granularity, defaults[segment.parameter])
            if values is None:
                return None
            found.append(values)
        return found
