"""How fast the dashboard is in a real Chromium: ``python benchmarks/dashboard.py``.

Measures what the first screen weighs, how long it takes until an experiment of 5,000 candidates is shown with its
charts, and the longest task of the page's thread while one of 50,000 candidates is recorded on, live.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from browser import Visitor, chromium, find_chromium, settled
from dashboard_data import add_one, drive_large
from machine import machine
from service import services

from experiments.states import Scope
from experiments.store import Store

REPEATS = 5
LIVE_S = 12
# Long tasks are those of 50 ms and more.
OBSERVE = """() => { window.longTasks = []; new PerformanceObserver((list) =>
    window.longTasks.push(...list.getEntries().map((one) => one.duration))).observe({type: 'longtask'}); }"""


def main() -> None:
    """Measure, and print what was found as JSON."""
    executable = find_chromium()
    if executable is None:
        sys.exit("no Chromium was found")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/store.db"
        with Store.open(url) as store:
            ids = {candidates: drive_large(store, candidates).id for candidates in (5_000, 50_000)}
            token = store.create_token("benchmark", Scope.ADMIN, owner="ada")[1]
        with services(folder) as serve, chromium(executable) as browser:
            server = serve(url, token=token, settings={"EVOMERGE_LAUNCHER": "none"})
            visitor = Visitor(browser.new_context(viewport={"width": 1440, "height": 900}), server.url).log_in(token)
            found = {
                **machine(),
                "chromium": browser.version,
                "first_load_kb": _first_load(visitor),
                "interactive_s": _interactive(visitor, ids[5_000]),
                "live": _live(visitor, url, ids[50_000]),
            }
    print(json.dumps(found, indent=1))


def _first_load(visitor: Visitor) -> float:
    """Return how much the list of experiments and its files weigh on the line."""
    page = visitor.open("/experiments")
    loaded: list[int] = page.evaluate(
        """() => ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
        .filter((one) => !one.name.includes('/api/')).map((one) => one.encodedBodySize)"""
    )
    page.close()
    return round(sum(loaded) / 1000, 1)


def _interactive(visitor: Visitor, experiment: str) -> dict[str, float]:
    """Return the seconds until the overview is shown; the files are in the browser's cache, as after a first visit."""
    visitor.open(f"/experiments/{experiment}").close()
    seconds = []
    for _ in range(REPEATS):
        page = visitor.context.new_page()
        start = time.perf_counter()
        page.goto(f"{visitor.url}/experiments/{experiment}")
        settled(page)
        page.wait_for_selector("canvas")
        settled(page)
        seconds.append(time.perf_counter() - start)
        page.close()
    return {"median": round(statistics.median(seconds), 3), "worst": round(max(seconds), 3)}


def _live(visitor: Visitor, url: str, experiment: str) -> dict[str, Any]:
    """Return the long tasks of a page that is open on the overview while eight candidates are recorded a second."""
    page = visitor.open(f"/experiments/{experiment}")
    page.wait_for_selector("canvas")
    page.evaluate(OBSERVE)
    recorded = 0
    deadline = time.monotonic() + LIVE_S
    with Store.open(url) as store:
        while time.monotonic() < deadline:
            add_one(store, experiment)
            recorded += 1
            page.wait_for_timeout(125)
    tasks: list[float] = page.evaluate("() => window.longTasks")
    elements = page.locator("*").count()
    return {
        "elements": elements,
        "candidates": recorded,
        "long_tasks": len(tasks),
        "longest_ms": max(tasks, default=0.0),
    }


if __name__ == "__main__":
    main()
