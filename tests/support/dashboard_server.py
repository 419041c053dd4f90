"""Serve the dashboard on seeded data: ``python tests/support/dashboard_server.py --port 8100 [--from FILE.db]``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from dashboard_data import seed_all

from api.server import serve
from api.settings import load_settings
from experiments.states import Scope
from experiments.store import Store


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--large", type=int, default=50_000, help="candidates of the largest experiment; 0 for none")
    parser.add_argument("--from", dest="source", type=Path, help="SQLite store to begin with, such as a demo's")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="evomerge-dashboard-"))
    file = folder / "store.db"
    if chosen.source:
        shutil.copy(chosen.source, file)
    os.environ.setdefault("EVOMERGE_MODEL_ROOTS", "models,examples/experts")
    os.environ.setdefault("EVOMERGE_TASK_ROOTS", "examples/tasks")
    os.environ.setdefault("EVOMERGE_STATE", str(folder / "state"))
    os.environ.setdefault("EVOMERGE_ARTIFACT_ROOT", str(folder / "artifacts"))
    with Store.open(f"sqlite:///{file}") as store:
        seed_all(store, chosen.large)
        secrets = {scope: store.create_token(f"{scope} token", scope, owner="ada")[1] for scope in Scope}
    for scope, secret in secrets.items():
        print(f"{scope}: {secret}", flush=True)
    print(f"http://127.0.0.1:{chosen.port}", flush=True)
    serve(load_settings(store=f"sqlite:///{file}", port=chosen.port, launcher="none"))


if __name__ == "__main__":
    main()
