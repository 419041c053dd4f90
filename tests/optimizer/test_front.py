"""The front of several tasks: who is on it, what it covers, who stands for it, and a run that searches it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import SIZES, DyingStore, FakeProblem, Point, drive, search_spec, spec_data, uniform

from evals.tasks import ItemRef, ItemScore
from evomerge.errors import SpecError
from experiments.spec import parse_spec
from experiments.states import CandidateKind, EventKind, Split
from experiments.store import Store
from optimizer.checks import check_search
from optimizer.front import Front, draw_front, report_front
from optimizer.outcome import Summary, summarize
from optimizer.tables import SplitTable

HALF = 20


def table(scores: Mapping[int, tuple[float, float]], seen: Mapping[int, int] | None = None) -> SplitTable:
    """Candidates that get a share of each of two tasks' 20 items right; ``seen`` limits how many were scored."""
    refs = [ItemRef(task, f"{n:02d}") for task in ("one", "two") for n in range(HALF)]
    found = SplitTable(refs, {"one": 2.0, "two": 1.0}, 0.0)
    for number, shares in scores.items():
        share = dict(zip(("one", "two"), shares, strict=True))
        limit = (seen or {}).get(number, HALF)
        kept = [ref for ref in refs if int(ref.item) < limit]
        found.add(
            number, [ItemScore(r.task, r.item, float(int(r.item) < share[r.task] * HALF), None, None) for r in kept]
        )
    return found


def front(*means: tuple[float, float]) -> Front:
    return Front(tuple(range(len(means))), ("one", "two"), np.array(means), np.zeros((len(means), 2)))


def test_the_front_is_who_nobody_beats_and_equals_stay_together() -> None:
    scores = table({0: (0.2, 0.2), 3: (0.9, 0.1), 4: (0.1, 0.9), 7: (0.5, 0.5), 8: (0.5, 0.4), 9: (0.9, 0.1)})
    found = draw_front("effects", scores, [0, 3, 4, 7, 8, 9])
    assert found.numbers == (3, 4, 7, 9)
    np.testing.assert_allclose(found.means, [(0.9, 0.1), (0.1, 0.9), (0.5, 0.5), (0.9, 0.1)])
    np.testing.assert_allclose(found.deviations, 0, atol=1e-6)
    # 0.9 x 0.1, 0.1 x 0.8 more, and 0.4 x 0.4 more.
    assert found.hypervolume(np.zeros(2)) == pytest.approx(0.33)
    assert draw_front("effects", scores, []).representatives(3) == []


@pytest.mark.parametrize("estimator", ["effects", "pirt"])
def test_luck_on_few_items_is_not_taken_for_skill(estimator: str) -> None:
    """The easy items come first: whoever has seen these alone has all of them right."""
    shares = {n: (0.4 + 0.01 * n, 0.4 + 0.01 * n) for n in range(20)}
    scores = table({**shares, 99: (0.2, 0.2)}, seen={99: 4})
    assert scores.by_task(99) == {"one": [1.0] * 4, "two": [1.0] * 4}
    found = draw_front(estimator, scores, [*range(20), 99])
    if 99 in found.numbers:
        row = found.numbers.index(99)
        assert found.means[row].max() < 0.8
        assert found.deviations[row].min() > 0.02
    assert 19 in found.numbers


def test_representatives_are_spread_over_the_front() -> None:
    crowd = [(0.5 + 0.001 * n, 0.5 - 0.001 * n) for n in range(20)]
    chosen = front((0.1, 0.9), *crowd, (0.9, 0.1)).representatives(3)
    assert {0, 21} < set(chosen) and len(set(chosen)) == 3
    assert front((0.3, 0.3), (0.3, 0.3)).representatives(5) == [0, 1]


