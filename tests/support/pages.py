"""The pages of the documentation, and the tests that they name."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def load(path: Path) -> ModuleType:
    """Import a script that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named_tests(text: str) -> list[str]:
    """Return the tests that a text names in backticks: ``tests/path.py::test_name``, or with a class between."""
    return re.findall(r"`(tests/[^`]+)`", text)


def is_there(test: str) -> bool:
    """Return whether a named test exists, inside the class that is named, or in the module itself."""
    file, *names = test.split("::")
    path = ROOT / file
    body: list[ast.stmt] = ast.parse(path.read_text()).body if path.is_file() else []
    for name in names:
        found = [one for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name == name]
        body = found[0].body if found else []
    return bool(body) and bool(names) and names[-1].startswith("test_")
