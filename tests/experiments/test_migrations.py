"""The schema: made from empty, agreed with the ORM, raced for, and refused when newer."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from evomerge.errors import StoreError
from experiments.database import VERSION_TABLE, _use_wal, migration_config
from experiments.records import Record
from experiments.results import items_digest
from experiments.states import WHOLE, Split
from experiments.store import Store

OPEN = """
import sys
from experiments.store import Store
print("ready", flush=True)
sys.stdin.readline()
with Store.open(sys.argv[1]) as store:
    print(store.create_experiment({"name": "race"}, "/", {}).id, flush=True)
"""


MOMENT = "'2026-11-01 00:00:00+00:00'"
EVALUATION = "(id, candidate_id, split, state, attempt, timings_s, prompt_tokens, generated_tokens, fitness, summary)"
OLD_ROWS = (
    "INSERT INTO experiments (id, name, state, spec, source_dir, resolved, created_at, updated_at, seconds_spent) "
    f"VALUES ('abcdefgh', 'old', 'created', '{{}}', '/', '{{}}', {MOMENT}, {MOMENT}, 1.0)",
    "INSERT INTO candidates (id, experiment_id, number, kind, label, recipe, recipe_digest, state, fitness, created_at)"
    f" VALUES (1, 'abcdefgh', 0, 'search', 'c', '{{}}', 'd', 'scored', 0.5, {MOMENT})",
    f"INSERT INTO evaluations {EVALUATION} VALUES (91, 1, 'search', 'done', 1, '{{}}', 1, 1, 0.5, '{{}}')",
    f"INSERT INTO evaluations {EVALUATION} VALUES (92, 1, 'test', 'done', 1, '{{}}', 1, 1, 0.5, '{{}}')",
    "INSERT INTO item_scores (evaluation_id, task, item, score) VALUES (91, 't', 'a', 1.0)",
    "INSERT INTO item_scores (evaluation_id, task, item, score) VALUES (92, 't', 'y', 1.0)",
    "INSERT INTO item_scores (evaluation_id, task, item, score) VALUES (92, 't', 'x', 0.0)",
    "INSERT INTO events (id, experiment_id, seq, kind, payload, at) VALUES (99, 'abcdefgh', 1, 'ask', "
    f'\'{{"candidate_id": 1, "number": 0, "kind": "search"}}\', {MOMENT})',
)


def plain_engine(url: str) -> Engine:
    parsed = make_url(url)
    return create_engine(parsed if parsed.drivername == "sqlite" else parsed.set(drivername="postgresql+psycopg"))


def test_migrations_make_exactly_the_tables_of_the_orm(store_url: str) -> None:
    Store.open(store_url).close()
    engine = plain_engine(store_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Record.metadata) == []
        assert {*Record.metadata.tables, VERSION_TABLE} == set(inspect(connection).get_table_names())
        for name, table in Record.metadata.tables.items():
            uniques = {u["name"] for u in inspect(connection).get_unique_constraints(name)}
            declared = {c.name for c in table.constraints if type(c).__name__ == "UniqueConstraint"}
            assert uniques == declared
            foreign = {key["name"] for key in inspect(connection).get_foreign_keys(name)}
            assert foreign == {key.name for key in table.foreign_key_constraints}
    engine.dispose()


def test_the_comparison_sees_a_difference(store_url: str) -> None:
    Store.open(store_url).close()
    engine = plain_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE experiments ADD COLUMN extra TEXT"))
        connection.execute(text("DROP INDEX ix_experiments_name"))
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert len(compare_metadata(context, Record.metadata)) == 2
    engine.dispose()


def test_opening_again_keeps_everything(store_url: str) -> None:
    with Store.open(store_url) as store:
        created = store.create_experiment({"name": "kept"}, "/", {})
    with Store.open(store_url) as store:
        assert store.get_experiment("kept") == created


def test_newer_schema_is_refused_and_left_alone(store_url: str) -> None:
    Store.open(store_url).close()
    engine = plain_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"schema 9999, this evomerge knows up to 0007.*upgrade evomerge"):
        Store.open(store_url)
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == "9999"
    engine.dispose()


def make_store_of(revision: str, url: str) -> Engine:
    """A store as an older evomerge left it: its schema, and one scored and tested candidate."""
    engine = plain_engine(url)
    with engine.begin() as connection:
        command.upgrade(migration_config(connection), revision)
        for statement in OLD_ROWS:
            connection.execute(text(statement))
    return engine


def test_store_of_the_first_schema_is_upgraded_with_its_data(store_url: str) -> None:
    make_store_of("0001", store_url).dispose()
    with Store.open(store_url) as store:
        search, test = store.evaluations("abcdefgh")
        assert (search.split, search.block, search.num_items, search.items_digest) == (Split.SEARCH, WHOLE, 1, None)
        assert (test.split, test.num_items, test.items_digest) == (Split.TEST, 2, items_digest(["y", "x"]))
        assert [one.item for one in store.items("abcdefgh", Split.TEST)] == ["x", "y"]
        assert store.tests_on(items_digest(["x", "y"])) == 1
        assert [one.payload for one in store.ledger("abcdefgh")] == [{"candidate_id": 1, "number": 0, "kind": "search"}]
        store.claim_driver("abcdefgh")
        store.record_started(1, Split.SEARCH, worker="w", block=0)
    engine = plain_engine(store_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Record.metadata) == []
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO evaluations (candidate_id, split, state, attempt, timings_s, "
                "prompt_tokens, generated_tokens, summary) VALUES (1, 'search', 'done', 1, '{}', 0, 0, '{}')"
            )
        )
    engine.dispose()


def test_failed_upgrade_leaves_nothing(store_url: str) -> None:
    engine = plain_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE events (of_another_application INTEGER)"))
    with pytest.raises(StoreError, match=r"events.*already exists"):
        Store.open(store_url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["events"]
    engine.dispose()


def test_processes_that_open_a_new_store_at_once(store_url: str, python: Callable[..., subprocess.Popen[str]]) -> None:
    processes = [python(OPEN, store_url) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ids = {process.communicate(timeout=60)[0].strip() for process in processes}
    with Store.open(store_url) as store:
        assert {summary.experiment.id for summary in store.list_experiments()} == ids and len(ids) == 2
        for experiment_id in ids:
            assert [event.seq for event in store.ledger(experiment_id)] == [1]


def test_sqlite_runs_with_wal_full_sync_and_foreign_keys(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store, store._engine.connect() as connection:
        settings = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


def test_switch_to_wal_is_tried_again_when_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE notes (x)")
    holder.execute("BEGIN EXCLUSIVE")
    waits = []

    def release(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            holder.execute("COMMIT")

    monkeypatch.setattr("experiments.database.time.sleep", release)
    # timeout 0: SQLite refuses at once, as it does now and then when two processes switch together.
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    _use_wal(connection)
    assert len(waits) == 3
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    holder.close()
