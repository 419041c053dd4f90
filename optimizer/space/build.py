"""From the spec's merge section and the operators' declarations to a genome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evomerge.errors import SpecError
from experiments.spec_merge import MergeSpec, ParameterSpec
from merging.coefficients import filled_options
from merging.granularity import Granularity
from merging.operators import Operator, Parameter, get_operator
from optimizer.space.checks import Asked, check_domain, check_effect, check_names, value_range
from optimizer.space.codings import CODINGS, Array, Coding, contrasts
from optimizer.space.genome import Genome, Setting
from optimizer.space.levels import Level, make_level, recipe_granularity
from optimizer.space.parameters import Shared, shared_parameters
from optimizer.space.segments import Segment


def build_genome(
    merge: MergeSpec, models: Sequence[str], num_blocks: int, *, sigma: float, seed: int, linear: bool = False
) -> Genome:
    """Build the search space.

    Args:
        merge: what the spec says.
        models: expert names.
        num_blocks: decoder blocks of the base.
        sigma: initial step as a fraction of each range.
        seed: of the recipes.
        linear: search every coefficient on its own scale unless the spec says otherwise, for algorithms that set
            coefficients to values of their own.

    Raises:
        RecipeError: unknown method or granularity.
        SpecError: unknown parameter or option, a range outside the operator's domain, or nothing left to search.
    """
    operators = [get_operator(name) for name in merge.choices]
    check_names(operators, merge, models)
    builder = _Builder(merge, tuple(models), operators, num_blocks, sigma, linear)
    segments: list[Segment] = []
    fixed: dict[str, Setting] = {}
    for shared in shared_parameters(operators, merge):
        if shared.setting is not None:
            check_effect(shared.parameter, shared.setting)
        segments += builder.segments(shared)
        if constant := builder.fixed(shared):
            fixed[shared.parameter.name] = constant
    if not segments and len(operators) == 1:
        raise SpecError(
            "merge.parameters",
            "every parameter is fixed, so nothing is left to search",
            "give at least one parameter a range",
        )
    return Genome(
        merge.choices, tuple(models), str(builder.granularity), tuple(segments), fixed, dict(merge.options), seed
    )


@dataclass(frozen=True)
class _Builder:
    """What the segments of one genome have in common."""

    merge: MergeSpec
    models: tuple[str, ...]
    operators: Sequence[Operator]
    num_blocks: int
    sigma: float
    linear: bool

    @property
    def granularity(self) -> Granularity:
        """The granularity of the recipes."""
        return recipe_granularity(self.merge.granularity)

    def fixed(self, shared: Shared) -> Setting | None:
        """Return a parameter's constants: of the merge, or of the experts that have one; None for none."""
        parameter, setting = shared.parameter, shared.setting
        found = {}
        for owner in self._owners(parameter):
            value = Asked.of(setting, owner).fixed
            if value is not None:
                check_domain(_field(parameter, owner, setting), parameter, (value,))
                found[owner] = (float(value),)
        if parameter.scope == "model":
            return {str(owner): values for owner, values in found.items()} or None
        return found.get(None)

    def segments(self, shared: Shared) -> list[Segment]:
        """Return the segments of one parameter; none where it is fixed."""
        parameter, setting = shared.parameter, shared.setting
        owners = [o for o in self._owners(parameter) if Asked.of(setting, o).fixed is None]
        if not owners:
            return []
        kind = self._coding(shared)
        # Experts whose coefficients are searched apart have a segment each.
        together = kind == "log_ratio" or (setting is not None and setting.shared)
        groups = [tuple(owners)] if together else [(owner,) for owner in owners]
        return [self._segment(shared, kind, group) for group in groups]

    def _segment(self, shared: Shared, kind: str, owners: tuple[str | None, ...]) -> Segment:
        parameter, setting = shared.parameter, shared.setting
        asked = Asked.of(setting, owners[0])
        low, high, init = value_range(_field(parameter, owners[0], setting), parameter, asked)
        coding = _checked_coding(kind, low, high, parameter)
        levels, starts = self._levels(parameter, setting, init, asked.init is not None, low, high)
        start = coding.encode(np.tile(starts, (len(owners), 1)))
        across, names = _across(kind, owners, setting is not None and setting.shared)
        step = self.sigma * coding.span
        texts = [label for level in levels for label in level.labels]
        return Segment(
            parameter.name,
            shared.methods,
            owners,
            coding,
            start,
            across,
            np.hstack([level.matrix for level in levels]),
            np.concatenate([np.full(len(one.labels), step * self.merge.deviation**i) for i, one in enumerate(levels)]),
            tuple(index for index, level in enumerate(levels) for _ in level.labels),
            tuple(" ".join(part for part in (parameter.name, name, text) if part) for name in names for text in texts),
        )

    def _levels(
        self, parameter: Parameter, setting: ParameterSpec | None, init: float, given: bool, low: float, high: float
    ) -> tuple[list[Level], Array]:
        """Return the levels of a parameter, coarse to fine, and where its values start."""
        if parameter.scope == "step":
            (operator,) = self.operators
            steps = operator.steps(self.models, self.num_blocks, filled_options(operator, self.merge.options))
            starts = [init if given else min(max(step.defaults[parameter.name], low), high) for step in steps]
            return [Level(tuple(step.label for step in steps), np.eye(len(steps)))], np.array(starts)
        override = None if setting is None else setting.granularity
        if not parameter.granular or override == "global":
            return [Level(("",), np.ones((1, 1)))], np.array([init])
        slots = self.granularity.num_slots(self.num_blocks)
        return self._hierarchy(parameter, setting, override), np.full(slots, init)

    def _hierarchy(self, parameter: Parameter, setting: ParameterSpec | None, override: str | None) -> list[Level]:
        where = f"merge.parameters.{parameter.name}"
        field = "merge.granularity" if override is None else f"{where}.granularity"
        finest = make_level(override or self.merge.granularity, self.granularity, self.num_blocks, field)
        asked = None if setting is None else setting.hierarchy
        field = "merge.hierarchy" if asked is None else f"{where}.hierarchy"
        texts = self.merge.hierarchy if asked is None else asked
        coarser = [make_level(text, self.granularity, self.num_blocks, field) for text in texts]
        if asked is None and override is not None:
            coarser = [level for level in coarser if len(level.labels) < len(finest.labels)]
        counts = [len(level.labels) for level in (*coarser, finest)]
        if any(after <= before for before, after in pairwise(counts)):
            raise SpecError(
                field,
                f"its levels and the granularity have {', '.join(map(str, counts))} values, which do not grow",
                "list levels from coarse to fine, each coarser than the granularity",
            )
        levels = [*coarser, finest]
        # Levels of one model can have slots of equal labels, so that of a deviation names its level.
        names = [*texts[: len(coarser)], override or self.merge.granularity]
        return [
            Level(tuple(f"{label} ({name})" for label in level.labels) if index else level.labels, level.matrix)
            for index, (level, name) in enumerate(zip(levels, names, strict=True))
        ]

    def _owners(self, parameter: Parameter) -> Sequence[str | None]:
        return self.models if parameter.scope == "model" else (None,)

    def _coding(self, shared: Shared) -> str:
        """Return the coding that the spec asks for, or the method's where the rest of the spec agrees with it."""
        parameter, setting = shared.parameter, shared.setting
        asked = None if setting is None else setting.coding
        if asked == "log_ratio" and (parameter.scope != "model" or len(self.models) < 2):
            raise SpecError(
                f"merge.parameters.{parameter.name}.coding",
                "log_ratio needs one coefficient for each of two or more experts",
                "use linear, log or logit",
            )
        if asked is not None:
            return asked
        if self.linear:
            return "linear"
        if shared.coding == "log_ratio":
            plain = setting is not None and setting.said & {"range", "init", "models", "shared"}
            return "linear" if plain or len(self.models) < 2 else "log_ratio"
        ranges = [] if setting is None else [one.range for one in (setting, *setting.models.values()) if one.range]
        outside = {"log": lambda low, high: low <= 0, "logit": lambda low, high: low < 0 or high > 1}.get(shared.coding)
        return "linear" if outside and any(outside(*each) for each in ranges) else shared.coding


