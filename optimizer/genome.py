"""Genomes: which coefficients of a merge are searched, and how a search point becomes a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evomerge.errors import SpecError, nearest
from experiments.spec_sections import MergeSpec, ParameterSpec
from merging.coefficients import filled_options
from merging.granularity import Granularity
from merging.operators import Operator, Parameter, get_operator
from merging.recipe import Recipe

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Gene:
    """One searched coefficient: a parameter, of one model or of the merge, in one slot of the granularity."""

    parameter: str
    model: str | None
    slot: int
    label: str
    low: float
    high: float
    init: float
    step: float

    def value(self, z: float) -> float:
        """Map a standardized coordinate to the parameter's range, reflecting at both ends."""
        span = self.high - self.low
        offset = (self.init + z * self.step - self.low) % (2 * span)
        value = self.low + (offset if offset <= span else 2 * span - offset)
        # Finer than any weight format can tell apart, and the same text on every machine.
        return round(value, 6)


@dataclass(frozen=True)
class Genome:
    """The search space of one experiment: genes, and the coefficients that stay fixed."""

    method: str
    models: tuple[str, ...]
    granularity: str
    num_slots: int
    genes: tuple[Gene, ...]
    fixed: Mapping[str, Mapping[str, tuple[float, ...]] | tuple[float, ...]]
    options: Mapping[str, bool | str | int | float]
    seed: int

    @property
    def dimension(self) -> int:
        """Number of searched coefficients."""
        return len(self.genes)

    def decode(self, point: Vector) -> Recipe:
        """Turn a standardized search point, shape (dimension,), into a recipe."""
        values = [gene.value(float(z)) for gene, z in zip(self.genes, point, strict=True)]
        return self._recipe(values)

    def values(self, recipe: Recipe) -> list[float] | None:
        """Return the gene values that express ``recipe``, or None where this genome cannot express it."""
        if recipe.method != self.method or recipe.models != self.models:
            return None
        operator = get_operator(self.method)
        defaults = {parameter.name: parameter.default for parameter in operator.all_parameters()}
        values = []
        for gene in self.genes:
            stored = recipe.coefficients.get(gene.parameter, (defaults[gene.parameter],))
            if isinstance(stored, Mapping):
                stored = stored.get(gene.model or "", (defaults[gene.parameter],))
            if len(stored) > 1 and recipe.granularity != self.granularity:
                return None
            values.append(float(stored[gene.slot if len(stored) > 1 else 0]))
        return values

    def centered_on(self, recipe: Recipe) -> Genome:
        """Start the search at ``recipe``'s coefficients, clipped into the ranges.

        Raises:
            ValueError: this genome cannot express the recipe.
        """
        values = self.values(recipe)
        if values is None:
            raise ValueError(f"a {self.method} genome at {self.granularity} cannot express {recipe.method}")
        genes = tuple(
            replace(gene, init=min(max(value, gene.low), gene.high))
            for gene, value in zip(self.genes, values, strict=True)
        )
        return replace(self, genes=genes)

    def _recipe(self, values: Sequence[float]) -> Recipe:
        searched: dict[tuple[str, str | None], list[float]] = {}
        for gene, value in zip(self.genes, values, strict=True):
            searched.setdefault((gene.parameter, gene.model), []).append(value)
        coefficients: dict[str, Mapping[str, tuple[float, ...]] | tuple[float, ...]] = dict(self.fixed)
        per_model: dict[str, dict[str, tuple[float, ...]]] = {}
        for (parameter, model), slots in searched.items():
            if model is None:
                coefficients[parameter] = tuple(slots)
            else:
                per_model.setdefault(parameter, {})[model] = tuple(slots)
        coefficients.update(per_model)
        return Recipe(self.method, self.models, self.granularity, coefficients, dict(self.options), self.seed)


