"""The built dashboard in a real Chromium, on the real server, with a store of a real run and of seeded experiments."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Site, Visit, Visitor, chromium, find_chromium
from dashboard_server import SETTINGS, Content, fill
from playwright.sync_api import Browser
from service import services

from api.pages import FILES
from experiments.states import Scope


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
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """A store with everything that there is to show."""
    return fill(tmp_path_factory.mktemp("content") / "store.db")


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, built: Path, content: Content) -> Iterator[Site]:
    """The server that everybody looks at; nothing in it is changed."""
    with services(tmp_path_factory.mktemp("site"), warm=True) as serve:
        server = serve(content.url, token=content.tokens[Scope.ADMIN], settings=SETTINGS)
        yield Site(server, content.tokens, content.experiments)


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
def own_store(content: Content, tmp_path: Path) -> str:
    """A copy of the store that a test may change."""
    shutil.copy(content.url.removeprefix("sqlite:///"), tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"
