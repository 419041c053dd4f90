"""Nothing that we keep or read is a pickle, which runs code when it is opened."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "evals", "evomerge", "experiments", "merging", "optimizer", "workers", "examples", "benchmarks")
MODULES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
CALLS = {("torch", "load"), ("torch", "save"), ("pandas", "read_pickle"), ("pd", "read_pickle")}


def pickles_in(source: str) -> Iterator[str]:
    """Find what opens pickles: imports of their modules, calls of readers, numpy told to allow them."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names if one.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                found = {(module, one.name) for one in names} & CALLS
                if module.partition(".")[0] in MODULES or found:
                    yield module
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in CALLS:
                yield f"{owner}.{name}"
            case ast.keyword(arg="allow_pickle", value=value) if not (
                isinstance(value, ast.Constant) and value.value is False
            ):
                yield "allow_pickle"


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_of_ours_opens_one(room: str) -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / room).rglob("*.py")
        if (names := list(pickles_in(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from cloudpickle import loads", "import torch\ntorch.load('x')", "from torch import load",
        "import numpy\nnumpy.load('x', allow_pickle=True)", "def f():\n    import joblib.numpy_pickle",
    ],
)  # fmt: skip
def test_the_search_finds_them(source: str) -> None:
    assert list(pickles_in(source))
