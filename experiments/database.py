"""Engines: where the store lives, how a transaction begins, and the schema at its head."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, NoSuchModuleError, OperationalError, SQLAlchemyError

from evomerge.errors import StoreError, StoreUnavailable

VERSION_TABLE = "evomerge_schema_version"
WRITES = "evomerge_writes"  # execution option of connections whose transactions write
_BUSY_S = 30
_MIGRATION_LOCK = 0x65766F6D65726765  # "evomerge" in ASCII
_URL_FORMS = "sqlite:///path/to/evomerge.db or postgresql://user:password@host/database"
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"})


def connect(url: str) -> Engine:
    """Return an engine on a store whose schema is at its head; a new store is created.

    Raises:
        StoreError: a bad URL, an unreachable or unwritable place, a file that is no database, or a store
            written by a newer evomerge.
    """
    parsed = _parse(url)
    with translated(parsed):
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
        try:
            _upgrade(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what the database layer raises into StoreError with advice."""
    place = url.render_as_string(hide_password=True)
    try:
        yield
    except SQLAlchemyError as error:
        original = getattr(error, "orig", None) or error
        cause = str(original).strip().splitlines()[0]
        if isinstance(original, TypeError | ValueError):  # raised by a type of experiments.columns
            advice = "pass plain data: text, finite numbers, lists, mappings, and times with a zone"
        else:
            advice = _advice(cause, place)
        kind = StoreUnavailable if isinstance(error, OperationalError | InterfaceError) else StoreError
        raise kind(f"{place}: {cause}. Fix: {advice}") from error
    except OSError as error:
        raise StoreUnavailable(f"{place}: {error}. Fix: choose a directory that you can write to") from error


def _advice(cause: str, place: str) -> str:
    if "not a database" in cause or "malformed" in cause:
        return "the file is no evomerge store or is damaged; name another file or restore a backup"
    if "locked" in cause:
        return f"another process has been writing for more than {_BUSY_S} s; end it or try again"
    if "full" in cause or "No space" in cause:
        return "free some disk space, then resume; everything acknowledged so far is kept"
    if place.startswith("sqlite"):
        return "check that the file and its directory can be written"
    return "check that the server runs, and the user, password and database in the URL"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend in ("postgresql", "postgres"):
            return parsed.set(drivername="postgresql+psycopg")
        if backend != "sqlite" or parsed.get_driver_name() not in ("pysqlite", "sqlite"):
            raise StoreError(f"unknown kind of store '{parsed.drivername}'. Fix: write {_URL_FORMS}")
    except (ArgumentError, NoSuchModuleError) as error:
        # The text may hold a password, so it is not repeated.
        raise StoreError(f"the store URL cannot be understood. Fix: write {_URL_FORMS}") from error
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError(f"{url}: a store needs a file that outlives the process. Fix: write {_URL_FORMS}")
    # Connections are opened later too, perhaps from another working directory.
    return parsed.set(database=str(Path(parsed.database).expanduser().resolve()))


def _sqlite(url: URL) -> Engine:
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    mount = max(
        (part for part in psutil.disk_partitions(all=True) if path.is_relative_to(part.mountpoint)),
        key=lambda part: len(part.mountpoint),
        default=None,
    )
    if mount is not None and mount.fstype in _NETWORK_FILE_SYSTEMS:
        # The WAL index is shared memory: on a network file system it silently corrupts the database.
        raise StoreError(
            f"{path} is on a network file system ({mount.fstype}), where SQLite loses data. "
            "Fix: use a local disk, or PostgreSQL"
        )
    engine = create_engine(url, connect_args={"timeout": _BUSY_S})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        _use_wal(connection)
        # An acknowledged result survives kill -9 with any setting, since the kernel has the pages. FULL
        # syncs the WAL at each commit, so that it survives a power cut too; NORMAL may lose the last commits.
        # A commit comes once per candidate, which costs seconds to minutes: the sync is free in comparison.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once where another one wrote in between;
        # IMMEDIATE takes the write lock first, and waits for it.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    # Connections that switch a new file together are refused at once, whatever their timeout: 3 in 240 here.
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _postgresql(url: URL) -> Engine:
    try:
        # pre-ping: the first transaction after a restart of the server gets a fresh connection.
        return create_engine(url, pool_pre_ping=True)
    except ImportError as error:
        raise StoreError(f"no PostgreSQL driver ({error}). Fix: pip install 'evomerge[postgres]'") from error


def migration_config(connection: Connection) -> Config:
    """Return Alembic's configuration for this package's migrations on one connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(engine: Engine) -> None:
    with engine.connect() as connection:
        if is_at_head(connection):
            return  # without the lock: a reader does not wait for a writer
    with engine.execution_options(**{WRITES: True}).connect() as connection, _foreign_keys_off(connection):
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        if not is_at_head(connection):
            command.upgrade(migration_config(connection), "head")


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """Run one transaction in which SQLite lets a table be replaced that others refer to; check them at its end."""
    if connection.dialect.name != "sqlite":
        with connection.begin():
            yield
        return
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA foreign_keys = OFF")  # ignored inside a transaction
    try:
        with connection.begin():
            yield
            broken = raw.execute("PRAGMA foreign_key_check").fetchone()
            if broken is not None:
                raise StoreError(f"the upgrade would leave {broken} behind. Fix: restore a backup of the store")
    finally:
        raw.execute("PRAGMA foreign_keys = ON")


def current_schema(connection: Connection) -> str | None:
    """Return the revision of a store's schema; None where it has none yet."""
    options: dict[str, Any] = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def is_at_head(connection: Connection) -> bool:
    """Return whether the schema is at its head; refuse one that this version does not know."""
    script = ScriptDirectory.from_config(migration_config(connection))
    current = current_schema(connection)
    if current is None:
        return False
    try:
        script.get_revision(current)
    except CommandError as error:
        raise StoreError(
            f"the store has schema {current}, this evomerge knows up to {script.get_current_head()}. "
            "Fix: upgrade evomerge, or open another store"
        ) from error
    return current == script.get_current_head()
