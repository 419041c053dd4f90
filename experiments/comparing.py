"""Candidates side by side on the same items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from evomerge.errors import NotFound
from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord, ItemScoreRecord
from experiments.states import Split

Key = tuple[str, str]  # task, item
Only = Literal["all", "wins", "losses", "changed"]


@dataclass(frozen=True)
class ItemResult:
    """What a candidate had on an item."""

    number: int
    score: float
    reference_logprob: float | None
    output: str | None


@dataclass(frozen=True)
class ComparedItem:
    """One item and everybody's result on it; ``difference`` is None where nobody else was scored on it."""

    task: str
    item: str
    difference: float | None
    results: tuple[ItemResult, ...]


@dataclass(frozen=True)
class ComparedItems:
    """A page of items, and the counts over all of them; ``total`` holds those that nobody else was scored on too."""

    rows: list[ComparedItem]
    wins: int
    losses: int
    ties: int
    total: int
    more: bool


class Comparer(Reader):
    """Reads a few candidates whole, whatever the number of others."""

    def scores_of(self, experiment_id: str, numbers: Sequence[int], split: Split) -> dict[int, dict[Key, float]]:
        """Return the scores of candidates on a split, by number, then by task and item; three queries.

        Raises:
            NotFound: the experiment has no candidate of one of the numbers.
        """
        with self._session() as session:
            return _scores(session, _evaluations(session, experiment_id, numbers, split), numbers)

    def compare_items(
        self,
        experiment_id: str,
        numbers: Sequence[int],
        split: Split,
        *,
        task: str | None = None,
        only: Only = "all",
        after: Key | None = None,
        limit: int = 50,
    ) -> ComparedItems:
        """Return a page of the items that the first of some candidates was scored on, by task and item; four queries.

        Args:
            experiment_id: the experiment.
            numbers: of the candidates; the difference is the first one's score minus the best of the others'.
            split: the split that was scored.
            task: only items of this task, counts included.
            only: items where the difference is positive, negative, or not 0.
            after: (task, item) of the page before.
            limit: at most so many.

        Raises:
            NotFound: the experiment has no candidate of one of the numbers.
        """
        with self._session() as session:
            owners = _evaluations(session, experiment_id, numbers, split)
            scores = _scores(session, owners, numbers)
            differences = _differences(scores[numbers[0]], [scores[one] for one in numbers[1:]], task)
            keys = [key for key, found in differences.items() if _is_shown(found, only)]
            left = [key for key in keys if after is None or key > after]
            results = _results(session, owners, left[:limit])
        compared = [found for found in differences.values() if found is not None]
        wins, losses = sum(one > 0 for one in compared), sum(one < 0 for one in compared)
        rows = [ComparedItem(*key, differences[key], _in_order(results[key], numbers)) for key in left[:limit]]
        ties, more = len(compared) - wins - losses, len(left) > limit
        return ComparedItems(rows, wins, losses, ties, len(differences), more)


def _evaluations(session: Session, experiment_id: str, numbers: Sequence[int], split: Split) -> dict[int, int]:
    """Return the candidate's number of every evaluation of some candidates on a split, by the evaluation's id."""
    table = CandidateRecord
    mine = select(table.id, table.number).where(table.experiment_id == experiment_id, table.number.in_(numbers))
    candidates = {row.id: row.number for row in session.execute(mine)}
    for number in numbers:
        if number not in candidates.values():
            raise NotFound(
                f"candidate {number}", f"experiment {experiment_id} has none of this number", "list its candidates"
            )
    theirs = select(EvaluationRecord.id, EvaluationRecord.candidate_id).where(
        EvaluationRecord.candidate_id.in_(candidates), EvaluationRecord.split == split
    )
    return {row.id: candidates[row.candidate_id] for row in session.execute(theirs)}


def _scores(session: Session, owners: Mapping[int, int], numbers: Iterable[int]) -> dict[int, dict[Key, float]]:
    table = ItemScoreRecord
    query = select(table.evaluation_id, table.task, table.item, table.score).where(table.evaluation_id.in_(owners))
    scores: dict[int, dict[Key, float]] = {number: {} for number in numbers}
    for evaluation, task, item, score in session.execute(query):
        scores[owners[evaluation]][task, item] = score
    return scores


def _differences(
    ours: Mapping[Key, float], others: Sequence[Mapping[Key, float]], task: str | None
) -> dict[Key, float | None]:
    found: dict[Key, float | None] = {}
    for key in sorted(ours):
        if task is None or key[0] == task:
            theirs = [scores[key] for scores in others if key in scores]
            found[key] = ours[key] - max(theirs) if theirs else None
    return found


def _is_shown(difference: float | None, only: Only) -> bool:
    if only == "all" or difference is None:
        return only == "all"
    return difference > 0 if only == "wins" else difference < 0 if only == "losses" else difference != 0


def _results(session: Session, owners: Mapping[int, int], keys: Sequence[Key]) -> dict[Key, dict[int, ItemResult]]:
    table = ItemScoreRecord
    query = select(table).where(table.evaluation_id.in_(owners), tuple_(table.task, table.item).in_(keys))
    found: dict[Key, dict[int, ItemResult]] = {key: {} for key in keys}
    for row in session.scalars(query):
        number = owners[row.evaluation_id]
        found[row.task, row.item][number] = ItemResult(number, row.score, row.reference_logprob, row.output)
    return found


def _in_order(results: Mapping[int, ItemResult], numbers: Iterable[int]) -> tuple[ItemResult, ...]:
    return tuple(results[number] for number in numbers if number in results)
