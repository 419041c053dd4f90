"""docs/api.md is the reference of the API as it is."""

from __future__ import annotations

import json
import re

from pages import DOCS, ROOT, load


def test_the_reference_is_that_of_the_committed_document() -> None:
    written = load(DOCS / "api_page.py")
    assert (DOCS / "api.md").read_text() == written.page(), "run: python docs/api_page.py"


def test_every_operation_and_every_type_that_is_named_is_there() -> None:
    document = json.loads((ROOT / "api" / "openapi.json").read_text())
    page = (DOCS / "api.md").read_text()
    headings = re.findall(r"^#### (.+)$", page, re.MULTILINE)
    operations = [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]
    assert sorted(operations) == sorted(one for one in headings if " " in one)
    linked = {anchor for anchor in re.findall(r"\]\(#([a-z]+)\)", page)}
    assert linked <= {one.lower() for one in headings}
