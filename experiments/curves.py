"""Fitness over an experiment, in columns of bounded length however many candidates there are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import Session

from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord, ExperimentRecord
from experiments.sampling import multiples, stride
from experiments.states import CandidateKind, CandidateState, EvaluationState, Split

# Candidates that quantiles are taken of, and whose evaluations are read: of more, that takes longer than the rest.
_RANKED = 2500
_READ = 1200
_QUANTILES = {"q10": 0.1, "median": 0.5, "q90": 0.9}


@dataclass(frozen=True)
class Curve:
    """Fitness over an experiment, in buckets of ``width`` candidates; all lists have one entry per bucket.

    ``best`` is the best fitness up to and including the bucket, ``items`` and ``worker_seconds`` are what was spent
    until then; fitness is None where nothing is scored. Quantiles are interpolated between candidates. Of thousands of
    candidates, quantiles are those of an even sample, and what was spent is scaled from every ``every``-th one.
    """

    width: int
    total: int
    number: list[int]  # the bucket's first candidate
    at: list[datetime]  # when its last candidate was asked
    seconds: list[float]  # from the experiment's creation until then
    scored: list[int]
    infeasible: list[int]
    low: list[float | None]
    mean: list[float | None]
    high: list[float | None]
    best: list[float | None]
    q10: list[float | None]
    median: list[float | None]
    q90: list[float | None]
    items: list[float]
    worker_seconds: list[float]
    every: int


@dataclass(frozen=True)
class Scatter:
    """Candidates as points; ``items`` are the search items that each was scored on."""

    total: int
    number: list[int]
    kind: list[str]
    fitness: list[float | None]
    items: list[int]


class Curves(Reader):
    """Each call is a fixed number of queries."""

    def curve(self, experiment_id: str, *, points: int = 500) -> Curve:
        """Return the fitness of all candidates in at most ``points`` buckets; four queries."""
        owner = ExperimentRecord
        with self._session() as session:
            counts = select(owner.num_candidates, owner.num_done, owner.num_search_items, owner.created_at)
            total, done, search_items, created = session.execute(counts.where(owner.id == experiment_id)).one()
            width = max(1, -(-total // points))
            buckets = _bucketed(experiment_id, width).subquery().c
            rows = session.execute(
                select(
                    buckets.bucket,
                    func.max(buckets.created_at),
                    func.count(buckets.scored),
                    func.count(buckets.infeasible),
                    func.min(buckets.scored),
                    func.avg(buckets.scored),
                    func.max(buckets.scored),
                )
                .group_by(buckets.bucket)
                .order_by(buckets.bucket)
            ).all()
            spread = _quantiles(session, experiment_id, width, stride(total, _RANKED))
            every = stride(total, _READ)
            items, seconds = _spent(session, experiment_id, width, len(rows), every, done, search_items)
        number, at, scored, infeasible, low, mean, high = ([row[i] for row in rows] for i in range(7))
        return Curve(
            width=width,
            total=total,
            number=number,
            at=at,
            seconds=[(one - created).total_seconds() for one in at],
            scored=scored,
            infeasible=infeasible,
            low=low,
            mean=mean,
            high=high,
            best=best_so_far(high),
            **{
                name: [spread.get(one, (None,) * len(_QUANTILES))[place] for one in number]
                for place, name in enumerate(_QUANTILES)
            },
            items=items,
            worker_seconds=seconds,
            every=every,
        )

    def scatter(self, experiment_id: str, *, limit: int = 2000) -> Scatter:
        """Return every n-th candidate, the ten best ones, and all that the search did not draw; two queries."""
        table = CandidateRecord
        mine = table.experiment_id == experiment_id
        best = (
            select(table.id).where(mine, table.state == CandidateState.SCORED).order_by(table.fitness.desc()).limit(10)
        )
        items = (
            select(func.coalesce(func.sum(EvaluationRecord.num_items), 0))
            .where(EvaluationRecord.candidate_id == table.id, EvaluationRecord.split == Split.SEARCH)
            .scalar_subquery()
        )
        with self._session() as session:
            total = session.scalar(select(ExperimentRecord.num_candidates).filter_by(id=experiment_id)) or 0
            sampled = table.number % stride(total, limit) == 0
            others = table.kind != CandidateKind.SEARCH
            query = select(table.number, table.kind, table.fitness, items).where(mine)
            query = query.where(or_(sampled, others, table.id.in_(best.scalar_subquery()))).order_by(table.number)
            rows = session.execute(query).all()
        number, kind, fitness, counts = ([row[i] for row in rows] for i in range(4))
        return Scatter(total, number, [one.value for one in kind], fitness, [int(one) for one in counts])

    def bests(self, experiment_id: str, width: int) -> dict[int, float]:
        """Return the best fitness in every bucket of ``width`` candidates by the bucket's place; one query."""
        table = CandidateRecord
        bucket = (table.number - table.number % width).label("bucket")
        query = select(bucket, func.max(table.fitness)).group_by(bucket)
        query = query.where(table.experiment_id == experiment_id, table.state == CandidateState.SCORED)
        with self._session() as session:
            return {first // width: fitness for first, fitness in session.execute(query) if fitness is not None}

    def incumbents(self, experiment_id: str, *, limit: int = 200) -> list[tuple[int, float]]:
        """Return (number, fitness) of the candidates with a fitness above all before them, the last ones.

        Three queries: only buckets that are better than all before them can have one.
        """
        table = CandidateRecord
        with self._session() as session:
            total = session.scalar(select(ExperimentRecord.num_candidates).filter_by(id=experiment_id)) or 0
        width = max(1, math.isqrt(total))
        buckets = sorted(self.bests(experiment_id, width).items())
        rising = [place * width for place, _ in _rises(buckets)]
        query = (
            select(table.number, table.fitness)
            .where(table.experiment_id == experiment_id, table.state == CandidateState.SCORED)
            .where((table.number - table.number % width).in_(rising))
            .order_by(table.number)
        )
        with self._session() as session:
            rows = session.execute(query)
            return _rises((number, fitness) for number, fitness in rows if fitness is not None)[-limit:]


def _rises(values: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return those whose second value is above all before."""
    found: list[tuple[int, float]] = []
    for one in values:
        if not found or one[1] > found[-1][1]:
            found.append(one)
    return found


def best_so_far(values: Sequence[float | None]) -> list[float | None]:
    """Return the largest value up to and including each place; None before the first."""
    best: list[float | None] = []
    for value in values:
        known = [one for one in (value, best[-1] if best else None) if one is not None]
        best.append(max(known, default=None))
    return best


def _bucketed(experiment_id: str, width: int) -> Select[Any]:
    """Return a query for the candidates as they count in their buckets."""
    table = CandidateRecord
    return (
        select(
            (table.number - table.number % width).label("bucket"),
            table.created_at,
            case((table.state == CandidateState.SCORED, table.fitness)).label("scored"),
            case((table.state == CandidateState.INFEASIBLE, 1)).label("infeasible"),
        )
        .where(table.experiment_id == experiment_id)
        # PostgreSQL would expect as many buckets as candidates, and sort them; it cannot look through this.
        .offset(0)
    )


def _spent(
    session: Session, experiment_id: str, width: int, buckets: int, every: int, done: int, search_items: int
) -> tuple[list[float], list[float]]:
    """Return the scored search items and the seconds of workers up to the end of each bucket."""
    table, one, end = CandidateRecord, EvaluationRecord, buckets * width
    # PostgreSQL would start processes to go through all candidates in search of a few.
    sampled = multiples(every, end)
    query = (
        select(table.number, one.split, one.num_items, one.timings_s)
        .join(sampled, sampled.c.number == table.number)
        .join(one, table.id == one.candidate_id)
        .where(table.experiment_id == experiment_id, table.number < end, one.state == EvaluationState.DONE)
    )
    items, seconds, found = [0.0] * buckets, [0.0] * buckets, 0
    for number, split, count, timings in session.execute(query):
        items[number // width] += count if split is Split.SEARCH else 0
        seconds[number // width] += sum(timings.values())
        found += 1
    if every > 1:
        items = [one * search_items / max(sum(items), 1) for one in items]
        seconds = [one * done / max(found, 1) for one in seconds]
    return list(accumulate(items)), list(accumulate(seconds))


def _quantiles(session: Session, experiment_id: str, width: int, every: int) -> dict[int, tuple[Any, ...]]:
    """Return the quantiles of each bucket's scored candidates, linear between neighbours, by its first candidate."""
    table = CandidateRecord
    bucket = (table.number - table.number % width).label("bucket")
    rank = func.row_number().over(partition_by=bucket, order_by=table.fitness) - 1
    last = func.count().over(partition_by=bucket) - 1
    ranked = (
        select(bucket, table.fitness, rank.label("rank"), last.label("last"))
        .where(table.experiment_id == experiment_id, table.state == CandidateState.SCORED, table.number % every == 0)
        .subquery()
    )

    def quantile(share: float) -> Any:
        apart = func.abs(ranked.c.rank - share * ranked.c.last)
        return func.sum(case((apart < 1, ranked.c.fitness * (1 - apart)), else_=0.0))

    query = select(ranked.c.bucket, *map(quantile, _QUANTILES.values())).group_by(ranked.c.bucket)
    return {bucket: tuple(found) for bucket, *found in session.execute(query)}
