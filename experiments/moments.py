"""Sums over the items of candidates, made where the items are: means and intervals follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import aliased

from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord, EventRecord, ItemScoreRecord
from experiments.states import CandidateKind, EventKind, Split

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
        ids = select(table.id).where(
            table.experiment_id == experiment_id, or_(table.kind.in_(kinds), table.number.in_(numbers))
        )
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

    def pair_moments(
        self, ours: Iterable[int], theirs: Iterable[int], split: Split
    ) -> dict[int, dict[str, PairMoments]]:
        """Compare each candidate with the one of its own experiment among ``theirs``, on the items that both have.

        Args:
            ours: ids of candidates.
            theirs: ids of the others, one of each experiment.
            split: the split.

        Returns:
            Sums by id of ours and task.
        """
        mine, other = aliased(CandidateRecord), aliased(CandidateRecord)
        one, two = aliased(EvaluationRecord), aliased(EvaluationRecord)
        item, same = aliased(ItemScoreRecord), aliased(ItemScoreRecord)
        query = (
            select(mine.id, item.task, *_sums(item.score), *_sums(same.score), func.sum(item.score * same.score))
            .join(other, other.experiment_id == mine.experiment_id)
            .join(one, and_(one.candidate_id == mine.id, one.split == split))
            .join(two, and_(two.candidate_id == other.id, two.split == split))
            .join(item, item.evaluation_id == one.id)
            .join(same, and_(same.evaluation_id == two.id, same.task == item.task, same.item == item.item))
            .where(mine.id.in_(list(ours)), other.id.in_(list(theirs)))
            .group_by(mine.id, item.task)
        )
        found: dict[int, dict[str, PairMoments]] = {}
        with self._session() as session:
            for candidate, task, *sums, products in session.execute(query):
                pair = PairMoments(_moments(sums[:4]), _moments(sums[4:]), float(products))
                found.setdefault(candidate, {})[task] = pair
        return found


def _sums(score: Any) -> list[Any]:
    return [func.count(), func.sum(score), func.sum(score * score), func.min(case((score.in_((0.0, 1.0)), 1), else_=0))]


def _moments(sums: Sequence[Any]) -> Moments:
    count, total, squares, binary = sums
    return Moments(int(count), float(total), float(squares), bool(binary))
