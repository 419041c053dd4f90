"""What a list says of experiments besides their counts: who leads, the best parent, and the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from experiments.moments import MomentReader
from experiments.records import CandidateRecord, EventRecord, ExperimentRecord
from experiments.sampling import multiples
from experiments.states import CandidateKind, CandidateState, EventKind

SPARKS = 24
_LEADERS = 5


@dataclass(frozen=True)
class Contender:
    """A scored candidate that may lead."""

    id: int
    number: int
    label: str
    fitness: float
    is_parent: bool


@dataclass(frozen=True)
class Race:
    """Who leads an experiment.

    Attributes:
        winner: number of the candidate that was chosen; None before that.
        contenders: the chosen one, the five searched candidates with the best fitness, the best plain merge, and the
            best of base and experts; best fitness first.
    """

    winner: int | None
    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class Trail:
    """How an experiment came to where it is.

    Attributes:
        sparkline: the best fitness in each of 24 equal parts of the candidates; None where none is scored.
        last_event_at: when the record last grew.
    """

    sparkline: tuple[float | None, ...]
    last_event_at: datetime | None


class HeadlineReader(MomentReader):
    """Reads a page of experiments at once; the number of queries depends on none of them."""

    def races(self, experiment_ids: Sequence[str]) -> dict[str, Race]:
        """Return who leads, by id of the experiment."""
        with self._session() as session:
            winners = _winners(session, experiment_ids)
            contenders = _contenders(session, experiment_ids, winners)
        return {key: Race(winners.get(key), tuple(contenders.get(key, ()))) for key in experiment_ids}

    def trails(self, experiment_ids: Sequence[str]) -> dict[str, Trail]:
        """Return the way so far, by id of the experiment."""
        with self._session() as session:
            sparklines = _sparklines(session, experiment_ids)
            last = _last_events(session, experiment_ids)
        return {key: Trail(tuple(sparklines.get(key, ())), last.get(key)) for key in experiment_ids}


def _winners(session: Session, ids: Sequence[str]) -> dict[str, int]:
    table = EventRecord
    query = select(table.experiment_id, table.payload).where(
        table.experiment_id.in_(ids),
        table.kind == EventKind.DECISION,
        table.payload["decision"].as_string() == "winner",
    )
    return {key: int(payload["data"]["number"]) for key, payload in session.execute(query)}


def _contenders(session: Session, ids: Sequence[str], winners: Mapping[str, int]) -> dict[str, list[Contender]]:
    table = CandidateRecord
    # Which ones an index answers alone; then their rows.
    plain = select(table.id).where(table.experiment_id.in_(ids), table.kind == CandidateKind.BASELINE)
    chosen = [and_(table.experiment_id == key, table.number == number) for key, number in winners.items()]
    named = [] if not chosen else session.scalars(select(table.id).where(or_(*chosen))).all()
    wanted = {*_leaders(session, ids), *session.scalars(plain), *named}
    query = (
        select(table.experiment_id, table.id, table.number, table.label, table.kind, table.fitness)
        .where(table.id.in_(wanted), table.state == CandidateState.SCORED)
        .order_by(table.fitness.desc(), table.number)
    )
    found: dict[str, list[Contender]] = {}
    seen: set[tuple[str, bool]] = set()
    for key, one, number, label, kind, fitness in session.execute(query):
        is_plain = kind is CandidateKind.BASELINE
        parent = is_plain and is_parent(label)
        first = is_plain and (key, parent) not in seen
        seen |= {(key, parent)} if is_plain else set()
        if fitness is not None and (first or not is_plain or winners.get(key) == number):
            found.setdefault(key, []).append(Contender(one, number, label, fitness, parent))
    return found


def is_parent(label: str) -> bool:
    """Return whether a baseline of this label is the base or an expert, not a plain merge."""
    return label == "base" or label.startswith("expert ")


def _leaders(session: Session, ids: Sequence[str]) -> list[int]:
    table = CandidateRecord
    best = (
        select(table.id)
        .where(
            table.experiment_id == ExperimentRecord.id,
            table.state == CandidateState.SCORED,
            table.kind != CandidateKind.BASELINE,
        )
        .order_by(table.fitness.desc())
        .limit(1)
    )
    places = [best.offset(place).scalar_subquery() for place in range(_LEADERS)]
    rows = session.execute(select(*places).where(ExperimentRecord.id.in_(ids)))
    return [one for row in rows for one in row if one is not None]


def _sparklines(session: Session, ids: Sequence[str]) -> dict[str, list[float | None]]:
    table, owner = CandidateRecord, ExperimentRecord
    place = multiples(1, SPARKS)
    # A range of numbers for each part: an index answers that three times as fast as a grouping of all.
    first, end = ((at * owner.num_candidates + SPARKS - 1) // SPARKS for at in (place.c.number, place.c.number + 1))
    best = (
        select(func.max(case((table.state == CandidateState.SCORED, table.fitness))))
        .where(table.experiment_id == owner.id, table.number >= first, table.number < end)
        .scalar_subquery()
    )
    query = select(owner.id, best).join(place, true()).where(owner.id.in_(ids)).order_by(owner.id, place.c.number)
    found: dict[str, list[float | None]] = {}
    for key, fitness in session.execute(query):
        found.setdefault(key, []).append(fitness)
    return {key: parts for key, parts in found.items() if any(one is not None for one in parts)}


def _last_events(session: Session, ids: Sequence[str]) -> dict[str, datetime]:
    table, owner = EventRecord, ExperimentRecord
    query = (
        select(owner.id, table.at)
        .join(table, and_(table.experiment_id == owner.id, table.seq == owner.last_seq))
        .where(owner.id.in_(ids))
    )
    return {key: at for key, at in session.execute(query)}
