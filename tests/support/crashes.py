"""Drivers of a deterministic black box, each a process that can be made to die."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from evomerge import failpoints
from experiments.spec import BlackboxExperiment, parse_any
from experiments.states import Split, Wanted
from experiments.store import Store
from optimizer.blackbox import make_blackbox_plan

# Every place where a process can be killed, by who dies there.
DRIVER_PLACES = [name for name in failpoints.FAILPOINTS if name.startswith(("store.", "driver."))]
SERVICE_PLACES = [name for name in failpoints.FAILPOINTS if name.startswith(("api.", "launch."))]
EXPORT_PLACE = "export.written_not_recorded"

# A process of its own that has imported everything once: its children start within milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["optimizer.unattended", "optimizer.search.catalog", "optimizer.blackbox"])


class BlackBox(BaseHTTPRequestHandler):
    """Scores that depend on the coefficients and the item alone; some points cannot be scored."""

    def do_POST(self) -> None:
        if self.path.endswith("/slow"):
            time.sleep(0.1)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        values = request["coefficients"]
        if values["x"] > 0.9:
            answer: dict[str, Any] = {"infeasible": "x is too large"}
        else:
            answer = {"scores": [score(values, item) for item in request["items"]]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def score(values: dict[str, float], item: str) -> float:
    luck = int.from_bytes(hashlib.sha256(json.dumps([values, item]).encode()).digest()[:4], "big") / 2**32
    return 1.0 - (values["x"] - 0.7) ** 2 - (values["y"] + 0.2) ** 2 + 0.05 * luck


@contextmanager
def black_box() -> Iterator[str]:
    """Serve the black box on loopback; the value is its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BlackBox) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/score"
        server.shutdown()


def box_spec(url: str) -> dict[str, Any]:
    """Return the spec of a search that every test of crashes repeats."""
    return {
        "name": "box",
        "blackbox": {
            "url": url,
            "parameters": {"x": {"range": [-1, 1], "init": 0.0}, "y": {"range": [-1, 1]}},
            "items": 12,
            "selection": 8,
            "test": 6,
            "workers": 1,
        },
        "search": {"budget": {"evaluations": 10}, "seed": 5, "finalists": 2, "block_size": 4},
    }


def submit(store: Store, url: str) -> str:
    spec = parse_any(box_spec(url))
    assert isinstance(spec, BlackboxExperiment)
    plan = make_blackbox_plan(spec, Path.cwd(), allow_code=False)
    return store.create_experiment(spec.canonical(), "/", plan.provenance, wanted=Wanted.RUN).id


def drive(store_url: str, experiment: str, place: str | None, nth: int, hits: str | None) -> None:
    """What a driver's process does."""
    from optimizer.unattended import drive_unattended

    # Counting costs being armed; no run comes to a place so often.
    failpoints.arm(place or failpoints.FAILPOINTS[0], nth if place else 10**9)
    drive_unattended(store_url, experiment, lambda progress: None, lambda message: None)
    if hits is not None:
        Path(hits).write_text(json.dumps(failpoints.hits))


def run_driver(store_url: str, experiment: str, place: str | None = None, nth: int = 1, hits: str | None = None) -> int:
    process = PROCESSES.Process(target=drive, args=(store_url, experiment, place, nth, hits))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def story(store: Store, experiment: str) -> dict[str, Any]:
    """All that a run decided: candidates, scores of every item, decisions; not when, nor in how many attempts."""
    candidates = [
        (one.number, one.kind, one.label, one.vector, one.recipe_digest, one.state, one.fitness, one.reason)
        for one in store.candidates(experiment)
    ]
    items = [
        (split, one.number, one.task, one.item, one.score) for split in Split for one in store.items(experiment, split)
    ]
    decisions = store.decisions(experiment)
    return {"candidates": candidates, "items": items, "decisions": decisions}
