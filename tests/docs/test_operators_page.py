"""docs/operators.md says what the code does."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pages import DOCS, load

from merges import merge
from merging import operators


def test_the_table_is_what_the_operators_declare() -> None:
    written = load(DOCS / "operators_table.py")
    assert (DOCS / "operators.md").read_text() == written.page(), "run: python docs/operators_table.py"


@pytest.fixture
def median(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's own example, installed as its text says."""
    page = (DOCS / "operators.md").read_text()
    source = re.search(r"```python\n(.+?)```", page, re.DOTALL)
    entry = re.search(r"median = \"my_package\.median:(\w+)\"", page)
    assert source is not None and entry is not None
    assert len(source[1].splitlines()) <= 30
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "median.py").write_text(source[1])
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[evomerge.operators]\nmedian = my_package.median:{entry[1]}\n")
    monkeypatch.syspath_prepend(tmp_path)
    operators.get_operator.cache_clear()
    operators._of_others.cache_clear()
    yield
    operators.get_operator.cache_clear()
    operators._of_others.cache_clear()
    for name in ("my_package", "my_package.median"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("median")
def test_the_example_operator_works() -> None:
    base = torch.tensor([[1.0, 2.0, 3.0]])
    deltas: list[Any] = [torch.tensor([[0.5, -1.0, 9.0]]), None, torch.tensor([[0.25, -2.0, 1.0]])]
    found = merge("median", base, deltas, lam=2.0)
    assert torch.equal(found, base + 2.0 * torch.tensor([[0.25, -1.0, 1.0]]))
