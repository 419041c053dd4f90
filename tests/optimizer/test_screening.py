"""Candidates chosen by stand-ins: who is scored, what the search learns, when it ends, and the record of it all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import LOSSES, DyingStore, FakeProblem, Point, StoreDied, drive, record, search_spec, spec_data, uniform
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from evals.tasks import ItemRef
from evomerge.errors import InvalidInput
from experiments.spec import load_spec
from experiments.states import CandidateKind, Split
from experiments.store import Store
from optimizer.agreement import rank_correlation
from optimizer.honesty import notes
from optimizer.jobs import Job, Outcome
from optimizer.preflight import make_plan
from optimizer.screening import LEAST_AUDITED, OFF, choose_places
from runs import TinyExperiment
from workers.population import Population

SPEC = {"algorithm": "merge-cma", "budget": {"evaluations": 30}, "block_size": 8, "options": {"popsize": 8}}


def smooth(point: Point, ref: ItemRef) -> float:
    """Better near 0.5 in every coordinate, without ties."""
    distance = float(np.mean((np.array(point.values) - 0.5) ** 2))
    return math.exp(-distance) * (0.5 + uniform(ref.item))


def nonsense(point: Point, ref: ItemRef) -> float:
    return uniform(point.values)


def problem(stand_in: Callable[[Point, ItemRef], float] = smooth, **changes: Any) -> FakeProblem:
    screening = {"rank": 4, "proposals": 3, "bound": 0.5}
    spec = search_spec(**SPEC | {"screening": screening} | changes.pop("spec", {}))
    return FakeProblem(spec, score=smooth, stand_in=stand_in, **changes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DyingStore]:
    with DyingStore.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def run(store: Store, one: FakeProblem) -> str:
    experiment = store.create_experiment(spec_data(one.search), "/", {}).id
    drive(store, experiment, one)
    return experiment


def generations(store: Store, experiment: str) -> list[dict[str, Any]]:
    found = store.decisions(experiment)
    return [found[f"screening_{n}"] for n in range(len(found)) if f"screening_{n}" in found]


@pytest.mark.parametrize("workers", [1, 3])
def test_half_of_the_places_go_to_the_best_stand_ins_once_these_are_known_to_rank(
    store: DyingStore, workers: int
) -> None:
    one = problem(num_workers=workers)
    experiment = run(store, one)
    found = generations(store, experiment)
    assert [len(each["values"]) for each in found[:3]] == [8, 8, 8]
    later = found[math.ceil(LEAST_AUDITED / 8) :]
    assert later and all(len(each["values"]) == 24 and each["lots"] == 4 for each in later)
    for each in later:
        assert each["tau"][1] >= 0.5 and each["audited"] >= LEAST_AUDITED
        by_lot, others = each["chosen"][:4], each["chosen"][4:]
        assert by_lot == [0, 1, 2, 3]
        assert sorted(np.argsort(each["values"][4:])[-4:] + 4) == others
    assert found[0]["losses"] == LOSSES
    # Who is scored is who was chosen, as far as the budget goes, and the mean at the end.
    searched = [each for each in store.candidates(experiment) if each.kind is CandidateKind.SEARCH]
    assert len(searched) - 1 <= sum(len(each["chosen"]) for each in found) <= len(searched) + 7
    assert OFF not in store.decisions(experiment)


def test_scores_of_stand_ins_are_nowhere_but_in_the_decisions(store: DyingStore) -> None:
    # A stand-in that ranks perfectly and is off by 100 would show in everything that learns from it.
    experiment = run(store, problem(lambda point, ref: 100 + smooth(point, ref)))
    assert all(value > 99 for each in generations(store, experiment) for value in each["values"])
    assert all(one.score < 2 for split in Split for one in store.items(experiment, split))
    assert all(one.fitness is not None and one.fitness < 2 for one in store.candidates(experiment))
    evaluated = sum(one.num_items for one in store.evaluations(experiment, split=Split.SEARCH))
    assert len(list(store.items(experiment, Split.SEARCH))) == evaluated <= 30 * 24


def test_the_search_learns_from_exact_scores_alone(store: DyingStore, tmp_path: Path) -> None:
    """Stand-ins of another scale that rank alike choose alike, and lead to the very same run."""

    def scores(factor: float, name: str) -> Any:
        with DyingStore.open(f"sqlite:///{tmp_path / name}.db") as other:
            experiment = run(other, problem(lambda point, ref: factor * smooth(point, ref)))
            plain, items, _, trace = record(other, experiment)
            return plain, items, trace

    assert scores(1.0, "one") == scores(5.0, "five")


def test_stand_ins_that_do_not_rank_switch_screening_off_for_good(store: DyingStore) -> None:
    experiment = store.create_experiment(spec_data(problem(nonsense).search), "/", {}).id
    said: list[str] = []
    drive(store, experiment, problem(nonsense), said)
    decisions = store.decisions(experiment)
    off = decisions[OFF]
    assert off["generation"] == math.ceil(LEAST_AUDITED / 8) and off["tau"][1] < 0.5 == off["bound"]
    later = generations(store, experiment)[off["generation"] :]
    assert later and all(each["values"] == [] and each["items"] == 0 for each in later)
    (sentence,) = [one for one in said if "screening is off" in one]
    assert "from generation 3 on" in sentence and "lower end must be 0.5" in sentence
    noted = " ".join(notes(decisions, None, None, 0))
    assert "24 stand-ins" in noted and "192 item evaluations" in noted and sentence[1:] in noted


def test_a_report_says_what_screening_did(store: DyingStore) -> None:
    experiment = run(store, problem())
    found = generations(store, experiment)
    noted = " ".join(notes(store.decisions(experiment), None, None, 0))
    assert f"{sum(len(each['values']) for each in found)} stand-ins" in noted
    assert "10% of the change of m0 by truncation and 20% outside" in noted
    assert "The rank correlation (Kendall) of stand-ins" in noted


def test_stand_ins_that_fail_are_last_and_those_that_take_workers_down_are_found(store: DyingStore) -> None:
    def deadly(job: Job, attempt: int) -> Outcome | None:
        values = [one.values[0] for one in job.stand_ins if isinstance(one, Point)]
        return Outcome(job, "lost", reason="died") if any(value > 0.4 for value in values) else None

    experiment = run(store, problem(accident=deadly))
    later = generations(store, experiment)
    assert any(None in each["values"] for each in later)
    for each in later:
        failed = [place for place in each["chosen"][each["lots"] :] if each["values"][place] is None]
        feasible = sum(value is not None for value in each["values"][each["lots"] :])
        assert not failed or feasible < len(each["chosen"]) - each["lots"]


def test_generated_tokens_of_stand_ins_count_towards_that_budget(store: DyingStore) -> None:
    budget = {"budget": {"generated_tokens": 2000}}
    one = run(store, problem(spec=budget))
    generated = sum(each.generated_tokens for each in store.evaluations(one, split=Split.SEARCH))
    screened = sum(each["tokens"] for each in generations(store, one))
    assert screened > 0 and 2000 <= generated + screened <= 2000 + 24 * 8 + 24 * 2


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.reuse, Phase.generate]
)
@given(data=st.data())
def test_a_run_killed_at_any_write_ends_as_the_uninterrupted_one(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("killed")
    # Good at first and useless later, so that it is switched off on the way.
    stand_in = data.draw(st.sampled_from([smooth, nonsense]))
    workers = data.draw(st.sampled_from([1, 3]))
    with DyingStore.open(f"sqlite:///{folder / 'whole.db'}") as store:
        whole = run(store, problem(stand_in, num_workers=workers))
        expected, writes = record(store, whole), store.writes
    kill, after = data.draw(st.integers(1, writes)), data.draw(st.booleans())
    with DyingStore.open(f"sqlite:///{folder / 'killed.db'}") as store:
        one = problem(stand_in, num_workers=workers)
        experiment = store.create_experiment(spec_data(one.search), "/", {}).id
        store.writes, store.dies_at, store.after = 0, kill, after
        with pytest.raises(StoreDied):
            drive(store, experiment, one)
        store.dies_at = None
        drive(store, experiment, problem(stand_in, num_workers=workers))
        assert record(store, experiment) == expected


@given(st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=6, max_size=30), st.integers(1, 6), st.data())
def test_places_by_lot_and_by_merit(values: list[float | None], places: int, data: st.DataObject) -> None:
    lots = data.draw(st.integers(0, places))
    chosen = choose_places(values, places, lots)
    assert len(chosen) == places == len({*chosen}) and chosen[:lots] == list(range(lots))
    rank = [-math.inf if value is None else value for value in values]
    left = [rank[place] for place in range(lots, len(values)) if place not in chosen]
    assert not left or lots == places or max(left) <= min(rank[place] for place in chosen[lots:])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_rank_correlation_of_one_group_is_kendalls(pairs: list[tuple[float, float]]) -> None:
    expected = kendalltau(*zip(*pairs, strict=True)).statistic
    found = rank_correlation([pairs])
    if np.isnan(expected):
        assert found is None
    else:
        assert found is not None and found.mean == pytest.approx(expected)
        assert found.low <= found.mean <= found.high


def test_candidates_of_different_groups_are_not_compared() -> None:
    agreeing = [(1.0, 11.0), (2.0, 12.0), (3.0, 13.0)]
    elsewhere = [(one + 100, other - 100) for one, other in agreeing]
    found = rank_correlation([agreeing, elsewhere, [], [(5.0, 5.0)]])
    assert found is not None and found.mean == 1.0
    assert rank_correlation([[(1.0, 2.0)], [(3.0, 1.0)]]) is None
    random = np.random.default_rng(0)
    first = random.standard_normal(200)
    noisy = [(one, one + other) for one, other in zip(first, random.standard_normal(200), strict=True)]
    interval = rank_correlation([noisy])
    # Normal scores whose correlation is 1/sqrt(2) have a rank correlation of 1/2.
    assert interval is not None and interval.low < 0.5 < interval.high and interval.high - interval.low < 0.2


def planned(experiment: TinyExperiment, **search: Any) -> Population | None:
    def change(spec: dict[str, Any]) -> None:
        spec["models"] |= search.pop("models", {"whole": "base"})
        method = search.pop("method", "task_arithmetic")
        spec["merge"] |= {"method": method} | ({"parameters": {}} if method != "task_arithmetic" else {})
        spec["workers"] = {"engine": "vllm", "cpus": 1} | search.pop("workers", {})
        spec["search"] = {"budget": {"evaluations": 24}, "screening": {"rank": 8}} | search

    loaded = load_spec(experiment.spec("screening", change))
    return make_plan(loaded.spec, loaded.source_dir).worker.population


def test_what_screening_asks_of_the_workers(tiny_experiment: TinyExperiment) -> None:
    layers = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
    assert planned(tiny_experiment) == Population(8, 24, layers, truncated=8)


@pytest.mark.parametrize(
    ("search", "why"),
    [
        ({"method": "ties"}, "ties does not add multiples"),
        ({"models": {}}, "every expert is an adapter"),
        ({"workers": {"engine": "transformers"}}, "only engine: vllm"),
        ({"workers": {"population": 4}}, "need no screen"),
        ({"algorithm": "pycma"}, "'pycma' wants all its points scored"),
        ({"objectives": "pareto"}, "trade-offs wants all its points scored"),
        ({"algorithm": "merge-cma", "options": {"restarts": True}}, "restarts wants"),
        ({"screening": {"rank": 200}}, "rank 600.*170 or less"),
        ({"screening": {"bound": 1.0}}, "bound"),
    ],
)
def test_what_cannot_be_screened_is_refused(tiny_experiment: TinyExperiment, search: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        planned(tiny_experiment, **search)
