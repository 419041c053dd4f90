"""Compiling functions with numba once per machine, and loading what is compiled without what compiling needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import config
from numba.core.caching import FunctionCache
from numba.core.codegen import get_host_cpu_features
from numba.core.runtime import rtsys


def _use_whole_registers() -> None:
    """Have loops use registers of 512 bits on Intel processors that slow down for them no more, Ice Lake and later.

    LLVM prefers half of them there. A loop that does some arithmetic takes a quarter less time with all.
    """
    features = get_host_cpu_features()
    if config.CPU_FEATURES is None and "+avx512vbmi2" in features:
        config.CPU_FEATURES = f"{features},-prefer-256-bit"


_use_whole_registers()


class _Loaded(FunctionCache):  # type: ignore[misc]
    """Numba's cache of compiled functions.

    Numba fills its compiler's tables before it looks into a cache, and imports scipy's linear algebra for them: half a
    second, as much as some merges take, for code that is compiled already. A compilation fills them itself.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        # What it does need: the functions that manage memory.
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function that runs without the interpreter's lock; division by zero gives infinity.

    Nothing is contracted but where it says so, so that all machines give the same bits.
    """
    dispatcher = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    dispatcher._cache = _Loaded(function)
    return dispatcher
