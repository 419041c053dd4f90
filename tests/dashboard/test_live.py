"""An experiment from the form to its end in the browser: followed live, over a crash of the server, and steered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from browser import Site, Visit, settled
from crashes import black_box, box_spec
from playwright.sync_api import Page, expect
from service import Service, ServiceStarter, wait_until
from steering import choose, confirm, state

from experiments.states import Scope

SETTINGS = {"EVOMERGE_ENDPOINT_HOSTS": "127.0.0.1"}
# What browsers print while there is no server.
UNREACHABLE = ("net::ERR_", "status of 502")
STREAM = re.compile(r"/events\?after=(\d+)$")


@pytest.fixture
def url() -> Iterator[str]:
    with black_box() as served:
        yield served.replace("/score", "/slow")


def candidates(server: Service, experiment: str) -> int:
    return int(server.call("GET", f"/experiments/{experiment}")["progress"]["candidates"])


def submit(page: Page, spec: dict[str, object]) -> str:
    """Write a spec as YAML, correct it in the form, look at its plan, submit it; returns its id."""
    page.get_by_role("radio", name="YAML").click()
    page.get_by_role("textbox", name="Spec as YAML").fill(
        yaml.safe_dump({**spec, "search": {"budget": {"evaluations": 0}}})
    )
    page.get_by_role("button", name="Check and plan").click()
    expect(page.get_by_text("One problem:")).to_be_visible()
    page.get_by_role("textbox", name="Spec as YAML").fill(yaml.safe_dump(spec))
    page.get_by_role("radio", name="Form").click()
    page.get_by_role("textbox", name=re.compile(r"^Name\b")).fill("from-the-form")
    page.get_by_role("button", name="Check and plan").click()
    expect(page.get_by_text("The spec is valid.")).to_be_visible()
    page.get_by_role("button", name="Submit experiment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("from-the-form")
    page.wait_for_url(re.compile(r"/experiments/\w{8}$"))
    return page.url.rsplit("/", 1)[1]


def test_an_experiment_is_submitted_followed_and_steered(
    visit: Visit, serve: ServiceStarter, url: str, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path}/store.db"
    server = serve(store, settings=SETTINGS)
    somebody = visit(server.url, server.token, expected=(*UNREACHABLE, "status of 4"))
    page = somebody.open("/experiments/new")
    spec = {**box_spec(url), "search": {"budget": {"evaluations": 3000}, "seed": 5, "block_size": 4}}
    experiment = submit(page, spec)
    state(page, "running")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.evaluate("() => { window.loadedOnce = true }")

    # The server dies and comes back; the driver goes on meanwhile.
    port = int(server.url.rsplit(":", 1)[1])
    server.kill()
    expect(page.get_by_text("connection lost, trying again")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^data \d+ s ago$"))).to_be_visible()
    before = page.get_by_role("heading", level=1).inner_text()
    server = serve(store, token=server.token, settings=SETTINGS, port=port)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    assert page.get_by_role("heading", level=1).inner_text() == before
    reached = candidates(server, experiment)
    wait_until(lambda: candidates(server, experiment) > reached)
    assert page.evaluate("() => window.loadedOnce"), "the page was not loaded again"

    choose(page, "Extend the budget", menu=True)
    page.get_by_label(re.compile("^Evaluations")).fill("4000")
    confirm(page, "Extend", "Raised the budget")
    choose(page, "Propose a merge", menu=True)
    page.get_by_label("Name in reports").fill("my own")
    page.get_by_label(re.compile("^Recipe")).fill("blackbox: {x: 0.5, y: -0.1}")
    confirm(page, "Propose", "Proposed “my own”")
    choose(page, "Pause")
    confirm(page, "Pause", "Asked it to pause")
    state(page, "paused")
    choose(page, "Resume")
    confirm(page, "Resume", "Asked it to run")
    state(page, "running")
    choose(page, "Cancel for good", menu=True)
    confirm(page, "Cancel the experiment", "Asked it to end")
    state(page, "cancelled")
    expect(page.get_by_text("complete", exact=True)).to_be_visible()

    page.get_by_role("link", name="See the log").click()
    log = page.get_by_role("main")
    for sentence in ("raised the budget", "proposed a merge, “my own”", "asked it to pause", "cancelled it"):
        expect(log.get_by_text(re.compile(sentence)).first).to_be_visible()
    found = server.call("GET", f"/experiments/{experiment}/candidates?kind=injected")["candidates"]
    assert [one["label"] for one in found] == ["my own"]
    assert page.evaluate("() => window.loadedOnce")


def test_a_hidden_page_is_not_connected_and_misses_nothing(
    visit: Visit, serve: ServiceStarter, url: str, tmp_path: Path
) -> None:
    server = serve(f"sqlite:///{tmp_path}/store.db", settings=SETTINGS)
    spec = {**box_spec(url), "search": {"budget": {"evaluations": 3000}, "seed": 5, "block_size": 4}}
    experiment = server.call("POST", "/experiments", json={"spec": spec})["id"]
    wait_until(lambda: candidates(server, experiment) > 2)
    somebody = visit(server.url, server.token)
    page = somebody.context.new_page()
    streams: list[int] = []
    page.on("request", lambda request: streams.extend(int(seq) for seq in STREAM.findall(request.url)))
    page.goto(f"{server.url}/experiments/{experiment}")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    hide(page, True)
    expect(page.get_by_text("paused while hidden")).to_be_visible()
    assert len(streams) == 1
    reached = candidates(server, experiment)
    wait_until(lambda: candidates(server, experiment) > reached + 5)
    # What was under way before is received now.
    expect(page.get_by_text("paused while hidden")).to_be_visible()
    assert len(streams) == 1
    with page.expect_response(lambda answer: answer.url.endswith(f"/experiments/{experiment}")) as answer:
        hide(page, False)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    assert answer.value.json()["progress"]["candidates"] > reached + 5
    assert len(streams) == 2 and streams[1] >= streams[0]
    settled(page)


def test_a_page_that_learns_of_the_end_before_the_stream_does_is_complete_too(
    visit: Visit, serve: ServiceStarter, url: str, tmp_path: Path
) -> None:
    server = serve(f"sqlite:///{tmp_path}/store.db", settings={**SETTINGS, "EVOMERGE_LAUNCHER": "none"})
    experiment = server.call("POST", "/experiments", json={"spec": box_spec(url)})["id"]
    page = visit(server.url, server.token, expected=UNREACHABLE).context.new_page()
    page.route(STREAM, lambda route: route.abort())
    page.goto(f"{server.url}/experiments/{experiment}")
    expect(page.get_by_text("connection lost, trying again")).to_be_visible()
    choose(page, "Cancel for good", menu=True)
    confirm(page, "Cancel the experiment", "Asked it to end")
    state(page, "cancelled")
    page.unroute(STREAM)
    expect(page.get_by_text("complete", exact=True)).to_be_visible()


def hide(page: Page, hidden: bool) -> None:
    """Make a page believe that its tab is hidden, which no tab is in a Chromium without a screen."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_an_export_is_asked_for_and_audited(visit: Visit, serve: ServiceStarter, own_store: str, site: Site) -> None:
    server = serve(own_store, token=site.tokens[Scope.ADMIN], settings={"EVOMERGE_LAUNCHER": "none"})
    page = visit(server.url, server.token).open(f"/experiments/{site.experiments['finished']}")
    choose(page, "Export a checkpoint")
    confirm(page, "Export", "Asked for an export of candidate")
    page.get_by_role("link", name="See the log").click()
    expect(page.get_by_text(re.compile("asked for an export of candidate")).first).to_be_visible()
