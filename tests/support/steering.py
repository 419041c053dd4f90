"""What people do on the page of an experiment."""

from __future__ import annotations

from browser import PATIENCE_MS
from playwright.sync_api import Page, expect


def state(page: Page, text: str, patience_s: float = PATIENCE_MS / 1000) -> None:
    """Wait until the experiment's state is shown."""
    expect(page.locator("h1 + div")).to_contain_text(text, timeout=patience_s * 1000)


def choose(page: Page, action: str, *, menu: bool = False) -> None:
    """Open the dialog of an action."""
    if menu:
        page.locator("summary", has_text="More").click()
    page.get_by_role("button", name=action, exact=True).click()


def confirm(page: Page, action: str, said: str) -> None:
    """Confirm a dialog and wait for what the page says then."""
    page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
