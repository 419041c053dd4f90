"""What the pages on deployment show works as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from api.catalog.confine import confine
from api.settings import Settings
from deployment import PAGES, ROOT


class NoMethods:
    """The spec names no file in its options, so nothing is asked."""

    @property
    def path_options(self) -> Mapping[str, frozenset[str]]:
        raise AssertionError


def test_a_server_of_the_demo_takes_the_first_spec(smollm2: Path) -> None:
    page = (PAGES / "first-service.md").read_text()
    blocks = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    assert len(blocks) == 1
    # The page copies the experts beside the base model, which is not for a test to do.
    roots = (smollm2.parent, ROOT / "examples" / "experts")
    settings = Settings(model_roots=roots, task_roots=(ROOT / "examples" / "tasks",))
    confined = confine(yaml.safe_load(blocks[0]), settings, NoMethods())
    assert confined["base_model"] == {"model": str(smollm2)}


def test_pages_link_to_pages_that_are_there() -> None:
    for page in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([\w./-]+\.md)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_pages_name_files_that_are_there() -> None:
    for page in PAGES.glob("*.md"):
        for name in re.findall(r"\b((?:deploy|examples)/[\w./-]+\w)", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name} names {name}"
