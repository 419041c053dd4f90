"""SECURITY.md names a test for every threat; each is there, and no threat is left out."""

from __future__ import annotations

import pytest
from pages import ROOT, is_there, named_tests

TABLE = (ROOT / "SECURITY.md").read_text().partition("<!-- threats -->")[2]
ROWS = [row.strip("| ").split(" | ") for row in TABLE.splitlines() if row.startswith("| ") and "threat |" not in row]
THREATS = {threat: named_tests(tests) for threat, _, tests in ROWS}


@pytest.mark.parametrize("threat", THREATS)
def test_every_threat_has_its_tests(threat: str) -> None:
    assert THREATS[threat], "it names no test"
    for test in THREATS[threat]:
        assert is_there(test), f"{test} is not there"


def test_no_known_threat_is_forgotten() -> None:
    # The attacks that services of this kind have suffered.
    known = (
        "a route without a guard", "more than a scope allows", "stolen or guessed tokens", "secrets in logs", "CSRF",
        "DNS rebinding", "XSS and framing", "large requests", "pickled weights", "malformed safetensors",
        "code that a model brings", "paths that lead out", "downloads of other files",
        "other weights under a known name", "a request that is sent twice", "our own files as pickles",
        "requests to hosts of the caller's choice",
        "task files that run code", "specs that run code", "open ports of Ray", "open ports and insecure modes of vLLM",
    )  # fmt: skip
    assert set(known) <= set(THREATS)
