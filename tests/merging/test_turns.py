"""The work on one tensor, bound ahead or in its turn, with errors that name it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evomerge.errors import Infeasible
from merging.operators import get_operator
from merging.recipe import Recipe
from merging.turns import bound


def merge(method: str, **options: Any) -> Any:
    operator = get_operator(method)
    given = {option.name: option.default for option in operator.all_options()} | options
    return SimpleNamespace(recipe=Recipe(method, ("a",)), operator=operator, options=given)


@pytest.mark.parametrize(
    ("method", "options", "ahead"),
    [
        ("linear", {}, True), ("breadcrumbs", {}, True), ("knots", {}, False), ("sce", {}, False),
        ("ties", {"rescale": "l1"}, False), ("ties", {"equal_magnitudes": "by_position"}, False),
    ],
)  # fmt: skip
def test_what_is_quick_is_bound_ahead(method: str, options: dict[str, Any], ahead: bool) -> None:
    done: list[str] = []

    def bind() -> Callable[[], int]:
        done.append("bound")
        return lambda: 7

    work = bound(merge(method, **options), "norm", bind)
    assert bool(done) == ahead
    assert work() == 7 and done == ["bound"]


@pytest.mark.parametrize("method", ["linear", "knots"])
def test_errors_name_the_tensor_and_the_recipe(method: str) -> None:
    def refuse() -> int:
        raise Infeasible("no")

    with pytest.raises(Infeasible, match=rf"norm in recipe \w+ \({method}\): no"):
        bound(merge(method), "norm", lambda: refuse)()
