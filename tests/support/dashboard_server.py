"""Serve the dashboard on data: ``python tests/support/dashboard_server.py --port 8100 [--from FILE.db]``."""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from dashboard_data import XSS, seed_all

from api.server import serve
from api.settings import load_settings
from experiments.states import Scope
from experiments.store import Store

ROOT = Path(__file__).resolve().parents[2]
REAL_RUN = ROOT / "tests" / "dashboard" / "data" / "json-math.sql.gz"
SETTINGS = {
    "EVOMERGE_LAUNCHER": "none",
    "EVOMERGE_MODEL_ROOTS": f"{ROOT}/models,{ROOT}/examples/experts",
    "EVOMERGE_TASK_ROOTS": f"{ROOT}/examples/tasks",
}


@dataclass(frozen=True)
class Content:
    """A filled store: its URL, a token of every scope, and ids of its experiments by what they are."""

    url: str
    tokens: dict[Scope, str]
    experiments: dict[str, str]


def fill(file: Path, *, large: int = 50_000, names: tuple[str, ...] = (XSS[:64],)) -> Content:
    """Fill a store that is not there yet, or a copy of one, with a real run and with seeded experiments.

    Args:
        names: names of the tokens, repeated.
    """
    if not file.exists():
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(gzip.decompress(REAL_RUN.read_bytes()).decode())
    url = f"sqlite:///{file}"
    with Store.open(url) as store:
        ids = {"real": store.list_experiments()[0].experiment.id}
        ids |= {name: one.id for name, one in seed_all(store, large).items()}
        tokens = {
            scope: store.create_token(names[place % len(names)], scope, owner="ada")[1]
            for place, scope in enumerate(Scope)
        }
    return Content(url, tokens, ids)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--large", type=int, default=50_000, help="candidates of the largest experiment; 0 for none")
    parser.add_argument("--from", dest="source", type=Path, help="SQLite store to begin with, such as a demo's")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evomerge-dashboard-"))
    if chosen.source:
        shutil.copy(chosen.source, folder / "store.db")
    content = fill(folder / "store.db", large=chosen.large)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("EVOMERGE_STATE", str(folder / "state"))
    os.environ.setdefault("EVOMERGE_ARTIFACT_ROOT", str(folder / "artifacts"))
    for scope, secret in content.tokens.items():
        print(f"{scope}: {secret}", flush=True)
    print(f"http://127.0.0.1:{chosen.port}", flush=True)
    serve(load_settings(store=content.url, port=chosen.port))


if __name__ == "__main__":
    main()
