"""Screening: half of every generation is chosen among more points than it has places for, by scores of stand-ins.

A stand-in is a candidate as an adapter of truncated task vectors on the weights of the search's center, which is cheap
to score and nearly right. Only those who get a place are scored as what they are, with merged weights, and only these
scores reach the search. The other half gets its places by lot: so the rank correlation of both scores is measured in
every generation, on candidates that nobody selected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.statistics import Interval
from experiments.spec_search import ScreeningSpec
from experiments.states import Split
from optimizer.agreement import rank_correlation
from optimizer.jobs import Work
from optimizer.journal import Journal
from optimizer.search.interface import Search, Vector
from optimizer.search.preselection import Preselecting, Vacancy
from optimizer.watch import Watch

_PREFIX = "screening_"
OFF = f"{_PREFIX}off"
# Of how many drawn by lot the agreement is known, at least, before anybody is chosen by a stand-in; later, the newest.
LEAST_AUDITED = 20


@dataclass(frozen=True)
class StandIns:
    """What the stand-ins of some points had.

    Args:
        values: fitness of each; None where it is infeasible.
        items: item evaluations that it took.
        tokens: that were generated.
        losses: what the truncated task vectors miss of each expert's, as norms relative to the whole.
    """

    values: Sequence[float | None]
    items: int
    tokens: int
    losses: Mapping[str, Mapping[str, float]]


Screen = Callable[[Sequence[Vector], Vector, int], StandIns]
"""Scores stand-ins of points around a center on a block of the search items."""


class Screening:
    """Fills the vacancies of a search and keeps the record of it.

    Every generation is a decision of the ledger, ``screening_N``, written before any of its candidates is asked for: a
    resumed run has the same ones. The decision ``screening_off`` says why nothing is screened any more.

    Args:
        spec: proposals and bound.
        journal: the record; scores of candidates are read from it, those of stand-ins stand in the decisions alone.
        screen: scores stand-ins.
        watch: is told.
    """

    def __init__(self, spec: ScreeningSpec, journal: Journal, screen: Screen, watch: Watch) -> None:
        self._spec = spec
        self._journal = journal
        self._screen = screen
        self._watch = watch
        self._table = journal.tables[Split.SEARCH]
        self._lots: list[tuple[int, list[tuple[Vector, float | None]]]] = []
        self.generated_tokens = 0

    def repeat(self, search: Search) -> bool:
        """Fill the vacancy of a search as the record says; False where there is none, or the record has nothing yet."""
        if not isinstance(search, Preselecting) or (vacancy := search.vacancy) is None:
            return False
        if (recorded := self._journal.decisions.get(_name(vacancy))) is None:
            return False
        points = search.draw(max(len(recorded["values"]), vacancy.places))
        self._fill(search, vacancy, points, recorded)
        return True

    def fill(self, search: Search) -> bool:
        """Fill the vacancy of a search; False where there is none."""
        if not isinstance(search, Preselecting) or (vacancy := search.vacancy) is None:
            return False
        if self.repeat(search):
            return True
        tau, audited = self._agreement()
        known = audited >= LEAST_AUDITED
        if known and (tau is None or tau.low < self._spec.bound):
            self._switch_off(vacancy, tau, audited)
        off = OFF in self._journal.decisions
        lots = math.ceil(vacancy.places / 2) if known and not off else vacancy.places
        points = search.draw(vacancy.places * (self._spec.proposals if lots < vacancy.places else 1))
        if not off:
            self._watch.say(f"generation {vacancy.generation}: {len(points)} stand-ins are scored")
        found = StandIns((), 0, 0, {}) if off else self._screen(points, search.center(), vacancy.block)
        decision: dict[str, Any] = {
            "block": vacancy.block,
            "lots": lots,
            "values": list(found.values),
            "chosen": choose_places(found.values, vacancy.places, lots),
            "count": len(found.values),
            "items": found.items,
            "tokens": found.tokens,
            "losses": found.losses,
            "tau": None if tau is None else [tau.mean, tau.low, tau.high],
            "audited": audited,
        }
        self._fill(search, vacancy, points, self._journal.decide(_name(vacancy), decision))
        return True

    def _fill(
        self, search: Preselecting, vacancy: Vacancy, points: Sequence[Vector], decision: Mapping[str, Any]
    ) -> None:
        search.choose(decision["chosen"])
        self.generated_tokens += decision["tokens"]
        if decision["values"]:
            drawn = zip(points[: decision["lots"]], decision["values"], strict=False)
            self._lots.append((vacancy.block, list(drawn)))

    def _agreement(self) -> tuple[Interval | None, int]:
        """Return the rank correlation of the newest lots, and how many candidates it was measured on."""
        numbers = {tuple(one.vector): one.number for one in self._journal.candidates.values() if one.vector is not None}
        groups: list[list[tuple[float, float]]] = []
        for block, drawn in reversed(self._lots):
            if sum(map(len, groups)) >= LEAST_AUDITED:
                break
            exact = [(value, self._exact(numbers.get(tuple(map(float, point))), block)) for point, value in drawn]
            groups.append([(_rankable(value), found) for value, found in exact if found is not None])
        return rank_correlation(groups), sum(map(len, groups))

    def _exact(self, number: int | None, block: int) -> float | None:
        """Return what a candidate had on a block; None where it was not scored there."""
        if number is None or Work(number, Split.SEARCH, block) not in self._journal.closed:
            return None
        if number in self._journal.failed[Split.SEARCH]:
            return -math.inf
        return self._table.items.fitness(self._table.scores(number, block))

    def _switch_off(self, vacancy: Vacancy, tau: Interval | None, audited: int) -> None:
        if OFF in self._journal.decisions:
            return
        data = {
            "generation": vacancy.generation,
            "tau": None if tau is None else [tau.mean, tau.low, tau.high],
            "audited": audited,
            "bound": self._spec.bound,
        }
        self._watch.note(off_sentence(self._journal.decide(OFF, data)))


def choose_places(values: Sequence[float | None], places: int, lots: int) -> list[int]:
    """Return which points get the places of a generation, in the order in which they were drawn.

    Args:
        values: fitness of the stand-in of every point; None where it is infeasible.
        places: of the generation.
        lots: so many places go to those drawn first, which is by lot; the others to the best stand-ins.
    """
    others = sorted(range(lots, len(values)), key=lambda place: -_rankable(values[place]))
    return [*range(lots), *sorted(others[: places - lots])]


def off_sentence(data: Mapping[str, Any]) -> str:
    """Say why screening was switched off."""
    return (
        f"screening is off from generation {data['generation']} on: {_agreement_clause(data)}, and its lower end must "
        f"be {data['bound']:g} at least"
    )


def screening_notes(decisions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what screening did in a run, in sentences; nothing where there was none."""
    generations = [data for name, data in decisions.items() if name.startswith(_PREFIX) and name != OFF]
    screened = [data for data in generations if data["values"]]
    if not screened:
        return
    count, items, tokens = (sum(data[key] for data in screened) for key in ("count", "items", "tokens"))
    yield (
        f"Candidates were chosen by {count} stand-ins; their {items} item evaluations and {tokens} generated tokens "
        "are not among those of the candidates."
    )
    for expert, loss in screened[0]["losses"].items():
        yield (
            f"Stand-ins miss, in norm, {loss['truncated']:.0%} of the change of {expert} by truncation and "
            f"{loss['left_out']:.0%} outside linear layers."
        )
    last = decisions.get(OFF) or next((data for data in reversed(generations) if data["tau"] is not None), None)
    if last is not None:
        clause = off_sentence(last) if OFF in decisions else _agreement_clause(last)
        yield f"{clause[0].upper()}{clause[1:]}."


def _agreement_clause(data: Mapping[str, Any]) -> str:
    if data["tau"] is None:
        return f"stand-ins or their candidates all score alike ({data['audited']} candidates drawn by lot)"
    mean, low, high = data["tau"]
    return (
        f"the rank correlation (Kendall) of stand-ins with their candidates is {mean:.2f} ({low:.2f} to {high:.2f}, "
        f"95 %) on {data['audited']} candidates drawn by lot"
    )


def _rankable(value: float | None) -> float:
    return -math.inf if value is None else value


def _name(vacancy: Vacancy) -> str:
    return f"{_PREFIX}{vacancy.generation}"
