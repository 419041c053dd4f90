"""Who is compared at the end, and who wins: plain decisions on recorded scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.entities import Candidate
from experiments.states import CandidateKind, CandidateState
from optimizer.baselines import Baseline


@dataclass(frozen=True)
class ReportRow:
    """One line of the final table."""

    title: str
    role: str
    number: int


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the scored candidates, best search fitness first; the earlier one wins a tie."""
    scored = [one for one in candidates if one.state is CandidateState.SCORED and one.fitness is not None]
    return sorted(scored, key=lambda one: (-(one.fitness or 0.0), one.number))


def choose_finalists(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return the search's mean, its ``count`` best samples and the best plain merge, without repetitions.

    The best sample of a noisy fitness is partly a lucky one, so the mean of the distribution stands beside it.
    """
    order = ranked(candidates)
    samples = [one for one in order if one.kind is CandidateKind.SEARCH][:count]
    means = [one for one in order if one.kind is CandidateKind.MEAN]
    plain = [one for one in order if one.kind is CandidateKind.BASELINE][:1]
    return [*means, *samples, *plain]


def choose_winner(finalists: Sequence[Candidate], selection: Mapping[int, float]) -> Candidate:
    """Return the finalist with the best selection fitness; ``selection`` maps candidate number to fitness.

    Finalists without a selection fitness (infeasible there) cannot win. Ties go to the better search fitness.

    Raises:
        ValueError: no finalist has a selection fitness.
    """
    scored = [one for one in ranked(finalists) if one.number in selection]
    if not scored:
        raise ValueError("no finalist could be scored on the selection items")
    return max(scored, key=lambda one: selection[one.number])


def report_rows(
    candidates: Sequence[Candidate],
    baselines: Sequence[Baseline],
    finalists: Sequence[Candidate],
    selection: Mapping[int, float],
) -> list[ReportRow]:
    """Return base, experts, uniform mean, the best task-arithmetic scale and the best searched merge.

    Every candidate appears once. The searched merge is there also where a plain merge won the selection, so that
    the table shows what the search was worth.
    """
    by_digest = {one.recipe_digest: one for one in ranked(candidates)}
    known = [(one, by_digest[one.recipe.digest()]) for one in baselines if one.recipe.digest() in by_digest]
    rows = [
        ReportRow(baseline.label, "baseline" if baseline.role == "uniform" else baseline.role, candidate.number)
        for baseline, candidate in known
        if baseline.role != "scale"
    ]
    line = {candidate.number: baseline.label for baseline, candidate in known if baseline.role == "scale"}
    if line:
        best = next(one for one in ranked(candidates) if one.number in line)
        rows.append(ReportRow(f"best scale: {line[best.number]}", "baseline", best.number))
    searched = [one for one in finalists if one.kind is not CandidateKind.BASELINE and one.number in selection]
    if searched:
        rows.append(ReportRow("best merge", "merge", choose_winner(searched, selection).number))
    return rows
