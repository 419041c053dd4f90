"""nevergrad's traps, each of which was there in 1.0.12."""

from __future__ import annotations

import subprocess
import sys

import nevergrad as ng
import numpy as np
import pytest
from nevergrad.optimization import optimizerlib
from search_problems import bowl, drive, scored, setting, weights

from evomerge.errors import SpecError
from optimizer.search import nevergrad
from optimizer.search.declared import NevergradOptions
from optimizer.search.interface import Prior, Vector
from optimizer.search.nevergrad import Nevergrad, check_optimizer, needs_bounds


def build(
    name: str, dimension: int = 4, *, bounded: bool | None = None, workers: int = 1, candidates: int = 100
) -> Nevergrad:
    one = setting(weights(dimension), workers=workers, candidates=candidates)
    return Nevergrad(one, NevergradOptions(bounded), name)


def strategy(search: Nevergrad) -> optimizerlib._CMA:
    inner = search._optimizer
    return inner if isinstance(inner, optimizerlib._CMA) else inner.optim


def test_numpy_that_breaks_the_metamodel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "__version__", "2.4.6")
    check_optimizer.cache_clear()
    for name in ("NGOpt", "MetaModel", "Carola2"):
        with pytest.raises(
            SpecError, match=r"search\.algorithm: .*MetaModel, which fails under numpy 2\.4\.6.*numpy<2\.4"
        ):
            check_optimizer(name)
    check_optimizer("DE")


@pytest.mark.parametrize("name", ["DiagonalCMA", "CMA"])
def test_three_hundred_dimensions_with_late_results_do_not_crash(name: str) -> None:
    search = build(name, 300, workers=4, candidates=90)
    run = drive(search, candidates=90, in_flight=4)
    assert len(run.told) == 90
    assert strategy(search).es.countiter == 90 // strategy(search).es.popsize


def test_no_generation_of_results_is_dropped() -> None:
    """More results than a generation arrive without an ask in between, which pycma refuses."""
    search = build("CMA", workers=24)
    for _ in range(3):
        for proposal in [search.ask() for _ in range(24)]:
            assert proposal is not None
            search.tell(proposal, scored(bowl(proposal.point)))
        flying = [search.ask() for _ in range(24)]
        for proposal in flying:
            assert proposal is not None
            search.tell(proposal, scored(bowl(proposal.point)))
    es = strategy(search).es
    assert es.countiter == 144 // es.popsize


def test_results_of_other_optimizers_in_a_chain_are_not_dropped() -> None:
    search = build("TripleDiagonalCMA")
    drive(search, candidates=60)
    for one in search._optimizer.optims:
        assert one.es.countiter > 0


def test_a_refused_generation_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    search = build("CMA")
    drive(search, candidates=3)

    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(strategy(search).es, "tell", refuse)
    with pytest.raises(RuntimeError, match="pycma refused a generation"):
        drive(search, candidates=30)


def test_ties_do_not_restart_the_search_from_its_start() -> None:
    search = build("CMA")
    drive(search, candidates=120)
    before = search.center()
    assert bowl(before) > -0.3
    drive(search, lambda point: 0.25, candidates=120)
    assert np.linalg.norm(search.center() - before) < np.linalg.norm(before)


@pytest.mark.parametrize("name", ["CMA", "MetaCMA"])
def test_without_bounds_nothing_becomes_elitist_or_diagonal_behind_ones_back(name: str) -> None:
    search = build(name)
    drive(search, candidates=30)
    assert not strategy(search)._config.elitist
    assert not strategy(search)._config.diagonal
    assert strategy(build("CMA", bounded=True))._config.elitist


