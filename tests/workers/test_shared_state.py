"""Two workers of one node have in memory once what merging prepares."""

from __future__ import annotations

import math
import os
import re
import signal
import time
from pathlib import Path

import pytest

from evals.tasks import TaskDefinition
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from merging.shared import leases
from workers.config import WorkerConfig
from workers.worker import start_worker

MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (?P<inode>\d+) +(?P<path>/.*)$")
TIES = Recipe("ties", ("north", "south"), coefficients={"density": {"north": (0.4,), "south": (0.7,)}})


def shared_mappings(pid: int) -> dict[str, dict[str, int]]:
    """Return what a process maps of the shared state: by path, inode and sizes in kB."""
    found: dict[str, dict[str, int]] = {}
    current: dict[str, int] | None = None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if header := MAPPING.match(line):
            inside = str(leases.root()) in header["path"]
            current = found.setdefault(header["path"], {"inode": int(header["inode"])}) if inside else None
        elif re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            current = None
        elif current is not None and line.endswith(" kB"):
            field, size = line.removesuffix(" kB").split(":")
            current[field] = current.get(field, 0) + int(size)
    return found


def gone(paths: list[str]) -> bool:
    deadline = time.monotonic() + 60
    while any(Path(path).exists() for path in paths):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def config(tiny: tuple[ModelRef, tuple[ModelRef, ...]], tasks: tuple[TaskDefinition, ...]) -> WorkerConfig:
    base, experts = tiny
    return WorkerConfig(base, experts[:2], tasks, engine="transformers", max_model_len=256)


def test_two_workers_share_the_pages_and_killed_ones_leave_nothing(ray_cluster: None, config: WorkerConfig) -> None:
    import ray

    first, second = (start_worker(config) for _ in range(2))
    one, other = ray.get([worker.score.remote(TIES, "search") for worker in (first, second)])
    assert one.items == other.items
    pids = ray.get([worker.pid.remote() for worker in (first, second)])
    mine, theirs = map(shared_mappings, pids)
    # A tensor that one of them finished last may still be its own; everything else is the same files.
    both = mine.keys() & theirs.keys()
    assert all(mine[path]["inode"] == theirs[path]["inode"] for path in both)
    assert len(mine.keys() ^ theirs.keys()) <= 4 < len(both)
    models = ModelSet.open(config.base, config.experts)
    touched = [name for expert in models.experts for name in models.adapter(expert.name).touched()]
    vectors = 4 * sum(math.prod(models.tensor_info(name).shape) for name in touched)
    # Task vectors, and sorted magnitudes of the same size.
    assert sum(mine[path]["Size"] for path in both) * 1024 > 0.9 * 2 * vectors
    # A page that only one of them has touched so far counts as that one's.
    private = sum(found[path]["Private_Dirty"] for found in (mine, theirs) for path in both)
    assert private < 0.1 * sum(mine[path]["Size"] for path in both)
    assert sum(one["Shared_Clean"] + one["Shared_Dirty"] for one in mine.values()) > 0

    os.kill(pids[0], signal.SIGKILL)
    ray.kill(first)
    again = ray.get(second.score.remote(TIES, "search"))
    assert again.items == other.items
    assert all(Path(path).exists() for path in theirs)
    os.kill(pids[1], signal.SIGKILL)
    assert gone(list(theirs))
    ray.kill(second)
