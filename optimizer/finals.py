"""Who is compared at the end, who drops out of the race, and who wins: plain decisions on recorded scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.statistics import holm, paired_comparison
from evals.tasks import ItemRef
from experiments.entities import Candidate
from experiments.states import CandidateKind, CandidateState
from optimizer.baselines import Baseline
from optimizer.tables import SplitTable

# Chance that the race drops a finalist that is as good as the leader.
RACE_ERROR = 0.05
# What was proposed while the search ran, by it or by people.
PROPOSED = (CandidateKind.SEARCH, CandidateKind.INJECTED)


@dataclass(frozen=True)
class ReportRow:
    """One line of the final table."""

    title: str
    role: str
    number: int


def ranked(candidates: Sequence[Candidate], estimates: Mapping[int, float] | None = None) -> list[Candidate]:
    """Return the scored candidates, best first; the earlier one wins a tie.

    Args:
        candidates: in any state.
        estimates: fitness by number; None takes what the record holds.
    """
    scored = [one for one in candidates if one.state is CandidateState.SCORED and one.fitness is not None]

    def fitness(one: Candidate) -> float:
        return estimates[one.number] if estimates is not None else one.fitness or 0.0

    return sorted(scored, key=lambda one: (-fitness(one), one.number))


def choose_finalists(
    candidates: Sequence[Candidate],
    estimates: Mapping[int, float],
    center_digest: str,
    count: int,
    preferred: Sequence[int] | None = None,
) -> list[Candidate]:
    """Return the search's center, its ``count`` best other candidates and the best plain merge, without repetitions.

    The best of many noisy scores is partly a lucky one. So candidates are ordered by what they are estimated to have
    on all search items, and the center, which is an average of many, stands beside them.

    Args:
        candidates: everybody.
        estimates: posterior mean of the fitness by candidate number.
        center_digest: recipe digest of the search's center.
        count: searched candidates besides the center.
        preferred: numbers of the searched candidates to take, in this order, where it is not the best by estimate.
    """
    order = ranked(candidates, estimates)
    center = [one for one in order if one.recipe_digest == center_digest and one.kind is not CandidateKind.BASELINE][:1]
    searched = [one for one in order if one.kind in PROPOSED and one.recipe_digest != center_digest]
    if preferred is not None:
        known = {one.number: one for one in searched}
        searched = [known[number] for number in preferred if number in known]
    plain = [one for one in order if one.kind is CandidateKind.BASELINE][:1]
    return [*center, *searched[:count], *plain]


def drop_losers(table: SplitTable, racing: Sequence[int], leader: int, looks: int) -> dict[int, float]:
    """Return who is clearly behind the leader on the items that all have been scored on, with the p-value of it.

    Each is compared with the leader item by item (see ``evals.statistics.paired_comparison``). A look's p-values are
    adjusted by Holm for its comparisons and held against ``RACE_ERROR / looks``, so that over all looks a candidate as
    good as the leaders is dropped with probability of at most ``RACE_ERROR``.

    Args:
        table: scores on the selection items.
        racing: numbers of the candidates still in the race, all scored on the same items.
        leader: who they are compared with, see :func:`lead`.
        looks: how often the race looks in all.
    """
    others = [number for number in racing if number != leader]
    weights = dict(zip(table.task_names, table.items.weights.tolist(), strict=True))
    keyed = {number: _by_item(table, number) for number in racing}
    versus = [paired_comparison(keyed[leader], keyed[number], weights) for number in others]
    adjusted = holm([one.p_value for one in versus])
    return {
        number: p
        for number, one, p in zip(others, versus, adjusted, strict=True)
        if one.difference > 0 and p < RACE_ERROR / looks
    }


def lead(table: SplitTable, racing: Sequence[int]) -> int:
    """Return who has the best fitness on the selection items; a tie goes to the one named first."""
    return max(racing, key=lambda number: (table.fitness(number), -racing.index(number)))


def choose_searched(table: SplitTable, searched: Sequence[int]) -> int:
    """Return the first of some finalists unless others are clearly better, then the best of those.

    The first is the search's center, an average of many candidates. The best of several noisy scores is partly a lucky
    one, so the center gives way only to who beats it item by item (Holm over the others, ``RACE_ERROR``).

    Args:
        table: scores, of all on the same items.
        searched: numbers of finalists, the center first.
    """
    first, *others = searched
    weights = dict(zip(table.task_names, table.items.weights.tolist(), strict=True))
    own = _by_item(table, first)
    versus = [paired_comparison(_by_item(table, number), own, weights) for number in others]
    adjusted = holm([one.p_value for one in versus])
    better = [
        number for number, one, p in zip(others, versus, adjusted, strict=True) if one.difference > 0 and p < RACE_ERROR
    ]
    return lead(table, better) if better else first


def report_rows(
    candidates: Sequence[Candidate], baselines: Sequence[Baseline], merge: int | None, plain: int | None = None
) -> list[ReportRow]:
    """Return base, experts, uniform mean, the best task-arithmetic scale, and the best searched merge.

    Every candidate appears once. The searched merge is there also where a plain merge won the selection, so that
    the table shows what the search was worth.

    Args:
        candidates: everybody.
        baselines: what every plain candidate is.
        merge: number of the best searched merge; None where none could be scored.
        plain: number of the plain candidate that raced, which has a row whatever it is.
    """
    # A search may propose the coefficients of a plain merge too; the plain one, scored first, is meant here.
    by_digest = {one.recipe_digest: one for one in sorted(ranked(candidates), key=lambda one: -one.number)}
    known = [(one, by_digest[one.recipe.digest()]) for one in baselines if one.recipe.digest() in by_digest]
    rows = [
        ReportRow(baseline.label, baseline.role if baseline.role in ("base", "expert") else "baseline", one.number)
        for baseline, one in known
        if baseline.role != "scale"
    ]
    line = {candidate.number: baseline.label for baseline, candidate in known if baseline.role == "scale"}
    if line:
        best = next(one.number for one in ranked(candidates) if one.number in line)
        shown = [number for number in line if number in (best, plain)]
        rows += [ReportRow(f"best scale: {line[n]}" if n == best else line[n], "baseline", n) for n in sorted(shown)]
    if merge is not None:
        rows.append(ReportRow("best merge", "merge", merge))
    return rows


def _by_item(table: SplitTable, number: int) -> dict[ItemRef, float]:
    scores = table.scores(number)
    return {
        table.refs[position]: value for position, value in zip(scores.positions, scores.values.tolist(), strict=True)
    }