@pytest.mark.parametrize("name", ["CMA", "TBPSA", "IsoEMNA", "MergeCMA"])
def test_the_result_is_the_mean_of_the_distribution_and_not_a_lucky_sample(name: str) -> None:
    lucky = np.full(4, np.nan)

    def objective(point: Vector) -> float:
        nonlocal lucky
        if np.isnan(lucky).any():
            lucky = point
            return 100.0
        return bowl(point)

    search = build(name)
    run = drive(search, objective, candidates=120)
    assert not any(np.array_equal(search.center(), point) for point in run.points)
    assert bowl(search.center()) > bowl(lucky)


def test_without_a_distribution_one_lucky_sample_is_not_the_result() -> None:
    search = build("RandomSearch", 2)
    random = np.random.default_rng(0)
    luck = iter(random.normal(0, 1, 200))
    run = drive(search, lambda point: bowl(point) + next(luck), candidates=100)
    values = [float(scores.values[0]) for _, scores in run.told if scores is not None]
    luckiest = run.told[int(np.argmax(values))][0].point
    assert not np.array_equal(search.center(), luckiest)
    assert bowl(search.center()) > bowl(np.zeros(2))


@pytest.mark.parametrize("name", ["PSO", "DE", "CMA", "TBPSA", "OnePlusOne"])
def test_no_point_is_out_of_reach(name: str) -> None:
    assert needs_bounds(name) == (name == "PSO")
    assert np.abs(drive(build(name), candidates=80).points).max() < 1e3


def test_bounds_hold_where_they_are_asked_for() -> None:
    search = build("DE", bounded=True)
    points = drive(search, lambda point: float(point.sum()), candidates=100).points
    assert points.max() <= 5.0
    assert points.min() >= -5.0


def test_a_sequential_optimizer_waits_and_ends_when_it_has_converged() -> None:
    search = build("Cobyla", workers=4, candidates=60)
    first = search.ask()
    assert first is not None
    assert search.ask() is None
    search.tell(first, scored(bowl(first.point)))
    run = drive(search, candidates=200, in_flight=4)
    assert len(run.asked) < 200
    assert search.ask() is None
    assert bowl(search.center()) > -0.01


def test_a_process_with_a_sequential_optimizer_ends() -> None:
    code = """
from search_problems import setting, weights
from optimizer.search.declared import NevergradOptions
from optimizer.search.nevergrad import Nevergrad
search = Nevergrad(setting(weights(2)), NevergradOptions(), "Cobyla")
search.ask()
import builtins; builtins.keep = search
"""
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, timeout=60, check=True)


@pytest.mark.parametrize(("name", "why"), [("PCABO80", "bayes_optim"), ("NgLn", "no run could be resumed")])
def test_what_cannot_run_or_be_resumed_is_refused_before_anything_is_spent(name: str, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        check_optimizer(name)


def test_losses_are_finite_for_infeasible_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    search = build("DE")
    told: list[float] = []
    original = search._optimizer.tell
    monkeypatch.setattr(search._optimizer, "tell", lambda token, loss: (told.append(loss), original(token, loss)))
    drive(search, lambda point: None if point[0] > 0 else bowl(point), candidates=40)
    assert np.isfinite(told).all()
    assert any(loss > 1e3 for loss in told) or min(told) < max(told)


def test_a_prior_gives_the_first_samples() -> None:
    prior = Prior(np.array([3.0, -2.0]), np.diag([0.01, 2.0]), "a test")
    with_prior, without = (
        drive(Nevergrad(one, NevergradOptions(), "CMA"), lambda point: 0.0, candidates=20).points
        for one in (setting(weights(2), prior=prior), setting(weights(2)))
    )
    assert np.allclose(with_prior, prior.mean + without @ prior.factor.T)


def test_the_repairs_are_in_the_classes_that_every_optimizer_uses() -> None:
    optimizer = ng.optimizers.registry["MetaModel"](ng.p.Array(shape=(3,)), budget=50, num_workers=1)
    es = optimizer._optim.es
    assert es.opts["tolflatfitness"] == np.inf
    assert nevergrad.CMA is optimizerlib._CMA