def _field(parameter: Parameter, owner: str | None, setting: ParameterSpec | None) -> str:
    own = setting is not None and owner in setting.models
    return f"merge.parameters.{parameter.name}" + (f".models.{owner}" if own else "")


def _checked_coding(kind: str, low: float, high: float, parameter: Parameter) -> Coding:
    """Return a coding.

    Raises:
        SpecError: it cannot have this range.
    """
    needed: Mapping[str, tuple[bool, str]] = {
        "log": (low > 0, "a range above 0"),
        "logit": (low >= 0 and high <= 1, "a range inside [0, 1]"),
    }
    fits, words = needed.get(kind, (True, ""))
    if not fits:
        raise SpecError(
            f"merge.parameters.{parameter.name}.coding",
            f"{kind} needs {words}, found [{low:g}, {high:g}]",
            f"give the parameter {words}, or use coding: linear",
        )
    return CODINGS[kind](low, high)


def _across(kind: str, owners: tuple[str | None, ...], shared: bool) -> tuple[Array, list[str]]:
    """Return the experts' shares of a coordinate and the names of the columns."""
    if kind == "log_ratio":
        names = [str(owner) for owner in owners]
        return contrasts(len(names)), [f"{','.join(names[:i])}:{names[i]}" for i in range(1, len(names))]
    if shared and len(owners) > 1:
        return np.ones((len(owners), 1)), ["(shared)"]
    return np.eye(len(owners)), [owner or "" for owner in owners]
