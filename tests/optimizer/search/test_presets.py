"""The named baselines do what the published code does."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import cma
import nevergrad as ng
import numpy as np
import optuna
import pytest
from search_problems import bowl, drive, scored, setting, weights

from optimizer.search.catalog import make_search
from optimizer.search.interface import Coordinate, SearchSetting, Vector
from optimizer.search.presets import LoraHub, MergekitEvolve, Sakana
from optimizer.search.pycma import cma_seed

DENSITY = Coordinate("density", "expert0", 0.5, 0.1, 0.0, 1.0)
OPEN = weights(3, low=-10.0, high=10.0)


def coefficients(one: SearchSetting, points: Vector) -> Vector:
    return np.array([[c.init + z * c.step for c, z in zip(one.coordinates, point, strict=True)] for point in points])


def loss(values: Vector) -> float:
    return float(((values - 0.9) ** 2).sum())


def raw(one: SearchSetting) -> Callable[[Vector], float]:
    return lambda point: -loss(coefficients(one, [point])[0])


@pytest.mark.filterwarnings("ignore")
def test_mergekit_evolve_is_fmin2_as_mergekit_calls_it() -> None:
    one = setting((*OPEN, DENSITY), candidates=150, seed=7)
    search = MergekitEvolve(one)
    run = drive(search, raw(one), candidates=1000, in_flight=5)

    genotypes: list[Vector] = []

    def merged(x: Vector) -> Vector:
        return np.array([*np.abs(x[:3]), min(abs(x[3]), 1.0)])

    def parallel(samples: list[Vector]) -> list[float]:
        genotypes.extend(np.array(x) for x in samples)
        return [loss(merged(x)) for x in samples]

    best, _ = cma.fmin2(
        None,
        x0=[1 / 3, 1 / 3, 1 / 3, 1.0],
        sigma0=1 / 6,
        parallel_objective=parallel,
        options={"maxfevals": 150, "seed": 7, "verbose": -9, "verb_log": 0},
    )
    expected = np.array([merged(x) for x in genotypes])
    found = coefficients(one, run.points)
    assert len(found) == len(search_generations(expected, found))
    assert np.allclose(found, expected[: len(found)])
    assert np.allclose(coefficients(one, [search.center()])[0], merged(np.asarray(best)))


def search_generations(expected: Vector, found: Vector) -> Vector:
    # fmin2 looks at its final mean once more, which the driver does itself.
    return expected[: len(found)] if len(expected) - len(found) <= 1 else expected


def test_mergekit_evolve_waits_for_its_generation_and_stops_on_ties() -> None:
    search = MergekitEvolve(setting(OPEN, candidates=400, workers=20))
    asked = []
    while (proposal := search.ask()) is not None:
        asked.append(proposal)
    assert len(asked) == 7
    for proposal in asked:
        search.tell(proposal, scored(0.5))
    run = drive(search, lambda point: 0.5, candidates=400, in_flight=20)
    assert len(asked) + len(run.asked) < 100
    assert search.ask() is None


def test_sakana_is_optunas_cma_from_the_middle_with_a_sixth_of_the_range() -> None:
    one = setting(weights(2), seed=5)
    run = drive(Sakana(one), raw(one), candidates=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.CmaEsSampler(
            x0={"x0": 0.5, "x1": 0.5}, sigma0=1 / 6, popsize=4 + int(3 * np.log(2)), seed=5
        )
        study = optuna.create_study(sampler=sampler, direction="maximize")
        study.optimize(
            lambda trial: -loss(np.array([trial.suggest_float(f"x{i}", 0, 1) for i in range(2)])), n_trials=40
        )
    expected = [[trial.params["x0"], trial.params["x1"]] for trial in study.trials]
    assert np.allclose(coefficients(one, run.points), expected, atol=1e-6)


def test_sakana_reports_the_best_single_sample() -> None:
    search = Sakana(setting(weights(2)))
    run = drive(search, candidates=30)
    assert np.array_equal(search.center(), max(run.points, key=bowl))


def test_lorahub_is_ngopt_from_zero_with_the_penalty() -> None:
    def penalized(w: np.ndarray) -> float:
        return loss(w) + 0.05 * float(np.abs(w).mean())

    one = setting(weights(4, low=-2.0, high=2.0), candidates=30, seed=9)
    search = LoraHub(one)
    run = drive(search, raw(one), candidates=30, in_flight=3)
    space = ng.p.Array(init=np.zeros(4), lower=np.full(4, -1.5), upper=np.full(4, 1.5))
    space.random_state.seed(9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = ng.optimizers.NGOpt(space, budget=30)
        result = optimizer.minimize(penalized)
    assert len(run.asked) == 30
    # Its thread, which has the last score already, may have recommended something of its own, or not yet.
    possible = (result.value, min(coefficients(one, run.points), key=penalized))
    assert any(np.allclose(coefficients(one, [search.center()])[0], found) for found in possible)
    assert np.abs(coefficients(one, run.points)).max() <= 1.5 + 1e-9
    assert np.allclose(coefficients(one, run.points)[0], 0.0)


def test_lorahub_keeps_to_a_narrower_range() -> None:
    one = setting(weights(3, low=0.0, high=1.0), candidates=40)
    found = coefficients(one, drive(LoraHub(one), lambda point: float(point.sum()), candidates=40).points)
    assert found.min() >= -1e-9
    assert found.max() <= 1 + 1e-9


def test_evo_merging_searches_densities_first_and_weights_second() -> None:
    one = setting((*weights(2, low=-2.0, high=2.0), DENSITY), candidates=120, seed=2)
    search = make_search("evo-merging", one)
    run = drive(search, raw(one), candidates=200, in_flight=6)
    found = coefficients(one, run.points)
    first, second = found[:40], found[40:]
    assert np.allclose(first[:, :2], 0.5)
    assert np.unique(first[:, 2]).size == 40
    best = first[np.argmin([loss(row) + 0.05 * abs(row[2]) for row in first]), 2]
    assert np.allclose(second[:, 2], best)
    assert np.unique(second[:, 0]).size == len(second) == 80
    penalised = [loss(row) + 0.05 * float(np.abs(row[:2]).mean()) for row in second]
    assert np.allclose(coefficients(one, [search.center()])[0], second[int(np.argmin(penalised))])


@pytest.mark.filterwarnings("ignore")
def test_evo_mergings_stages_are_pycma_with_its_settings() -> None:
    one = setting(tuple(Coordinate("density", f"expert{i}", 0.5, 0.1, 0.0, 1.0) for i in range(3)), candidates=60)
    search = make_search("evo-merging", one)
    run = drive(search, raw(one), candidates=60)
    np.random.seed(cma_seed(3, "densities"))
    es = cma.CMAEvolutionStrategy([1.0] * 3, 0.05, {"popsize": 20, "bounds": [0, 1], "seed": np.nan, "verbose": -9})
    expected: list[Vector] = []
    while not es.stop() and es.countevals < 60:
        samples = es.ask()
        expected.extend(samples)
        es.tell(samples, [loss(x) + 0.05 * float(np.abs(x).mean()) for x in samples])
    assert np.allclose(coefficients(one, run.points), expected)


def test_infeasible_candidates_do_not_end_a_baseline() -> None:
    for name in ("mergekit-evolve", "evo-merging", "sakana", "lorahub"):
        search = make_search(name, setting((*weights(2), DENSITY), candidates=60))
        run = drive(search, lambda point: None if point[0] < 0 else bowl(point), candidates=40)
        assert len(run.told) > 20
