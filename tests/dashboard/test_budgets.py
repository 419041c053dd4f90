"""What a visit costs: bytes that are loaded, and how much is drawn however large an experiment is."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from browser import Site, Visit, Visitor, settled
from dashboard_data import add_one
from playwright.sync_api import expect
from service import ServiceStarter

from experiments.states import Scope
from experiments.store import Store

KB = 1000


def compressed(file: Path) -> int:
    return len(gzip.compress(file.read_bytes(), 6))


def test_the_first_load(reader: Visitor, built: Path) -> None:
    page = reader.context.new_page()
    loaded: set[str] = set()
    page.on("request", lambda request: loaded.add(request.url.rsplit("/", 1)[1]))
    page.goto(f"{reader.url}/experiments")
    settled(page)
    files = [one for one in (built / "assets").iterdir() if one.name in loaded]
    assert any(one.suffix == ".js" for one in files) and any(one.suffix == ".css" for one in files)
    assert not any(one.name.startswith("charts") for one in files), "no chart is on the first screen"
    assert compressed(built / "index.html") + sum(map(compressed, files)) <= 150 * KB


def test_the_charts(built: Path) -> None:
    (charts,) = (built / "assets").glob("charts-*.js")
    assert compressed(charts) <= 280 * KB


def test_an_overview_asks_once_for_each_answer(reader: Visitor, site: Site) -> None:
    page = reader.context.new_page()
    # However slow the machine is, no answer becomes stale meanwhile.
    page.clock.set_fixed_time(datetime.now(UTC))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for experiment in ("finished", "running"):
        page.goto(f"{reader.url}/experiments/{site.experiments[experiment]}")
        settled(page)
        answers = Counter(url for url in asked if "/api/" in url)
        assert len(answers) > 8 and max(answers.values()) == 1, answers
        asked.clear()


def test_everything_in_the_wheel(built: Path) -> None:
    assert sum(one.stat().st_size for one in built.rglob("*") if one.is_file()) <= 3000 * KB


def test_fifty_thousand_candidates_are_drawn_as_few(
    visit: Visit, serve: ServiceStarter, own_store: str, site: Site
) -> None:
    server = serve(own_store, token=site.tokens[Scope.ADMIN], settings={"EVOMERGE_LAUNCHER": "none"})
    large = site.experiments["large"]
    page = visit(server.url, server.token, viewport={"width": 1440, "height": 5000}).context.new_page()
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: int(answer.headers.get("content-length", 0))}))
    for tab in ("", "/candidates", "/coefficients", "/dynamics", "/generalisation", "/workers", "/lineage", "/log"):
        page.goto(f"{server.url}/experiments/{large}{tab}")
        settled(page)
        assert page.locator("*").count() < 6000, tab
    heavy = {url: size for url, size in sizes.items() if "/api/" in url and size > 400 * KB}
    assert heavy == {}

    page.goto(f"{server.url}/experiments/{large}")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    settled(page)
    with Store.open(own_store) as store, page.expect_response(lambda one: "/series" in one.url) as series:
        add_one(store, large)
    answer = series.value.json()
    assert max(len(column) for column in answer.values() if isinstance(column, list)) <= 500
    expect(page.get_by_text(re.compile(r"50\s001 candidates")).first).to_be_visible()
    assert page.locator("*").count() < 6000
