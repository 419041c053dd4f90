"""The spec of a search whose fitness comes from a Python function or an HTTP endpoint instead of merged weights."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from experiments.spec_base import CALLABLE, NAME, SHORT_NAME, URL, Section, Text
from experiments.spec_errors import complaint
from experiments.spec_search import SearchSpec

Finite = Annotated[float, Field(allow_inf_nan=False)]
Names = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class BlackboxParameter(Section):
    """One searched coefficient."""

    range: Annotated[tuple[Finite, Finite], Field(strict=False)] = Field(
        description="Lowest and highest value of the search."
    )
    init: Finite | None = Field(default=None, description="Where the search starts; null = the middle of the range.")

    @field_validator("range")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise complaint(f"low {value[0]} is not below high {value[1]}", "write [low, high] with low < high")
        return value

    @field_validator("init")
    @classmethod
    def _inside(cls, value: float | None, info: ValidationInfo) -> float | None:
        low, high = info.data.get("range", (float("-inf"), float("inf")))
        if value is not None and not low <= value <= high:
            raise complaint(f"{value} is outside the range [{low}, {high}]", "move it into the range")
        return value

    @property
    def start(self) -> float:
        """Where the search starts."""
        return (self.range[0] + self.range[1]) / 2 if self.init is None else self.init


class BlackboxSpec(Section):
    """Who turns coefficients into scores, and on which items."""

    callable: Annotated[str, StringConstraints(pattern=CALLABLE)] | None = Field(
        default=None, description="Python function module:function; modules beside the spec file are found."
    )
    url: Annotated[str, StringConstraints(pattern=URL)] | None = Field(
        default=None, description="HTTP endpoint that is sent coefficients and items as JSON."
    )
    parameters: dict[Annotated[str, StringConstraints(pattern=SHORT_NAME)], BlackboxParameter] = Field(
        min_length=1, description="Name of each coefficient -> range and start."
    )
    items: int | Names = Field(default=1, description="Search items: their number or their names.")
    selection: int | Names = Field(default=0, description="Selection items; 0 = the search items choose the winner.")
    test: int | Names = Field(default=0, description="Test items; 0 = the result is not tested.")
    workers: int = Field(default=1, ge=1, description="Calls at the same time.")
    timeout_s: float = Field(default=600.0, gt=0, allow_inf_nan=False, description="Seconds that one call may take.")
    retries: int = Field(default=3, ge=0, description="Times that a failed call is repeated before the run stops.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.callable is None) == (self.url is None):
            raise complaint("needs either 'callable' or 'url'", "write callable: module:function, or url: http://...")
        return self

    @model_validator(mode="after")
    def _distinct_items(self) -> Self:
        names = [name for part in (self.items, self.selection, self.test) if isinstance(part, tuple) for name in part]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise complaint(f"item '{double}' is named twice", "the three lists must not share an item")
        if (self.items if isinstance(self.items, int) else len(self.items)) < 1:
            raise complaint("there is no search item", "give items: 1 or more")
        if any(isinstance(part, int) and part < 0 for part in (self.selection, self.test)):
            raise complaint("a number of items is negative", "give 0 or more")
        return self


class BlackboxExperiment(Section):
    """One experiment on a black box: its coefficients, its items, and how long to search."""

    name: Annotated[str, StringConstraints(pattern=NAME)] = Field(description="Name of the experiment.")
    blackbox: BlackboxSpec = Field(description="Who turns coefficients into scores, and on which items.")
    search: SearchSpec = Field(description="The search algorithm and its budget.")

    @field_validator("search")
    @classmethod
    def _fits(cls, value: SearchSpec) -> SearchSpec:
        if value.prior != "none":
            raise complaint(f"prior '{value.prior}' needs models", "a black box has prior: none")
        if value.screening is not None:
            raise complaint("screening needs models", "a black box has none")
        if value.objectives == "pareto":
            raise complaint("objectives 'pareto' needs tasks", "a black box has objectives: weighted")
        if value.constraints:
            raise complaint("constraints are about tasks", "a black box has none")
        return value

    def canonical(self) -> dict[str, Any]:
        """Return the spec as JSON data with every default written out; ``parse_any`` reads it back."""
        return self.model_dump(mode="json", exclude_none=True)