def test_the_report_measures_from_the_base_and_looks_at_the_selection_items() -> None:
    search = table({0: (0.4, 0.4), 1: (0.9, 0.5), 2: (0.5, 0.9), 3: (0.95, 0.2)})
    selection = table({0: (0.4, 0.4), 1: (0.6, 0.6), 2: (0.5, 0.5), 3: (0.9, 0.1)}, seen={3: 10})
    drawn = draw_front("effects", search, [0, 1, 2, 3])
    found = report_front(drawn, search, selection, {n: f"c{n}" for n in range(4)}, base=0)
    assert found.reference == {"one": 0.4, "two": 0.4}
    # 3 is worse than the base on task two, so it covers nothing.
    assert found.hypervolume == pytest.approx(0.5 * 0.1 + 0.1 * 0.4)
    assert [one.number for one in found.members] == [1, 2, 3]
    assert found.members[0].selection == {"one": 0.6, "two": 0.6}
    assert found.members[2].selection is None
    assert found.confirmed == (1,)
    unscored = report_front(drawn, search, selection, {n: f"c{n}" for n in range(4)}, base=None)
    assert unscored.reference == {"one": 0.0, "two": 0.0}
    assert unscored.hypervolume > found.hypervolume


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DyingStore]:
    with DyingStore.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def torn(point: Point, ref: ItemRef) -> float:
    """What is good for one task is bad for the other; a plain merge is good for neither."""
    value = point.values[0]
    plain = len(set(point.values)) == 1 or all(one in (0.0, 1.0) for one in point.values)
    chance = 0.1 if plain else np.clip(value + 0.5 if ref.task == "one" else 0.9 - value, 0.1, 0.95)
    return float(uniform(ref.item) < chance)


def run(store: Store, **changes: Any) -> Summary:
    sizes = {**SIZES, Split.SEARCH: 48, Split.SELECTION: 64}
    spec = search_spec(**{"budget": {"evaluations": 60}, "finalists": 5, "sigma": 0.3, **changes})
    problem = FakeProblem(spec, sizes=sizes, score=torn)
    experiment = store.create_experiment(spec_data(problem.search), "/", {}).id
    drive(store, experiment, problem)
    return summarize(store, store.get_experiment(experiment))


def decided(store: Store, summary: Summary, name: str) -> Mapping[str, Any]:
    events = [event.payload for event in store.ledger(summary.experiment.id) if event.kind is EventKind.DECISION]
    return next(one["data"] for one in events if one["decision"] == name)


def reach(summary: Summary) -> np.ndarray[Any, Any]:
    """Scores on the selection items of everybody on the front who has them."""
    assert summary.tradeoffs is not None
    raced = [one.selection for one in summary.tradeoffs.members if one.selection is not None]
    return np.array([[one["one"], one["two"]] for one in raced])


def test_a_search_for_the_front_races_its_trade_offs_and_names_one_winner(store: DyingStore) -> None:
    found = run(store, objectives="pareto")
    assert decided(store, found, "search")["algorithm"] == "optuna-nsga2"
    assert any("objectives" in note for note in found.notes)
    finalists = [store.candidates(found.experiment.id)[n] for n in decided(store, found, "finalists")["numbers"]]
    searched = [one.number for one in finalists if one.kind is CandidateKind.SEARCH]
    assert set(searched[1:]) <= set(found.front)
    # Nobody dropped out, though the ends of the front are far behind in the weighted mean.
    assert decided(store, found, "winner")["dropped"] == []
    assert len(reach(found)) >= 4
    assert np.ptp(reach(found), axis=0).min() > 0.2
    assert found.winner is not None and found.report is not None
    assert found.winner.number in searched
    recorded = found.to_dict()
    assert recorded["tradeoffs"]["hypervolume"] > 0
    assert recorded["tradeoffs"]["members"][0]["search"].keys() == {"one", "two"}


def test_by_the_weighted_mean_the_same_budget_covers_less(store: DyingStore) -> None:
    trades = run(store, objectives="pareto")
    weighted = run(store, algorithm="pycma")
    assert np.ptp(reach(trades), axis=0).sum() > np.ptp(reach(weighted), axis=0).sum()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"algorithm": "merge-cma"}, r"search\.algorithm: 'merge-cma' searches for the best weighted mean"),
        ({"algorithm": "NGOpt"}, r"search\.algorithm"),
        ({"block_size": 8}, r"search\.block_size: a search for trade-offs scores"),
        ({"options": {"pareto": True}}, r"search\.options\.pareto"),
    ],
)
def test_what_does_not_fit_a_search_for_trade_offs_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError, match=field):
        check_search(search_spec(objectives="pareto", **changes))
    check_search(search_spec(objectives="pareto", algorithm="como-cma"))


def test_one_task_has_no_trade_offs() -> None:
    spec = {
        "name": "one",
        "base_model": "org/base",
        "models": {"a": "org/a"},
        "merge": {"method": "ties"},
        "tasks": [{"task": "arc_easy", "metric": "acc"}],
        "search": {"budget": {"hours": 1}, "objectives": "pareto"},
    }
    with pytest.raises(SpecError, match=r"search: objectives 'pareto' needs two tasks"):
        parse_spec(spec)
    parse_spec({**spec, "tasks": [*spec["tasks"], {"task": "piqa", "metric": "acc"}]})  # type: ignore[list-item]
