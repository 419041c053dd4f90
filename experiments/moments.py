"""Sums over the items of candidates, made where the items are: means and intervals follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, case, column, func, or_, select, values
from sqlalchemy.orm import aliased

from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord, EventRecord, ItemScoreRecord
from experiments.states import CandidateKind, EvaluationState, EventKind, Split

_ITEM = ItemScoreRecord


@dataclass(frozen=True)
class Moments:
    """Sums over the item scores of one task."""

    items: int
    total: float
    squares: float
    binary: bool  # whether all scores are 0 or 1


@dataclass(frozen=True)
class PairMoments:
    """Sums over the items of one task that two candidates were scored on."""

    ours: Moments
    theirs: Moments
    products: float


@dataclass(frozen=True)
class Named:
    """A candidate without its recipe."""

    id: int
    number: int
    kind: CandidateKind
    label: str
    fitness: float | None


class MomentReader(Reader):
    """Reads the items of the candidates that are named, and returns a row per task."""

    def named(
        self,
        experiment_id: str,
        *,
        kinds: Sequence[CandidateKind] = (),
        numbers: Sequence[int] = (),
        limit: int = 200,
    ) -> list[Named]:
        """Return candidates of some kinds and of some numbers, in order; two queries."""
        table = CandidateRecord
        # Which ones an index answers alone; then their rows.
        wanted = [column.in_(found) for column, found in ((table.kind, kinds), (table.number, numbers)) if found]
        if not wanted:
            return []
        ids = select(table.id).where(table.experiment_id == experiment_id, or_(*wanted))
        query = select(table.id, table.number, table.kind, table.label, table.fitness).order_by(table.number)
        with self._session() as session:
            found = session.scalars(ids.order_by(table.number).limit(limit)).all()
            return [Named(*row) for row in session.execute(query.where(table.id.in_(found)))]

    def measured(self, experiment_id: str, *, limit: int = 200) -> list[int]:
        """Return the numbers of the candidates that were scored on other items than the search's; one query."""
        table = EventRecord
        number = table.payload["number"].as_integer()
        query = select(number).where(table.experiment_id == experiment_id, table.kind == EventKind.MEASURE).distinct()
        with self._session() as session:
            return list(session.scalars(query.order_by(number).limit(limit)))

    def moments(
        self, candidate_ids: Iterable[int], splits: Sequence[Split] = tuple(Split)
    ) -> dict[int, dict[Split, dict[str, Moments]]]:
        """Return the sums by id of the candidate, split and task, where anything was scored."""
        one = EvaluationRecord
        query = (
            select(one.candidate_id, one.split, _ITEM.task, *_sums(_ITEM.score))
            .join(_ITEM, _ITEM.evaluation_id == one.id)
            .where(one.candidate_id.in_(list(candidate_ids)), one.split.in_(splits))
            .group_by(one.candidate_id, one.split, _ITEM.task)
        )
        found: dict[int, dict[Split, dict[str, Moments]]] = {}
        with self._session() as session:
            for candidate, split, task, *sums in session.execute(query):
                found.setdefault(candidate, {}).setdefault(split, {})[task] = _moments(sums)
        return found

    def pair_moments(self, pairs: Mapping[int, int], split: Split) -> dict[int, dict[str, PairMoments]]:
        """Return the sums over the items that both of a pair were scored on, by id of the first and task; two queries.

        Args:
            pairs: id of a candidate -> id of the one that it is compared with.
            split: the split.
        """
        one, item, same = EvaluationRecord, aliased(ItemScoreRecord), aliased(ItemScoreRecord)
        parts = select(one.candidate_id, one.id).where(
            one.candidate_id.in_({*pairs, *pairs.values()}), one.split == split, one.state == EvaluationState.DONE
        )
        found: dict[int, dict[str, PairMoments]] = {}
        with self._session() as session:
            by_candidate: dict[int, list[int]] = {}
            for candidate, evaluation in session.execute(parts):
                by_candidate.setdefault(candidate, []).append(evaluation)
            rows = [
                (ours, mine, theirs)
                for ours, other in pairs.items()
                for mine in by_candidate.get(ours, ())
                for theirs in by_candidate.get(other, ())
            ]
            if not rows:
                return found
            names = (column("candidate", Integer), column("mine", Integer), column("theirs", Integer))
            # One after the other from here: left alone, SQLite compares every pair with every item.
            pair = values(*names, name="pair").data(rows).cte("pair")
            # Item by item: left alone, PostgreSQL reads the items of everybody to join those of a few. The offset keeps
            # what is looked up from being looked up again for every sum.
            theirs = (
                select(same.score)
                .where(same.evaluation_id == pair.c.theirs, same.task == item.task, same.item == item.item)
                .scalar_subquery()
            )
            both = (
                select(pair.c.candidate, item.task, item.score.label("ours"), theirs.label("theirs"))
                .join(item, item.evaluation_id == pair.c.mine)
                .offset(0)
                .subquery()
                .c
            )
            query = (
                select(
                    both.candidate, both.task, *_sums(both.ours), *_sums(both.theirs), func.sum(both.ours * both.theirs)
                )
                .where(both.theirs.is_not(None))
                .group_by(both.candidate, both.task)
            )
            for candidate, task, *sums, products in session.execute(query):
                known = PairMoments(_moments(sums[:4]), _moments(sums[4:]), float(products))
                found.setdefault(candidate, {})[task] = known
        return found


def _sums(score: Any) -> list[Any]:
    return [func.count(), func.sum(score), func.sum(score * score), func.min(case((score.in_((0.0, 1.0)), 1), else_=0))]


def _moments(sums: Sequence[Any]) -> Moments:
    count, total, squares, binary = sums
    return Moments(int(count), float(total), float(squares), bool(binary))
