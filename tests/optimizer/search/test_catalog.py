"""What every algorithm must do, whoever wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from search_problems import ITEMS, bowl, drive, scored, setting, weights

from evomerge.errors import SpecError
from optimizer.search.catalog import AUTO, GREEDY_SOUP, algorithms, check_algorithm, find_algorithm, make_search
from optimizer.search.interface import Coordinate, Scores, Search, Vector

BUILDABLE = [one.name for one in algorithms() if one.name not in (AUTO, GREEDY_SOUP)]
NEVERGRAD = [
    "CMA",
    "DiagonalCMA",
    "DE",
    "TwoPointsDE",
    "PSO",
    "OnePlusOne",
    "TBPSA",
    "IsoEMNA",
    "NGOpt",
    "Cobyla",
    "TripleCMA",
]
EVERY = [*BUILDABLE, *NEVERGRAD]
PARETO = {one.name for one in algorithms() if one.pareto}
# A spec for each algorithm that the others do not fit: Evo-Merging wants densities too.
COORDINATES = (*weights(2), Coordinate("density", "expert0", 0.5, 0.1, 0.0, 1.0))
CANDIDATES = 60


def build(name: str, *, workers: int = 1, seed: int = 3) -> Search:
    return make_search(name, setting(COORDINATES, candidates=CANDIDATES, workers=workers, seed=seed, tasks=tasks(name)))


def tasks(name: str) -> int:
    return 2 if name in PARETO else 1


def candidates(name: str) -> int:
    # Each proposal of a Gaussian process takes a while.
    return 16 if name == "optuna-gp" else CANDIDATES


@pytest.mark.parametrize("name", EVERY)
def test_it_comes_nearer_to_the_optimum_than_the_start(name: str) -> None:
    search = build(name, workers=3)
    drive(search, candidates=candidates(name), in_flight=3)
    # Evo-Merging begins with everything kept, which is five steps away.
    start, share = (np.array([0.0, 0.0, 5.0]), 0.7) if name == "evo-merging" else (np.zeros(3), 0.5)
    assert bowl(search.center()) > share * bowl(start)


@pytest.mark.parametrize("name", EVERY)
def test_a_record_replayed_gives_the_same_next_ask(name: str) -> None:
    """Results come in another order than they were asked for; asks that gave nothing are not in the record."""
    search, again = build(name, workers=3), build(name, workers=3)
    run = drive(
        search,
        lambda point: None if point[1] > 2 else bowl(point),
        candidates=min(30, candidates(name)),
        in_flight=3,
        order=1,
    )
    assert [one.number for one in run.asked] == list(range(len(run.asked)))
    assert {one.block for one in run.asked} == {0}
    for proposal, scores, told in run.events:
        if told:
            again.tell(proposal, scores)
        else:
            repeated = again.ask()
            assert repeated is not None
            assert np.array_equal(repeated.point, proposal.point)
    assert np.array_equal(search.center(), again.center())
    first, second = search.ask(), again.ask()
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert np.array_equal(first.point, second.point)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("Cobyla", "NGOpt", "lorahub")])
def test_another_seed_gives_other_points(name: str) -> None:
    first, other = (drive(build(name, seed=seed), candidates=14).points for seed in (3, 4))
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", EVERY)
def test_infeasible_candidates_rank_last(name: str) -> None:
    def objective(point: Vector) -> float | None:
        return None if point[0] > 1.0 else bowl(point)

    search = build(name, workers=2)
    run = drive(search, objective, candidates=candidates(name), in_flight=2)
    assert len(run.told) == len(run.asked) > 10
    assert np.isfinite(search.center()).all()
    told = {proposal.number: scores for proposal, scores in run.told}
    late = run.asked[len(run.asked) // 2 :]
    assert any(told[one.number] is not None for one in late)


@pytest.mark.parametrize("name", EVERY)
def test_nothing_feasible_and_nothing_but_ties_are_survived(name: str) -> None:
    for value in (None, 0.25):
        search = build(name, workers=2)
        run = drive(search, lambda point, value=value: value, candidates=min(26, candidates(name)), in_flight=2)
        # mergekit-evolve stops at the first flat generation, which is its trap and not ours.
        assert len(run.asked) >= (4 if name == "mergekit-evolve" else 8)
        assert np.isfinite(search.center()).all()


@pytest.mark.parametrize("name", EVERY)
def test_results_may_come_without_asks_in_between(name: str) -> None:
    """At the end of a budget sixteen workers return while nothing more is asked."""
    search = build(name, workers=16)
    waiting = []
    for _ in range(16):
        proposal = search.ask()
        if proposal is not None:
            waiting.append(proposal)
    assert waiting
    for proposal in reversed(waiting):
        search.tell(proposal, scored(bowl(proposal.point)))
    assert search.ask() is not None


@pytest.mark.parametrize("name", EVERY)
def test_one_dimension_is_enough(name: str) -> None:
    search = make_search(name, setting(weights(1), candidates=CANDIDATES, tasks=tasks(name)))
    drive(search, candidates=candidates(name))
    assert bowl(search.center()) > bowl(np.zeros(1))


def test_every_algorithm_says_what_it_is_and_what_it_takes() -> None:
    assert len(BUILDABLE) == len(set(BUILDABLE)) >= 12
    for one in algorithms():
        assert one.summary and one.source
        for option in one.options:
            assert option.doc.endswith("."), (one.name, option.name)
            assert option.kind
    assert {one.name for one in algorithms() if one.uses_blocks} == {AUTO, "merge-cma"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("merge_cma", {}, r"search\.algorithm: .*did you mean 'merge-cma'"),
        ("TwoPointDE", {}, "did you mean 'TwoPointsDE'"),
        ("pycma", {"popsiz": 10}, r"search\.options\.popsiz: pycma has no such option.*did you mean 'popsize'"),
        ("pycma", {"popsize": 2}, r"search\.options\.popsize: found 2: .*greater than or equal to 3"),
        ("pycma", {"popsize": True}, r"search\.options\.popsize: found True.*give a whole number"),
        ("pycma", {"popsize": "10"}, r"search\.options\.popsize: found '10'"),
        ("merge-cma", {"asynchronous": "often"}, r"search\.options\.asynchronous: found 'often'.*'barrier'"),
        ("mergekit-evolve", {"popsize": 10}, r"search\.options\.popsize: .*mergekit-evolve has none"),
        ("DE", {"popsize": 10}, r"search\.options\.popsize: .*did you mean|known: bounded"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_and_the_fix(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check_algorithm(name, options)


def test_what_can_be_is_accepted() -> None:
    assert check_algorithm("pycma", {"popsize": 10, "sigma": 1}).name == "pycma"
    assert check_algorithm("DE", {"bounded": True}).source == "nevergrad"
    assert check_algorithm(AUTO, {}).uses_blocks


def test_algorithms_that_score_all_items_refuse_several_blocks() -> None:
    one = setting(weights(2))
    halves = (np.arange(3), np.arange(3, ITEMS))
    cut = type(one)(one.coordinates, type(one.items)(one.items.tasks, one.items.weights, halves), 0, 600, 1)
    with pytest.raises(ValueError, match="one block"):
        make_search("pycma", cut)
    assert make_search("merge-cma", cut).ask() is not None


def test_an_option_reaches_its_algorithm() -> None:
    few, many = (make_search("pycma", setting(weights(2)), {"popsize": size}) for size in (3, 30))
    first, second = drive(few, candidates=12).points, drive(many, candidates=12).points
    assert np.array_equal(first[:3], second[:3])
    assert not np.array_equal(first[4:], second[4:])


def test_find_algorithm_of_the_registry_builds_it() -> None:
    search = find_algorithm("PSO").build(setting(weights(2)), find_algorithm("PSO").declared())
    proposal = search.ask()
    assert proposal is not None
    search.tell(proposal, Scores(np.arange(ITEMS), np.zeros(ITEMS)))
