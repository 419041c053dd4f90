"""Greedy model soup as a search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_problems import scored, setting

from evomerge.errors import SpecError
from optimizer.search.catalog import make_search
from optimizer.search.greedy_soup import GreedySoup, check_soup
from optimizer.search.interface import Coordinate, SearchSetting, Vector

NAMES = ("a", "b", "c", "d")


def space(names: Sequence[str] = NAMES) -> SearchSetting:
    return setting(tuple(Coordinate("weight", name, 0.25, 0.1, 0.0, 1.0) for name in names))


def weights(one: SearchSetting, point: Vector) -> dict[str, float]:
    values = {str(c.model): round(c.init + z * c.step, 9) for c, z in zip(one.coordinates, point, strict=True)}
    return {name: value for name, value in values.items() if value}


def run(soup: GreedySoup, one: SearchSetting, fitness: list[float | None]) -> list[list[str]]:
    asked = []
    for value in fitness:
        proposal = soup.ask()
        if proposal is None:
            break
        assert soup.ask() is None
        assert proposal.number == len(asked)
        members = weights(one, proposal.point)
        assert set(members.values()) == {round(1 / len(members), 9)}
        asked.append(sorted(members))
        soup.tell(proposal, None if value is None else scored(value))
    return asked


def test_experts_join_best_first_as_long_as_the_soup_does_not_get_worse() -> None:
    soup = GreedySoup(space(), {"a": 0.2, "b": 0.5, "c": 0.4, "d": 0.4})
    # c ties with the best and joins, d makes it worse, a cannot be scored.
    assert run(soup, space(), [0.5, 0.3, None]) == [["b", "c"], ["b", "c", "d"], ["a", "b", "c"]]
    assert soup.ask() is None
    assert sorted(weights(space(), soup.center())) == ["b", "c"]


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_the_soup_is_never_worse_than_the_best_expert(alone: list[float], soups: list[float]) -> None:
    soup = GreedySoup(space(), dict(zip(NAMES, alone, strict=True)))
    best, accepted = max(alone), 1
    for value in soups:
        proposal = soup.ask()
        assert proposal is not None
        soup.tell(proposal, scored(value))
        # The fitness of six equal scores may differ from them in the last digit.
        measured = space().items.fitness(scored(value))
        if measured >= best - 1e-9:
            best, accepted = measured, accepted + 1
    assert soup.ask() is None
    assert len(weights(space(), soup.center())) == accepted


def test_an_expert_that_could_not_be_scored_stays_out() -> None:
    soup = make_search("greedy_soup", space(), expert_scores={"b": 0.1, "d": 0.2})
    assert isinstance(soup, GreedySoup)
    assert run(soup, space(), [0.3]) == [["b", "d"]]
    assert soup.ask() is None


def test_the_experts_scores_are_needed() -> None:
    with pytest.raises(ValueError, match="expert_scores"):
        make_search("greedy_soup", space())


@pytest.mark.parametrize(
    ("method", "coordinates"),
    [
        ("ties", space().coordinates),
        ("linear", space().coordinates[:3]),
        ("linear", (*space().coordinates, space().coordinates[0])),
        ("task_arithmetic", (*space().coordinates, Coordinate("lambda", None, 1.0, 0.1, 0.0, 2.0))),
    ],
)
def test_other_search_spaces_are_refused(method: str, coordinates: tuple[Coordinate, ...]) -> None:
    with pytest.raises(SpecError, match="one weight per expert"):
        check_soup(method, NAMES, coordinates)


def test_one_weight_per_expert_is_accepted() -> None:
    for method in ("linear", "task_arithmetic"):
        check_soup(method, NAMES, space().coordinates)


def test_a_range_without_zero_or_one_is_refused() -> None:
    with pytest.raises(SpecError, match=r"\[0.2, 1\] leaves out"):
        check_soup("linear", ("a",), (Coordinate("weight", "a", 0.5, 0.1, 0.2, 1.0),))


def test_points_are_in_standardized_units() -> None:
    assert np.allclose(GreedySoup(space(), {"a": 1.0}).center(), [7.5, -2.5, -2.5, -2.5])
