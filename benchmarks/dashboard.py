"""How fast the dashboard is in a real Chromium: ``python benchmarks/dashboard.py [--check]``.

Measures what the first screen weighs, how long it takes until an experiment of 5,000 candidates is shown with its
charts, and the longest task of the page's thread while one of 50,000 candidates is recorded on, live.

With ``--check`` both times are compared with their budgets, and it fails where one is missed. Whatever else a machine
does only ever adds time, so the best of several tries counts, and the first within its budget ends them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from browser import Visitor, chromium, find_chromium, settled
from dashboard_data import add_one, drive_large
from machine import machine
from playwright.sync_api import Page
from service import services

from experiments.states import Scope
from experiments.store import Store

REPEATS = 5
INTERACTIVE_S = 1.5
LONG_TASK_MS = 100
# Charts are asked for again every four seconds.
LIVE_S = 6
# Long tasks are those of 50 ms and more.
OBSERVE = """() => { window.longTasks = []; new PerformanceObserver((list) =>
    window.longTasks.push(...list.getEntries().map((one) => one.duration))).observe({type: 'longtask'}); }"""


def main() -> None:
    """Measure, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description="How fast the dashboard is in a real Chromium.")
    parser.add_argument("--check", action="store_true", help="fail where a budget is missed")
    check = parser.parse_args().check
    executable = find_chromium()
    if executable is None:
        print("The dashboard's times were not measured: no Chromium was found.", file=sys.stderr)
        sys.exit(0 if check and not os.environ.get("CI") else 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/store.db"
        with Store.open(url) as store:
            ids = {candidates: drive_large(store, candidates).id for candidates in (5_000, 50_000)}
            token = store.create_token("benchmark", Scope.ADMIN, owner="ada")[1]
        with services(folder) as serve, chromium(executable) as browser:
            server = serve(url, token=token, settings={"EVOMERGE_LAUNCHER": "none"})
            visitor = Visitor(browser.new_context(viewport={"width": 1440, "height": 900}), server.url).log_in(token)
            # It stays open: the first page of a window competes with what the browser starts for the window itself.
            first = visitor.open("/experiments")
            found = {
                **machine(),
                "chromium": browser.version,
                "first_load_kb": _first_load(first),
                "interactive_s": _interactive(visitor, ids[5_000], INTERACTIVE_S if check else None),
                "live": _live(visitor, url, ids[50_000], LONG_TASK_MS if check else None),
            }
    print(json.dumps(found, indent=1))
    if check and (missed := _missed(found)):
        sys.exit("\n".join(missed))


def _missed(found: dict[str, Any]) -> list[str]:
    """Return which budgets were missed."""
    interactive, longest = found["interactive_s"]["best"], found["live"]["longest_ms"]["best"]
    return [
        *([f"An overview took {interactive} s, more than {INTERACTIVE_S}."] if interactive > INTERACTIVE_S else []),
        *([f"A live update took {longest} ms, more than {LONG_TASK_MS}."] if longest > LONG_TASK_MS else []),
    ]


def _tries(measure: Callable[[], float], budget: float | None) -> dict[str, Any]:
    """Measure several times, or until once within a budget."""
    tries: list[float] = []
    while len(tries) < REPEATS and not (tries and budget is not None and tries[-1] <= budget):
        tries.append(round(measure(), 3))
    return {"best": min(tries), "median": statistics.median(tries), "worst": max(tries), "tries": tries}


def _first_load(page: Page) -> float:
    """Return how much the list of experiments and its files weigh on the line."""
    loaded: list[int] = page.evaluate(
        """() => ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
        .filter((one) => !one.name.includes('/api/')).map((one) => one.encodedBodySize)"""
    )
    return round(sum(loaded) / 1000, 1)


def _interactive(visitor: Visitor, experiment: str, budget: float | None) -> dict[str, Any]:
    """Return the seconds until the overview is shown; the files are in the browser's cache, as after a first visit."""
    visitor.open(f"/experiments/{experiment}").close()

    def load() -> float:
        page = visitor.context.new_page()
        start = time.perf_counter()
        page.goto(f"{visitor.url}/experiments/{experiment}")
        settled(page)
        page.wait_for_selector("canvas")
        settled(page)
        seconds = time.perf_counter() - start
        page.close()
        return seconds

    return _tries(load, budget)


def _live(visitor: Visitor, url: str, experiment: str, budget: float | None) -> dict[str, Any]:
    """Return the longest tasks of a page that is open on the overview while eight candidates are recorded a second."""
    page = visitor.open(f"/experiments/{experiment}")
    page.wait_for_selector("canvas")
    page.get_by_text("live", exact=True).wait_for()
    page.evaluate(OBSERVE)

    def update() -> float:
        page.evaluate("() => { window.longTasks.length = 0; }")
        with page.expect_response(lambda answer: "/series" in answer.url):
            deadline = time.monotonic() + LIVE_S
            while time.monotonic() < deadline:
                add_one(store, experiment)
                page.wait_for_timeout(125)
        settled(page)
        longest: float = page.evaluate("() => Math.max(0, ...window.longTasks)")
        return longest

    with Store.open(url) as store:
        before = store.progress(experiment).candidates
        longest = _tries(update, budget)
        recorded = store.progress(experiment).candidates - before
    return {"elements": page.locator("*").count(), "candidates": recorded, "longest_ms": longest}


if __name__ == "__main__":
    main()
