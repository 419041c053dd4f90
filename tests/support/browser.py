"""A real Chromium in which every page is watched: what goes wrong unseen fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright
from service import Service

from experiments.states import Scope

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# The machine may be busy; nothing here depends on how long anything takes.
PATIENCE_MS = 60_000
# What is out of view is loaded once it is in view; a chart is busy until it is drawn.
_SETTLED = """() => document.querySelector('h1') !== null && document.querySelector('[aria-busy=true]') === null
    && ![...document.querySelectorAll('[role=status]')]
    .some((one) => one.textContent.startsWith('Loading ') && one.getBoundingClientRect().top < innerHeight)"""


def find_chromium() -> str | None:
    """Return where a Chromium is on this machine."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """Run a Chromium."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # Without its sandbox: it has none as root, which containers are.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody with a browser of their own, and all that went wrong in it.

    Attributes:
        url: address of the server, with its path prefix.
        expected: what may go wrong, as parts of what the problems say.
        problems: errors in the console, uncaught ones, failed requests, requests to other hosts.
    """

    context: BrowserContext
    url: str
    expected: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("console", self._on_console)
        self.context.on("weberror", lambda error: self._note(f"uncaught: {error.error}"))
        self.context.on("requestfailed", self._on_failed)
        self.context.on("request", self._on_request)

    def log_in(self, token: str) -> Visitor:
        """Log in without the form."""
        answer = self.context.request.post(f"{self.url}/api/v1/session", data={"token": token})
        assert answer.ok, answer.text()
        return self

    def open(self, path: str) -> Page:
        """Open a page of its own and wait for all that it loads."""
        page = self.context.new_page()
        page.goto(self.url + path)
        return settled(page)

    def unexpected(self) -> list[str]:
        """Return what went wrong and was not expected to."""
        return [one for one in self.problems if not any(part in one for part in self.expected)]

    def _note(self, problem: str) -> None:
        self.problems.append(problem)

    def _on_console(self, message: ConsoleMessage) -> None:
        # Violations of the content security policy are errors there too.
        if message.type == "error":
            self._note(f"console: {message.text} at {message.location['url']}")

    def _on_failed(self, request: Request) -> None:
        # A page that is left drops its requests, the stream among them.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"failed: {request.method} {request.url} {request.failure}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "blob:", "data:", "file:")):
            self._note(f"elsewhere: {request.url}")


Visit = Callable[..., Visitor]


@dataclass(frozen=True)
class Site:
    """A server with the dashboard, and what it has to show.

    Attributes:
        tokens: a token of every scope.
        experiments: ids: running, finished, failed, waiting, large, and real, of a run that merged models.
    """

    server: Service
    tokens: dict[Scope, str]
    experiments: dict[str, str]


def settled(page: Page) -> Page:
    """Wait until a page shows its heading and loads nothing any more."""
    page.wait_for_function(_SETTLED)
    # Pictures are drawn in the next frame.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_function(_SETTLED)
    return page


def axe(page: Page, rules: tuple[str, ...] = RULES) -> list[str]:
    """Return the violations of accessibility rules on a page, each with the first element that has it."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        "async (rules) => (await axe.run(document, {runOnly: rules, resultTypes: ['violations']})).violations", rules
    )
    return [f"{one['id']} x{len(one['nodes'])}: {_first(one['nodes'])}" for one in found]


def _first(nodes: list[dict[str, Any]]) -> str:
    return f"{nodes[0]['html'][:200]} {nodes[0]['failureSummary'][:300]}"
