"""Compiled loops come from the cache without the compiler's libraries, and use what the processor has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from llvmlite.binding import get_host_cpu_features

# Merges with the methods named, and prints which of the modules that only compiling needs were loaded.
MERGES = """
import sys
from pathlib import Path
from merging.oneshot import merge_file

root = Path(sys.argv[1])
for method in sys.argv[3:]:
    merge_file(root / f"{method}.yml", root / sys.argv[2] / method)
print(*sorted({"scipy.linalg", "numba.np.arrayobj", "numba.misc.quicksort"} & sys.modules.keys()))
"""
OPTIONS = {"della": {"density": 0.5, "epsilon": 0.2}, "sce": {}}


def test_what_is_compiled_already_loads_without_what_compiling_needs(
    tmp_path: Path, tiny_llama: Callable[..., Path]
) -> None:
    base, *experts = (tiny_llama(tmp_path / name, seed=seed) for seed, name in enumerate(("base", "a", "b")))
    methods = ("linear", "ties", "dare_ties", "breadcrumbs", "della", "sce")
    for method in methods:
        each = OPTIONS.get(method, {"density": 0.5})
        config = {
            "merge_method": method,
            "base_model": str(base),
            "models": [{"model": str(expert), "parameters": {"weight": 0.5} | each} for expert in experts],
            "parameters": {"select_topk": 0.5} if method == "sce" else {},
        }
        if method == "linear":
            del config["base_model"]
        (tmp_path / f"{method}.yml").write_text(yaml.safe_dump(config))

    def loaded(out: str) -> str:
        words = [sys.executable, "-c", MERGES, str(tmp_path), out, *methods]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    loaded("first")
    assert loaded("again") == ""


LOOP = """
import numpy as np
from merging.compiled import compiled

@compiled
def double(values):
    for i in range(len(values)):
        values[i] = values[i] * np.float32(2.0)

double(np.ones(8, np.float32))
print("zmm" in double.inspect_asm(double.signatures[0]))
"""


@pytest.mark.skipif(not get_host_cpu_features().get("avx512vbmi2"), reason="registers are narrower, or slow when wide")
@pytest.mark.parametrize(("asked", "wide"), [({}, "True"), ({"NUMBA_CPU_FEATURES": "+avx2"}, "False")])
def test_loops_use_whole_registers_unless_the_user_asks_for_others(
    tmp_path: Path, asked: dict[str, str], wide: str
) -> None:
    path = tmp_path / "loop.py"
    path.write_text(LOOP)
    done = subprocess.run([sys.executable, path], env=os.environ | asked, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == wide
