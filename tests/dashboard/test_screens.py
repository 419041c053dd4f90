"""Every screen, in both themes and on a phone: accessible, harmless, readable; each leaves its pictures behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Site, Visitor, axe, settled
from playwright.sync_api import Page

# Which experiment, and where in it.
TABS = {
    "real": (
        "/ /candidates /candidates/572?split=test&against=5&only=changed /coefficients /dynamics /generalisation"
        " /workers /lineage /log /configuration"
    ),
    "finished": "/ /candidates/8?split=test&against=1,2&only=changed /generalisation /log",
    "running": "/ /dynamics /workers /candidates",
    "failed": "/ /log",
    "waiting": "/ /generalisation /workers",
    "large": "/ /candidates /coefficients /workers",
}
PLACES = [
    "/experiments",
    "/experiments?state=paused",
    "/experiments/new",
    "/experiments/new?template=black-box",
    "/compare",
    "/compare?ids={real},{finished},{running},{large}",
    "/models",
    "/tasks",
    "/methods",
    "/methods/ties",
    "/settings",
    "/no/such/page",
]


def look_at(page: Page, pictures: Path, name: str) -> None:
    """Fail on what is wrong with a screen that is shown, in both themes and on a phone."""
    found: list[str] = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        settled(page)
        found += [f"{theme}: {one}" for one in axe(page)]
        page.screenshot(path=pictures / f"{name}-{theme}.png", full_page=True)
    page.set_viewport_size({"width": 360, "height": 800})
    settled(page)
    page.screenshot(path=pictures / f"{name}-phone.png", full_page=True)
    wider = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wider > 0:
        found.append(f"on a phone the page is {wider} pixels too wide")
    if page.evaluate("() => 'hacked' in window || document.querySelector('img[src=x]') !== null"):
        found.append("text of somebody was run as HTML")
    assert found == []


def name_of(path: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in path.strip("/")) or "overview"


@pytest.mark.parametrize("path", PLACES)
def test_a_screen(reader: Visitor, site: Site, pictures: Path, path: str) -> None:
    look_at(reader.open(path.format(**site.experiments)), pictures, name_of(path))


@pytest.mark.parametrize(("which", "tab"), [(which, tab) for which, tabs in TABS.items() for tab in tabs.split()])
def test_a_tab(reader: Visitor, site: Site, pictures: Path, which: str, tab: str) -> None:
    page = reader.open(f"/experiments/{site.experiments[which]}{tab.rstrip('/')}")
    # Everything is in view, so that every plot is drawn.
    page.set_viewport_size({"width": 1440, "height": 5000})
    settled(page)
    height = page.locator("main").evaluate("(main) => Math.ceil(main.lastElementChild.getBoundingClientRect().bottom)")
    page.set_viewport_size({"width": 1440, "height": height + 40})
    look_at(page, pictures, f"{which}-{name_of(tab)}")
