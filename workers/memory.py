"""Too little memory, said in numbers: before an engine starts, and when an allocation fails."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from evomerge.errors import EngineError
from workers.config import WorkerConfig

GIB = 2**30
_NUMBER_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
# Version 2 of control groups: the limit that a container or a batch job runs under.
_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")


def available_bytes() -> int:
    """Return the memory that this process can still take, within the limit of its container."""
    free = int(psutil.virtual_memory().available)
    limit = _LIMIT.read_text().strip() if _LIMIT.is_file() else "max"
    return free if limit == "max" else min(free, int(limit) - int(_USED.read_text()))


def check_room(config: WorkerConfig) -> None:
    """Refuse to start an engine on the CPU whose weights and caches alone are more than what is free here.

    It needs more than that, so an engine that passes can still fail; task vectors are not counted.

    Raises:
        EngineError: with the numbers.
        ModelError: the base cannot be opened.
    """
    if not config.on_cpu:
        return
    from merging.models import ModelSet

    models = ModelSet.open(config.base, ())
    numbers = sum(math.prod(models.tensor_info(name).shape) for name in models.tensor_names())
    weights = numbers * _NUMBER_BYTES[config.dtype]
    # vLLM packs linear weights for the processor and keeps what a merge is written into beside them.
    needed = 2 * weights + (config.kv_cache_gib or 1.0) * GIB if config.engine == "vllm" else weights
    free = available_bytes()
    if needed > free:
        raise EngineError(
            f"a worker needs at least {needed / GIB:.1f} GiB ({numbers / 1e6:.0f} M weights in {config.dtype}, "
            f"engine: {config.engine}), and {free / GIB:.1f} GiB are free on this node: free some, lower "
            "workers.count, or take a smaller base"
        )


@contextmanager
def explained() -> Iterator[None]:
    """Turn an allocation that failed in the block into an error that says how much there is and what helps.

    Raises:
        EngineError: in place of ``MemoryError`` and PyTorch's errors of that kind.
    """
    try:
        yield
    except Exception as error:
        if not _lacks_memory(error):
            raise
        raise EngineError(
            f"out of memory ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}); "
            f"{_left()}: lower workers.count or workers.max_model_len, or give workers more room"
        ) from error


def _lacks_memory(error: BaseException | None) -> bool:
    while error is not None:
        # PyTorch's allocator on the CPU raises a plain RuntimeError.
        if isinstance(error, MemoryError) or _is_cuda(error) or "can't allocate memory" in str(error):
            return True
        error = error.__cause__
    return False


def _is_cuda(error: BaseException) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def _left() -> str:
    torch: Any = sys.modules.get("torch")
    found = f"{available_bytes() / GIB:.1f} GiB of memory are free on this node"
    if torch is not None and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        found += f", {free / GIB:.1f} of {total / GIB:.1f} GiB of the GPU's"
    return found
