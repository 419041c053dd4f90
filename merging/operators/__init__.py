"""Merge operators by name; other packages add theirs through the entry point group ``evomerge.operators``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from evomerge.errors import RecipeError, nearest
from merging.operators.arithmetic import Linear, TaskArithmetic
from merging.operators.base import Operator, Option, Parameter
from merging.operators.dare import DareLinear, DareTies
from merging.operators.spherical import NuSlerp, Slerp
from merging.operators.ties import Ties

__all__ = ["Operator", "Option", "Parameter", "get_operator", "operator_names"]

ENTRY_POINT_GROUP = "evomerge.operators"
_BUILT_IN = (Linear, TaskArithmetic, Slerp, NuSlerp, Ties, DareLinear, DareTies)


@cache
def _registry() -> dict[str, Operator]:
    operators: dict[str, Operator] = {kind.name: kind() for kind in _BUILT_IN}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        kind = entry.load()
        if not (isinstance(kind, type) and issubclass(kind, Operator)):
            raise RecipeError(
                f"entry point {entry.name!r}",
                f"{entry.value} is not a class derived from merging.operators.Operator",
                "point the entry point at an Operator class or remove the package",
            )
        if kind.name in operators:
            raise RecipeError(
                f"entry point {entry.name!r}",
                f"an operator named {kind.name!r} exists already",
                "give the operator another name",
            )
        operators[kind.name] = kind()
    return operators


def operator_names() -> tuple[str, ...]:
    """Return the names of all installed operators, sorted."""
    return tuple(sorted(_registry()))


def get_operator(name: str) -> Operator:
    """Return an operator by name.

    Raises:
        RecipeError: no operator has this name.
    """
    operator = _registry().get(name)
    if operator is None:
        raise RecipeError("recipe.method", f"there is no operator named {name!r}", nearest(name, operator_names()))
    return operator
