"""Looking after a store: a copy of it while it is in use, and the proof that it is whole."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import ColumnElement, case, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from evomerge.errors import InvalidInput, StateConflict, StoreError
from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord, EventRecord, ExperimentRecord
from experiments.states import CandidateState, EvaluationState, EventKind


def backup_sqlite(url: str, out: Path) -> None:
    """Copy a SQLite store into a new file; writers go on meanwhile, and the copy is of one moment.

    Raises:
        InvalidInput: the store is PostgreSQL, or there is none.
        StateConflict: the file exists.
        StoreError: the copy is not whole, and is removed.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise InvalidInput("--store", "only SQLite files are copied here", "use pg_dump --format=custom for PostgreSQL")
    source = Path(parsed.database)
    if not source.is_file():
        raise InvalidInput("--store", f"there is no file {source}", "name the file of the store")
    if out.exists():
        raise StateConflict("--out", f"{out} exists", "name another file")
    partial = out.with_name(f"{out.name}.partial")
    with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(partial)) as copy:
        origin.backup(copy)
        broken = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if broken != "ok":
        partial.unlink()
        raise StoreError(f"the copy of {source} is damaged: {broken}. Fix: check the disk, restore an earlier backup")
    os.replace(partial, out)  # noqa: PTH105 (the same, with the target's name beside it)


class Auditor(Reader):
    """Proves that a store is whole."""

    def audit(self) -> list[str]:
        """Return what is wrong with files, keys, kept counts and ledgers, in sentences; none where nothing is."""
        with self._session() as session:
            if session.get_bind().dialect.name == "postgresql":
                # One moment for all queries, whoever writes meanwhile; SQLite's transactions are that anyway.
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return [*_broken_files(session), *_wrong_counts(session), *_torn_ledgers(session)]


def _broken_files(session: Session) -> list[str]:
    if session.get_bind().dialect.name != "sqlite":
        return []
    found = [row[0] for row in session.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
    found += [f"a row of {row[0]} refers to a missing one of {row[2]}" for row in _foreign_keys(session)]
    return found


def _foreign_keys(session: Session) -> list[tuple[str, int, str]]:
    return [(row[0], row[1], row[2]) for row in session.execute(text("PRAGMA foreign_key_check"))]


def _wrong_counts(session: Session) -> list[str]:
    """Count every experiment again and compare with the counts that are kept."""
    candidates, evaluations = CandidateRecord, EvaluationRecord
    owner = candidates.experiment_id

    def flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(case((condition, 1)))

    by_candidate = select(
        owner,
        func.count(),
        flag(candidates.state == CandidateState.SCORED),
        flag(candidates.state == CandidateState.INFEASIBLE),
    ).group_by(owner)
    by_evaluation = (
        select(
            owner,
            flag(evaluations.state == EvaluationState.RUNNING),
            flag(evaluations.state == EvaluationState.DONE),
            func.coalesce(func.sum(evaluations.generated_tokens), 0),
        )
        .join(evaluations, evaluations.candidate_id == candidates.id)
        .group_by(owner)
    )
    first = {row[0]: tuple(map(int, row[1:])) for row in session.execute(by_candidate)}
    second = {row[0]: tuple(map(int, row[1:])) for row in session.execute(by_evaluation)}
    problems = []
    for row in session.scalars(select(ExperimentRecord)):
        candidate_counts = (row.num_candidates, row.num_scored, row.num_infeasible)
        kept = (*candidate_counts, row.num_running, row.num_done, row.generated_tokens)
        counted = (*first.get(row.id, (0, 0, 0)), *second.get(row.id, (0, 0, 0)))
        if kept != counted:
            problems.append(f"experiment {row.id} keeps the counts {kept} and has {counted}")
    return problems


def _torn_ledgers(session: Session) -> list[str]:
    table = EventRecord
    query = select(
        table.experiment_id,
        func.count(),
        func.max(table.seq),
        func.count(case((table.kind == EventKind.LOST, 1))),
    ).group_by(table.experiment_id)
    ledgers = {row[0]: tuple(map(int, row[1:])) for row in session.execute(query)}
    problems = []
    for row in session.scalars(select(ExperimentRecord)):
        count, last, lost = ledgers.get(row.id, (0, 0, 0))
        if not count == last == row.last_seq:
            problems.append(f"the ledger of experiment {row.id} has {count} events up to {last} of {row.last_seq}")
        if lost != row.num_lost:
            problems.append(f"experiment {row.id} keeps {row.num_lost} lost attempts and its ledger {lost}")
    return problems