def build_genome(merge: MergeSpec, models: Sequence[str], num_blocks: int, *, sigma: float, seed: int) -> Genome:
    """Build the search space from the operator's declaration and the spec's ranges.

    ``sigma`` is the initial step as a fraction of each range.

    Raises:
        RecipeError: unknown method or granularity.
        SpecError: unknown parameter or option, a range outside the operator's domain, or nothing left to search.
    """
    operator = get_operator(merge.method)
    _check_names(operator, merge, len(models))
    granularity = Granularity.parse(merge.granularity)
    labels = granularity.slot_labels(num_blocks)
    steps = operator.steps(models, num_blocks, filled_options(operator, merge.options))
    genes: list[Gene] = []
    fixed: dict[str, Mapping[str, tuple[float, ...]] | tuple[float, ...]] = {}
    for parameter in operator.all_parameters():
        setting = merge.parameters.get(parameter.name)
        owners: Sequence[str | None] = models if parameter.scope == "model" else (None,)
        if not _is_searched(parameter, setting):
            if setting is not None and setting.fixed is not None:
                constant = (float(setting.fixed),)
                fixed[parameter.name] = dict.fromkeys(models, constant) if parameter.scope == "model" else constant
            continue
        low, high, init = _range(parameter, setting)
        given = setting is not None and setting.init is not None
        slots = labels if _varies(parameter, setting, merge.granularity) else ("",)
        starts = [init] * len(slots)
        if parameter.scope == "step":
            slots = [step.label for step in steps]
            starts = [init if given else min(max(step.defaults[parameter.name], low), high) for step in steps]
        for owner in owners:
            for slot, (slot_label, start) in enumerate(zip(slots, starts, strict=True)):
                label = " ".join(part for part in (parameter.name, owner, slot_label) if part)
                genes.append(Gene(parameter.name, owner, slot, label, low, high, start, sigma * (high - low)))
    if not genes:
        raise SpecError(
            "merge.parameters",
            "every parameter is fixed, so nothing is left to search",
            "give at least one parameter a range",
        )
    return Genome(
        merge.method,
        tuple(models),
        merge.granularity,
        len(labels),
        tuple(genes),
        fixed,
        dict(merge.options),
        seed,
    )


def _check_names(operator: Operator, merge: MergeSpec, num_models: int) -> None:
    known_parameters = {parameter.name for parameter in operator.all_parameters()}
    for name in merge.parameters:
        if name not in known_parameters:
            raise SpecError(
                f"merge.parameters.{name}",
                f"{operator.name} has no such parameter",
                nearest(name, known_parameters),
            )
    options = {option.name: option for option in operator.all_options()}
    for name, value in merge.options.items():
        if name not in options:
            raise SpecError(f"merge.options.{name}", f"{operator.name} has no such option", nearest(name, options))
        choices = options[name].choices
        if choices is not None and value not in choices:
            raise SpecError(f"merge.options.{name}", f"{value!r} is not a choice", f"use one of {list(choices)}")
    if num_models < operator.min_models or (operator.max_models and num_models > operator.max_models):
        wanted = operator.min_models if operator.max_models == operator.min_models else f"{operator.min_models} or more"
        raise SpecError(
            "models", f"{operator.name} merges {wanted} models, found {num_models}", "change models or method"
        )


def _is_searched(parameter: Parameter, setting: ParameterSpec | None) -> bool:
    if setting is None:
        return parameter.searched
    return setting.fixed is None


def _varies(parameter: Parameter, setting: ParameterSpec | None, granularity: str) -> bool:
    override = None if setting is None else setting.granularity
    if override not in (None, "global", granularity):
        raise SpecError(
            f"merge.parameters.{parameter.name}.granularity",
            f"'{override}' differs from merge.granularity '{granularity}'",
            f"use '{granularity}' or 'global' (one value for the whole depth)",
        )
    return parameter.granular and override != "global"


def _range(parameter: Parameter, setting: ParameterSpec | None) -> tuple[float, float, float]:
    low, high = parameter.low, parameter.high
    init: float | None = None
    if setting is not None and setting.range is not None:
        low, high = setting.range
        init = setting.init
    if init is None:
        init = min(max(parameter.default, low), high)
    if not (parameter.admits(low) and parameter.admits(high)):
        raise SpecError(
            f"merge.parameters.{parameter.name}.range",
            f"[{low:g}, {high:g}] leaves the domain of {parameter.name}: {parameter.doc}",
            f"stay inside it; the default range is [{parameter.low:g}, {parameter.high:g}]",
        )
    return float(low), float(high), float(init)
