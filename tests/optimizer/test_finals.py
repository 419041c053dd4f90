"""Who is compared at the end, who drops out of the race, and what the table shows."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from evals.tasks import ItemRef, ItemScore
from experiments.entities import Candidate
from experiments.states import CandidateKind, CandidateState
from optimizer.baselines import baselines
from optimizer.finals import choose_finalists, choose_searched, drop_losers, lead, ranked, report_rows
from optimizer.tables import SplitTable

PLAIN = baselines(("a", "b"))
REFS = [ItemRef("t", f"{n:03d}") for n in range(64)]


def candidate(number: int, kind: CandidateKind, fitness: float | None, digest: str = "") -> Candidate:
    state = CandidateState.INFEASIBLE if fitness is None else CandidateState.SCORED
    return Candidate(
        number, "e", number, kind, f"c{number}", None, {}, digest or f"d{number}", state, None, fitness,
        datetime.now(UTC),
    )  # fmt: skip


@pytest.fixture
def everyone() -> list[Candidate]:
    plain = [
        candidate(number, CandidateKind.BASELINE, 0.1 * number, one.recipe.digest()) for number, one in enumerate(PLAIN)
    ]
    searched = [candidate(20 + n, CandidateKind.SEARCH, value) for n, value in enumerate((0.5, 0.9, None, 0.9, 0.8))]
    return [*plain, *searched, candidate(30, CandidateKind.MEAN, 0.85)]


def recorded(everyone: list[Candidate]) -> dict[int, float]:
    return {one.number: one.fitness for one in everyone if one.fitness is not None}


def table(**right: int) -> SplitTable:
    """Candidates n3=40 solve the first 40 of 64 items."""
    found = SplitTable(REFS, {"t": 1.0}, 0.0)
    for name, count in right.items():
        found.add(int(name[1:]), [ItemScore("t", ref.item, float(n < count), None, None) for n, ref in enumerate(REFS)])
    return found


def test_ranking_drops_infeasible_and_prefers_the_earlier_at_a_tie(everyone: list[Candidate]) -> None:
    assert [one.number for one in ranked(everyone)][:3] == [21, 23, 30]
    assert 22 not in {one.number for one in ranked(everyone)}


def test_finalists_are_center_best_estimates_and_best_plain_merge(everyone: list[Candidate]) -> None:
    best_plain = len(PLAIN) - 1
    estimates = recorded(everyone)
    assert [one.number for one in choose_finalists(everyone, estimates, "d30", 2)] == [30, 21, 23, best_plain]
    # 21 was lucky on few items: what counts is the estimate. A sample that is the center is not listed twice.
    estimates[21] = 0.4
    assert [one.number for one in choose_finalists(everyone, estimates, "d23", 2)] == [23, 24, 20, best_plain]


def test_the_race_drops_who_is_clearly_behind_the_leader_and_nobody_else() -> None:
    scores = table(n1=60, n2=58, n3=20, n4=60)
    assert lead(scores, [1, 2, 3, 4]) == 1
    assert lead(scores, [4, 1, 2]) == 4  # a tie goes to the one named first
    dropped = drop_losers(scores, [1, 2, 3, 4], 1, looks=2)
    assert set(dropped) == {3} and dropped[3] < 0.025
    assert drop_losers(table(n1=5, n2=0), [1, 2], 1, looks=1) == {}
    assert drop_losers(table(n1=20, n2=60), [1, 2], 1, looks=1) == {}  # ahead of the one they are held against


def test_the_center_gives_way_only_to_who_is_clearly_better() -> None:
    assert choose_searched(table(n1=40, n2=42, n3=30), [1, 2, 3]) == 1
    assert choose_searched(table(n1=30, n2=50, n3=52), [1, 2, 3]) == 3
    assert choose_searched(table(n1=30), [1]) == 1


def test_equal_candidates_rarely_drop_out_over_a_whole_race() -> None:
    random = np.random.default_rng(0)
    dropped = 0
    for _ in range(60):
        scores = SplitTable(REFS, {"t": 1.0}, 0.0)
        values = random.random((3, 64)) < 0.5
        for look in range(2):
            for number in range(3):
                part = [
                    ItemScore("t", ref.item, float(values[number, n]), None, None)
                    for n, ref in enumerate(REFS)
                    if n % 2 == look
                ]
                scores.add(number, part)
            dropped += bool(drop_losers(scores, [0, 1, 2], lead(scores, [0, 1, 2]), looks=2))
    assert dropped <= 7  # 3 expected; 8 or more have a chance of 1 %


def test_report_compares_with_parents_mean_and_the_best_scale(everyone: list[Candidate]) -> None:
    best_plain = len(PLAIN) - 1
    rows = report_rows(everyone, PLAIN, merge=21, plain=best_plain)
    assert [(row.role, row.number) for row in rows] == [
        ("base", 0),
        ("expert", 1),
        ("expert", 2),
        ("baseline", 3),
        ("baseline", best_plain),
        ("merge", 21),
    ]


def test_report_shows_a_scale_that_raced_though_another_one_scored_better(everyone: list[Candidate]) -> None:
    rows = report_rows(everyone, PLAIN, merge=None, plain=len(PLAIN) - 2)
    scales = [(row.title, row.number) for row in rows if "task arithmetic" in row.title]
    assert [number for _, number in scales] == [len(PLAIN) - 2, len(PLAIN) - 1]
    assert scales[1][0].startswith("best scale: ")


def test_a_searched_copy_of_a_parent_does_not_take_its_place(everyone: list[Candidate]) -> None:
    copy = candidate(40, CandidateKind.SEARCH, 0.99, PLAIN[0].recipe.digest())
    assert report_rows([*everyone, copy], PLAIN, merge=21)[0].number == 0


def test_report_lives_without_infeasible_rows(everyone: list[Candidate]) -> None:
    without_expert = [one for one in everyone if one.number not in (1, 30, 20, 21, 23, 24)]
    rows = report_rows(without_expert, PLAIN, merge=None)
    assert [row.role for row in rows] == ["base", "expert", "baseline", "baseline"]
