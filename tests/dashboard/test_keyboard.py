"""Everything can be reached and done with a keyboard alone."""

from __future__ import annotations

from browser import Site, Visitor, settled
from playwright.sync_api import Page, expect

FOCUSED = "() => document.activeElement.textContent.trim() || document.activeElement.getAttribute('aria-label')"


def focused(page: Page) -> str:
    return str(page.evaluate(FOCUSED))


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def test_keys_lead_to_the_screens(reader: Visitor) -> None:
    page = reader.open("/experiments")
    for key, title in {
        "n": "New experiment",
        "c": "Compare",
        "m": "Methods",
        "s": "Settings",
        "e": "Experiments",
    }.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        heading(page, title)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    assert sheet.evaluate("(dialog) => dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_rows_and_the_search_field(reader: Visitor) -> None:
    page = reader.open("/experiments")
    names = page.locator("[data-row]").all_inner_texts()
    page.keyboard.press("j")
    assert focused(page) == names[0]
    page.keyboard.press("j")
    assert focused(page) == names[1]
    page.keyboard.press("k")
    assert focused(page) == names[0]
    page.keyboard.press("/")
    page.keyboard.type("gone-")
    expect(page.locator("[data-row]")).to_have_text(["gone-wrong"])
    assert "q=gone-" in page.url
    page.get_by_role("searchbox").blur()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    heading(page, "gone-wrong")


def test_the_first_key_skips_the_menu(reader: Visitor, site: Site) -> None:
    page = reader.open(f"/experiments/{site.experiments['finished']}")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    expect(page.get_by_text("Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"


def test_every_action_is_reached_by_tab_and_shows_the_focus(reader: Visitor, site: Site) -> None:
    page = reader.open(f"/experiments/{site.experiments['running']}")
    # The arrows lead from one choice of a group to the others.
    targets = "a[href], button, summary, input:not([type=radio]:not(:checked)), select, textarea, [tabindex='0']"
    wanted = page.evaluate(
        """(targets) => [...document.querySelectorAll(targets)].filter((one) => one.checkVisibility()
        && !one.disabled).length""",
        targets,
    )
    reached = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        at, outlined = page.evaluate(
            """(targets) => {
                const one = document.activeElement, style = getComputedStyle(one);
                return [[...document.querySelectorAll(targets)].indexOf(one), style.outlineStyle !== 'none'];
            }""",
            targets,
        )
        if at >= 0:
            reached.add(at)
            assert outlined, f"{focused(page)!r} does not show that it has the focus"
    assert len(reached) >= wanted


def test_a_dialog_keeps_the_focus_and_gives_it_back(reader: Visitor, site: Site) -> None:
    page = reader.open(f"/experiments/{site.experiments['running']}")
    pause = page.get_by_role("button", name="Pause")
    pause.press("Enter")
    dialog = page.get_by_role("dialog", name="Pause the experiment?")
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(pause).to_be_focused()


def test_a_menu_closes_on_escape_and_its_items_are_reached(reader: Visitor, site: Site) -> None:
    page = reader.open(f"/experiments/{site.experiments['running']}")
    page.locator("summary", has_text="More").press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "Extend the budget"
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Extend the budget")).to_be_hidden()
    assert focused(page) == "More"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Extend the budget")).to_be_visible()
    settled(page)
