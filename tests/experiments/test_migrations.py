"""The schema: made from empty, agreed with the ORM, raced for, and refused when newer."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url

from evomerge.errors import StoreError
from experiments.database import VERSION_TABLE, _use_wal
from experiments.records import Record
from experiments.store import Store

OPEN = """
import sys
from experiments.store import Store
print("ready", flush=True)
sys.stdin.readline()
with Store.open(sys.argv[1]) as store:
    print(store.create_experiment({"name": "race"}, "/", {}).id, flush=True)
"""


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
    with pytest.raises(StoreError, match=r"schema 9999, this evomerge knows up to 0001.*upgrade evomerge"):
        Store.open(store_url)
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == "9999"
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
