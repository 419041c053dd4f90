"""Checks that prove a machine can run experiments, from installed packages to an engine that is killed and replaced."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evomerge.errors import InvalidInput

GIB = 2**30
SHARED_MEMORY = Path("/dev/shm")
# Ray's object store, and what the ranks of a tensor-parallel engine share.
_SHARED_BYTES = GIB // 2


@dataclass(frozen=True)
class Check:
    """One finding; ``fix`` says what to do, and is None where ``ok``."""

    name: str
    ok: bool
    finding: str
    fix: str | None = None


def examine(store_url: str) -> Iterator[Check]:
    """Yield every check as soon as it is done, cheap ones first; all of them take about a minute."""
    yield from (_packages(), _memory(), _shared_memory(), _disk())
    yield _guard("devices", _devices, "install the PyTorch and vLLM builds for this machine's GPU and driver")
    yield _guard("store", lambda: _store(store_url), "give another --store, or run 'evomerge doctor' where it is")
    from evomerge.engine_proof import EngineProof

    with EngineProof() as proof:
        reinstall = f"install {proof.engine} again, with the versions of deploy/requirements-cpu.txt"
        yield _guard("engine", proof.start, reinstall)
        if not proof.started:
            return
        yield _guard("weights", proof.follow_weights, reinstall)
        yield _guard("recovery", proof.survive_kill, "look into Ray's logs in /tmp/ray/session_latest/logs")
        yield _guard("fresh engine", proof.equal_fresh_engine, reinstall)


def _guard(name: str, probe: Callable[[], str], fix: str) -> Check:
    try:
        return Check(name, True, probe())
    except InvalidInput as error:
        return Check(name, False, f"{error.field}: {error.problem}", error.fix)
    except Exception as error:  # a doctor reports every failure, whatever it is
        return Check(name, False, f"{type(error).__name__}: {error}", fix)


def _check(name: str, ok: bool, finding: str, fix: str) -> Check:
    return Check(name, ok, finding, None if ok else fix)


def _packages() -> Check:
    from optimizer.versions import versions

    found = ", ".join(f"{name} {version}" for name, version in versions().items())
    return _check("packages", sys.version_info >= (3, 11), found, "use Python 3.11 or newer")


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    finding = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    return _check("memory", memory.available > 3 * GIB, finding, "close programs: an engine needs at least 3 GiB")


def _shared_memory() -> Check:
    if not SHARED_MEMORY.is_dir():
        return Check("shared memory", True, f"{platform.system()} has no {SHARED_MEMORY}")
    usage = shutil.disk_usage(SHARED_MEMORY)
    finding = f"{usage.free / GIB:.1f} of {usage.total / GIB:.1f} GiB free in {SHARED_MEMORY}"
    fix = f"make {SHARED_MEMORY} larger (docker run --shm-size=2g): Ray and tensor-parallel engines need 0.5 GiB"
    return _check("shared memory", usage.free > _SHARED_BYTES, finding, fix)


def _disk() -> Check:
    folder = tempfile.gettempdir()
    usage = shutil.disk_usage(folder)
    finding = f"{usage.free / GIB:.1f} GiB free in {folder}"
    # Ray refuses work on a disk that is 95 % full.
    enough = usage.free > max(2 * GIB, 0.05 * usage.total)
    return _check("disk", enough, finding, "free some space, or set TMPDIR: Ray stops at a disk that is 95 % full")


def _devices() -> str:
    import torch

    cores = f"{os.cpu_count()} cores ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"
    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        return f"{cores}; " + ", ".join(f"{one.name} with {one.total_memory / GIB:.0f} GiB" for one in found)
    if shutil.which("nvidia-smi"):
        raise RuntimeError(f"{cores}; there is an NVIDIA driver, and PyTorch {torch.__version__} cannot use its GPUs")
    return f"{cores}, no GPU"


def _store(url: str) -> str:
    from experiments.store import Store

    with Store.open(url) as store:
        return f"{url} answers and holds {len(store.list_experiments(limit=1000))} experiments"
