"""The built dashboard in a real Chromium, on the real server, with a store of a real run and of seeded experiments."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import ROOT, Site, Visit, Visitor, chromium, find_chromium
from dashboard_data import XSS, seed_all
from playwright.sync_api import Browser
from service import services

from api.pages import FILES
from experiments.states import Scope
from experiments.store import Store

REAL_RUN = Path(__file__).parent / "data" / "json-math.sql.gz"


@pytest.fixture(scope="package")
def built() -> Path:
    """Where the built dashboard is."""
    if not (FILES / "index.html").exists():
        pytest.fail("the dashboard is not built: run 'make setup'")
    return FILES


# Not for the session: while Playwright runs, no other test of this thread could run an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    executable = find_chromium()
    if executable is None:
        reason = "no Chromium was found: run 'make browser' as root, or install one"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with chromium(executable) as launched:
        yield launched


@pytest.fixture(scope="package")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[Scope, str], dict[str, str]]:
    """A store, tokens of every scope, and the ids of its experiments."""
    file = tmp_path_factory.mktemp("seeded") / "store.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(gzip.decompress(REAL_RUN.read_bytes()).decode())
    url = f"sqlite:///{file}"
    with Store.open(url) as store:
        ids = {"real": store.list_experiments()[0].experiment.id}
        ids |= {name: one.id for name, one in seed_all(store).items()}
        tokens = {scope: store.create_token(XSS[:64], scope, owner="ada")[1] for scope in Scope}
    return url, tokens, ids


@pytest.fixture(scope="package")
def site(
    tmp_path_factory: pytest.TempPathFactory, built: Path, seeded: tuple[str, dict[Scope, str], dict[str, str]]
) -> Iterator[Site]:
    """The server that everybody looks at; nothing in it is changed."""
    url, tokens, ids = seeded
    settings = {
        "EVOMERGE_LAUNCHER": "none",
        "EVOMERGE_MODEL_ROOTS": f"{ROOT}/models,{ROOT}/examples/experts",
        "EVOMERGE_TASK_ROOTS": f"{ROOT}/examples/tasks",
    }
    with services(tmp_path_factory.mktemp("site")) as serve:
        yield Site(serve(url, token=tokens[Scope.ADMIN], settings=settings), tokens, ids)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Let somebody visit a server with a browser of their own; what goes wrong unseen fails the test."""
    visitors: list[Visitor] = []

    def come(url: str, token: str | None = None, *, expected: tuple[str, ...] = (), **options: object) -> Visitor:
        shown = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **options}
        visitor = Visitor(browser.new_context(**shown), url, list(expected))  # type: ignore[arg-type]
        visitors.append(visitor)
        return visitor if token is None else visitor.log_in(token)

    yield come
    problems = [problem for one in visitors for problem in one.unexpected()]
    for one in visitors:
        one.context.close()
    assert problems == []


@pytest.fixture
def reader(site: Site, visit: Visit) -> Visitor:
    """Somebody who is logged in and may do everything."""
    return visit(site.server.url, site.tokens[Scope.ADMIN])


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: EVOMERGE_PICTURES, or a temporary directory."""
    chosen = os.environ.get("EVOMERGE_PICTURES")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def own_store(seeded: tuple[str, dict[Scope, str], dict[str, str]], tmp_path: Path) -> str:
    """A copy of the store that a test may change."""
    shutil.copy(seeded[0].removeprefix("sqlite:///"), tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"
