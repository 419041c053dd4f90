"""The section of the spec that says how models are merged and what is searched of it."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from experiments.spec_base import GRANULARITY, SHORT_NAME, Section, Text
from experiments.spec_errors import complaint
from experiments.spec_search import OptionValue
from experiments.spec_tokenizer import TokenizerSpec

Finite = Annotated[float, Field(allow_inf_nan=False)]
GranularityText = Annotated[str, StringConstraints(pattern=GRANULARITY)]
Levels = Annotated[tuple[GranularityText, ...], Field(strict=False)]
CodingText = Literal["linear", "log", "logit", "log_ratio"]


class SearchedValue(Section):
    """A value that is searched in a range, or fixed."""

    range: Annotated[tuple[Finite, Finite], Field(strict=False)] | None = Field(
        default=None, description="Lowest and highest value of the search; null = the method's own range."
    )
    init: Finite | None = Field(default=None, description="Where the search starts; null = at the best plain merge.")
    fixed: Finite | None = Field(default=None, description="One value that is not searched.")

    @property
    def said(self) -> set[str]:
        """The keys that say something else than where they are left out."""
        defaults = {name: info.get_default(call_default_factory=True) for name, info in type(self).model_fields.items()}
        return {name for name, default in defaults.items() if getattr(self, name) != default}

    @field_validator("range")
    @classmethod
    def _ordered(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] < value[1]:
            raise complaint(
                f"low {value[0]} is not below high {value[1]}",
                "write [low, high] with low < high, or {fixed: x} for one value",
            )
        return value

    @field_validator("init")
    @classmethod
    def _inside(cls, value: float | None, info: ValidationInfo) -> float | None:
        bounds = info.data.get("range")
        if value is not None and bounds is not None and not bounds[0] <= value <= bounds[1]:
            raise complaint(f"{value} is outside the range [{bounds[0]}, {bounds[1]}]", "move it into the range")
        return value

    @model_validator(mode="after")
    def _fixed_alone(self) -> Self:
        if self.fixed is not None and (others := self.said - {"fixed", "models"}):
            found = ", ".join(sorted(others))
            raise complaint(f"'fixed' cannot stand beside {found}", "keep either 'fixed' or the others")
        return self


def _from_number(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"fixed": value}
    if not isinstance(value, Mapping | SearchedValue):
        raise complaint(
            f"found {reprlib.repr(value)}, expected a number or a mapping",
            "write a number (fixed) or {range: [low, high], init: x}",
        )
    return value


class ModelParameterSpec(SearchedValue):
    """How one parameter is chosen for one expert."""


ModelParameterField = Annotated[
    ModelParameterSpec, BeforeValidator(_from_number, json_schema_input_type=float | ModelParameterSpec)
]


class ParameterSpec(SearchedValue):
    """How one parameter of the merge method is chosen: searched in a range, or fixed."""

    granularity: GranularityText | None = Field(
        default=None,
        description="Granularity of this parameter alone, as fine as merge.granularity or coarser; null = the same.",
    )
    coding: CodingText | None = Field(
        default=None,
        description="Scale on which the search takes equal steps: linear, log, logit, or log_ratio (positive weights "
        "that sum to 1; one coordinate less than experts); null = the method's choice.",
    )
    shared: bool = Field(default=False, description="One value for all experts instead of one for each.")
    hierarchy: Levels | None = Field(
        default=None, description="Coarser levels of this parameter alone; null = merge.hierarchy, [] = none."
    )
    models: dict[Annotated[str, StringConstraints(pattern=SHORT_NAME)], ModelParameterField] = Field(
        default_factory=dict, description="Expert -> number (fixed) or its own range and init."
    )

    @model_validator(mode="after")
    def _one_way_for_all(self) -> Self:
        if self.models and self.shared:
            raise complaint("'shared' cannot stand beside 'models'", "keep one of the two")
        if self.coding == "log_ratio":
            for name in ("shared", "range", "init", "models", "fixed"):
                if name in self.said:
                    raise complaint(
                        f"'{name}' cannot stand beside coding log_ratio, whose weights are positive and sum to 1",
                        f"remove '{name}' or use coding: linear",
                    )
        return self


ParameterField = Annotated[ParameterSpec, BeforeValidator(_from_number, json_schema_input_type=float | ParameterSpec)]


class MergeSpec(Section):
    """The merge method and what is searched of it."""

    method: Text | None = Field(default=None, description="Merge method, such as task_arithmetic, ties or dare_ties.")
    methods: Annotated[tuple[Text, ...], Field(strict=False)] | None = Field(
        default=None, description="In place of method: two or more methods that the search chooses from."
    )
    granularity: GranularityText = Field(
        default="global",
        description="How finely coefficients vary: global, layer, group:K or spline:K (K values over depth, joined "
        "by a smooth curve), optionally +module or +module+other, or chunks:N.",
    )
    hierarchy: Levels = Field(
        default=(),
        description="Coarser levels that are searched as well, coarse to fine, such as [global, group:6]; every "
        "coefficient is their sum plus a deviation of its own.",
    )
    deviation: float = Field(
        default=0.5,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Initial step of each level of a hierarchy as a fraction of that of the level above.",
    )
    parameters: dict[str, ParameterField] = Field(
        default_factory=dict,
        description="Parameter name -> number (fixed) or range; one left out is searched in its own range.",
    )
    options: dict[str, OptionValue] = Field(
        default_factory=dict, description="Switches of the method, such as normalize: false."
    )
    tokenizer: TokenizerSpec | None = Field(
        default=None, description="The vocabulary of the merge; null = all models have the same tokens."
    )

    @field_validator("methods")
    @classmethod
    def _a_choice(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (len(value) < 2 or len(set(value)) < len(value)):
            raise complaint(f"{list(value)} is no choice", "name two or more different methods, or use 'method'")
        return value

    @model_validator(mode="after")
    def _method_or_methods(self) -> Self:
        if (self.method is None) == (self.methods is None):
            found = "neither 'method' nor 'methods' is given" if self.method is None else "both are given"
            raise complaint(found, "write method: task_arithmetic, or methods: [...] for the search to choose from")
        return self

    @model_validator(mode="after")
    def _deviation_of_a_hierarchy(self) -> Self:
        default = type(self).model_fields["deviation"].default
        if self.deviation != default and not (self.hierarchy or any(one.hierarchy for one in self.parameters.values())):
            raise complaint(
                f"'deviation' is {self.deviation:g}, but there is no hierarchy whose levels could deviate",
                "add hierarchy: [global], or remove 'deviation'",
            )
        return self

    @property
    def choices(self) -> tuple[str, ...]:
        """The methods that a candidate may use: one, or those that the search chooses from."""
        return self.methods or ((self.method,) if self.method else ())
