from datetime import UTC, datetime

import pytest

from experiments.entities import Candidate
from experiments.states import CandidateKind, CandidateState
from optimizer.baselines import baselines
from optimizer.finals import choose_finalists, choose_winner, ranked, report_rows

PLAIN = baselines(("a", "b"))


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


def test_ranking_drops_infeasible_and_prefers_the_earlier_at_a_tie(everyone: list[Candidate]) -> None:
    assert [one.number for one in ranked(everyone)][:3] == [21, 23, 30]
    assert 22 not in {one.number for one in ranked(everyone)}


def test_finalists_are_mean_best_samples_and_best_plain_merge(everyone: list[Candidate]) -> None:
    assert [one.number for one in choose_finalists(everyone, 2)] == [30, 21, 23, len(PLAIN) - 1]


def test_winner_is_decided_by_selection_items_not_by_search_fitness(everyone: list[Candidate]) -> None:
    finalists = choose_finalists(everyone, 2)
    assert choose_winner(finalists, {30: 0.4, 21: 0.3, 23: 0.4}).number == 23  # tie: better search fitness
    assert choose_winner(finalists, {30: 0.5, 21: 0.3, 23: 0.4}).number == 30
    with pytest.raises(ValueError, match="no finalist"):
        choose_winner(finalists, {})


def test_report_compares_with_parents_mean_and_the_best_scale(everyone: list[Candidate]) -> None:
    finalists = choose_finalists(everyone, 2)
    best_plain = len(PLAIN) - 1
    rows = report_rows(everyone, PLAIN, finalists, {30: 0.5, 21: 0.6, best_plain: 0.9})
    assert [(row.role, row.number) for row in rows] == [
        ("base", 0),
        ("expert", 1),
        ("expert", 2),
        ("baseline", 3),
        ("baseline", best_plain),
        # A plain merge won the selection; the table still shows what the search was worth.
        ("merge", 21),
    ]


def test_report_lives_without_infeasible_rows(everyone: list[Candidate]) -> None:
    without_expert = [one for one in everyone if one.number not in (1, 30, 20, 21, 23, 24)]
    rows = report_rows(without_expert, PLAIN, choose_finalists(without_expert, 2), {})
    assert [row.role for row in rows] == ["base", "expert", "baseline", "baseline"]
