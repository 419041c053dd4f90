"""The pages are true: what they link to, name, list and promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pages import DOCS, ROOT, is_there, load, named_tests

from api.app import create_app
from api.settings import Settings
from evomerge.failpoints import FAILPOINTS
from experiments.states import Scope
from experiments.store import Store

PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Git hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(((?!https?:)[^)#]*)(#([^)]+))?\)", page.read_text(encoding="utf-8")):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


def test_the_index_lists_every_page() -> None:
    listed = set(re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", (DOCS / "README.md").read_text(), re.MULTILINE))
    assert listed == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"README.md"}


def test_every_promise_has_its_tests() -> None:
    promises = (DOCS / "reliability.md").read_text().partition("## Where")[0].split("\n**R")[1:]
    assert [one.partition(".")[0] for one in promises] == list("12345678")
    for promise in promises:
        assert named_tests(promise), promise
        for test in named_tests(promise):
            assert is_there(test), f"{test} is not there"


def test_the_check_of_named_tests_would_notice() -> None:
    here = "tests/docs/test_pages.py"
    assert is_there(f"{here}::test_every_promise_has_its_tests")
    for wrong in (
        f"{here}::test_nothing",
        f"{here}::Test::test_every_promise_has_its_tests",
        "tests/x.py::test_x",
        here,
    ):
        assert not is_there(wrong)


def test_every_place_where_tests_kill_is_told() -> None:
    table = (DOCS / "reliability.md").read_text().partition("## Where")[2]
    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", table)) == set(FAILPOINTS)


def test_the_settings_are_those_of_the_code() -> None:
    written = load(DOCS / "settings_table.py")
    assert (DOCS / "service.md").read_text() == written.page(), "run: python docs/settings_table.py"
    rows = re.findall(r"^\| `EVOMERGE_(\w+)` \|", written.table(), re.MULTILINE)
    assert {row.lower() for row in rows} == set(Settings.model_fields)


def test_the_metrics_are_those_of_the_server(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        _, secret = store.create_token("prometheus", Scope.READ, "me")
        headers = {"Authorization": f"Bearer {secret}"}
        with TestClient(create_app(Settings(), store), base_url="http://127.0.0.1", headers=headers) as client:
            client.get("/livez")
            text = client.get("/metrics").text
    served = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    served = {name for name in served if not name.endswith("_created")}
    page = (DOCS / "service.md").read_text()
    assert set(re.findall(r"^\| `(evomerge_\w+)` \|", page, re.MULTILINE)) == served


def test_the_symptoms_are_messages_of_the_code() -> None:
    rooms = ("api", "evomerge", "experiments", "optimizer", "workers")
    code = "".join(path.read_text(encoding="utf-8") for room in rooms for path in sorted((ROOT / room).rglob("*.py")))
    table = (DOCS / "operations.md").read_text().partition("| symptom |")[2]
    symptoms = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| ")]
    words = [phrase for row in symptoms for phrase in re.findall(r"`([a-z][^`/_]+ [^`]+)`", row)]
    assert len(words) > 10
    assert [phrase for phrase in words if phrase not in code] == []
