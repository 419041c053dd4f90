"""A recipe: the plain data that says how one merge is made."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evomerge.errors import RecipeError, nearest

Values = tuple[float, ...]
Coefficients = Mapping[str, Mapping[str, Values] | Values]
OptionValue = bool | str | int | float

_FIELDS = ("method", "models", "granularity", "coefficients", "options", "seed")


@dataclass(frozen=True)
class Recipe:
    """One candidate merge, complete and reproducible; it is all that crosses from the search to a worker.

    Args:
        method: operator name, for example ``task_arithmetic``.
        models: short names of the experts, in the order of the spec.
        granularity: ``global``, ``group:K`` (K blocks each) or ``layer``, each optionally with ``+module`` or
            ``+module+other``; or ``chunks:N``.
        coefficients: a per-model parameter maps each expert to its values, a merge-wide parameter is one
            tuple. A tuple holds one value for the whole model or one value per slot of the granularity.
            What is missing takes the operator's default.
        options: the operator's switches.
        seed: keys the random streams of stochastic operators.

    Raises:
        RecipeError: a field has the wrong type or a value is not finite. Whether the recipe fits its
            operator is decided by :func:`merging.validation.validate_recipe`.
    """

    method: str
    models: tuple[str, ...]
    granularity: str = "global"
    coefficients: Coefficients = field(default_factory=dict)
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Normalize containers and numbers, so that equal recipes have equal digests."""
        for name in ("method", "granularity"):
            if not isinstance(getattr(self, name), str):
                raise _wrong_type(name, getattr(self, name), "a string")
        if type(self.models) not in (tuple, list) or not all(isinstance(name, str) for name in self.models):
            raise _wrong_type("models", self.models, "a list of expert names")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise _wrong_type("seed", self.seed, "an integer")
        if not isinstance(self.coefficients, Mapping):
            raise _wrong_type("coefficients", self.coefficients, "a mapping from parameter to values")
        if not isinstance(self.options, Mapping):
            raise _wrong_type("options", self.options, "a mapping from option to value")
        object.__setattr__(self, "models", tuple(self.models))
        object.__setattr__(self, "coefficients", _normalized(self.coefficients))
        object.__setattr__(self, "options", {str(key): self.options[key] for key in sorted(self.options)})

    def __hash__(self) -> int:
        """Hash by content, equal in every process."""
        return int(self.digest(), 16)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-compatible data that :meth:`from_dict` reads back."""
        return {
            "method": self.method,
            "models": list(self.models),
            "granularity": self.granularity,
            "coefficients": {
                name: {model: list(values) for model, values in setting.items()}
                if isinstance(setting, Mapping)
                else list(setting)
                for name, setting in self.coefficients.items()
            },
            "options": dict(self.options),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """Build a recipe from :meth:`to_dict` output.

        Raises:
            RecipeError: an unknown or missing field, or a value of the wrong type.
        """
        for key in data:
            if key not in _FIELDS:
                raise RecipeError(f"recipe.{key}", "is not a field of a recipe", nearest(key, _FIELDS))
        for key in ("method", "models"):
            if key not in data:
                raise RecipeError(f"recipe.{key}", "is missing", f"add '{key}' to the recipe")
        return cls(**data)

    def digest(self) -> str:
        """Return 16 hex digits of the SHA-256 of the canonical JSON form."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _normalized(coefficients: Coefficients) -> dict[str, dict[str, Values] | Values]:
    result: dict[str, dict[str, Values] | Values] = {}
    for name in sorted(coefficients):
        setting, where = coefficients[name], f"coefficients.{name}"
        if isinstance(setting, Mapping):
            result[name] = {model: _floats(f"{where}.{model}", setting[model]) for model in sorted(setting)}
        else:
            result[name] = _floats(where, setting)
    return result


def _floats(where: str, values: Any) -> Values:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise _wrong_type(where, values, "a non-empty list of numbers")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(where, value, "a number")
        if not math.isfinite(value):
            raise RecipeError(f"recipe.{where}", f"holds {value}", "use finite numbers only")
    # Adding 0.0 turns -0.0 into 0.0: both make the same merge and must have the same digest.
    return tuple(float(value) + 0.0 for value in values)


def _wrong_type(where: str, found: object, expected: str) -> RecipeError:
    return RecipeError(f"recipe.{where}", f"found {found!r}, expected {expected}", f"write {expected}")
