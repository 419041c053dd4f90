"""Logging in and out, and what somebody may do who may only look."""

from __future__ import annotations

from browser import Site, Visit, axe, settled
from playwright.sync_api import expect

from experiments.states import Scope

# Browsers print every refusal in the console.
REFUSED = ("status of 401",)


def test_logging_in_and_out(visit: Visit, site: Site) -> None:
    page = visit(site.server.url, expected=REFUSED).context.new_page()
    page.goto(f"{site.server.url}/experiments?state=failed")
    field = page.get_by_label("Access token")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        expect(field).to_be_visible()
        assert axe(page) == []
    field.fill("evm_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("token")
    field.fill(f"  {site.tokens[Scope.READ]}\n")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="gone-wrong")).to_be_visible()
    assert page.context.storage_state()["origins"] == [], "nothing of the session is where scripts could read it"
    assert page.evaluate("() => document.cookie") == ""
    page.goto(f"{site.server.url}/settings")
    page.get_by_role("button", name="Log out").click()
    expect(field).to_be_visible()
    page.goto(f"{site.server.url}/experiments")
    expect(field).to_be_visible()


def test_an_address_can_log_in_and_does_not_keep_the_token(visit: Visit, site: Site) -> None:
    page = visit(site.server.url, expected=REFUSED).context.new_page()
    page.goto(f"{site.server.url}/methods#token={site.tokens[Scope.READ]}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Methods")
    assert "evm_" not in page.url
    page.goto(f"{site.server.url}/experiments")
    page.go_back()
    assert "evm_" not in settled(page).url


def test_readers_are_offered_nothing_that_they_may_not_do(visit: Visit, site: Site) -> None:
    somebody = visit(site.server.url, site.tokens[Scope.READ])
    page = somebody.open(f"/experiments/{site.experiments['running']}")
    offered = {one.inner_text() for one in page.get_by_role("button").all()}
    assert not offered & {"Pause", "Resume", "Cancel for good", "Extend the budget", "Propose a merge"}
    assert page.get_by_role("link", name="Clone").count() == 0
    page = somebody.open("/settings")
    assert page.get_by_role("button", name="New token").count() == 0
    page = somebody.open("/experiments/new")
    assert page.get_by_role("button", name="Submit experiment").count() == 0
