"""What the nodes that workers will run on have: memory, cores, GPUs."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from evomerge.errors import EngineError
from merging.shared.items import checked_root, free_bytes
from optimizer.cluster import ray_cluster
from workers.config import WorkerConfig

# Version 2 of control groups: the limit that a container or a batch job runs under.
_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Node:
    """One machine.

    Attributes:
        name: host name, or address in a cluster.
        memory: bytes that processes of this node can have in all.
        free: bytes of it that are free now; None in a cluster, whose head does not know.
        cpus: cores that workers may be placed on; None where cores limit nothing, which is so on this machine.
        gpus: GPUs.
        gpu_memory: bytes of the smallest GPU; None in a cluster.
        shareable: bytes that its workers can have in common beside files (``merging.shared``); None in a cluster.
    """

    name: str
    memory: int
    free: int | None
    cpus: float | None
    gpus: float
    gpu_memory: int | None
    shareable: int | None = None


def find_nodes(config: WorkerConfig) -> tuple[Node, ...]:
    """Return the nodes of the cluster of RAY_ADDRESS, or this machine.

    Raises:
        EngineError: the cluster cannot be reached.
        InvalidInput: EVOMERGE_SHARED_STATE names no directory.
    """
    if not os.environ.get("RAY_ADDRESS"):
        return (_this_machine(config),)
    import ray

    with ray_cluster(num_cpus=0):
        return tuple(_member(node) for node in ray.nodes() if node["Alive"])


def nodes_behind(dashboard: str) -> tuple[Node, ...]:
    """Return the nodes of the cluster whose dashboard is at an address, such as ``http://ray-head:8265``.

    Raises:
        EngineError: it does not answer.
    """
    from ray.util.state import list_nodes

    try:
        found = list_nodes(address=dashboard, filters=[("state", "=", "ALIVE")])
    except Exception as error:  # whatever Ray's client raises: no cluster, no answer, no permission
        raise EngineError(f"the Ray cluster at {dashboard} does not answer: {error}") from error
    return tuple(_member({"Resources": one.resources_total, "NodeManagerAddress": one.node_ip}) for one in found)


def _this_machine(config: WorkerConfig) -> Node:
    memory = psutil.virtual_memory()
    limit = _LIMIT.read_text().strip() if _LIMIT.is_file() else "max"
    total = memory.total if limit == "max" else min(memory.total, int(limit))
    count, smallest = (0, None) if config.on_cpu else _gpus()
    root = checked_root()
    shareable = 0 if root is None else free_bytes(root.parent)
    return Node(socket.gethostname(), total, min(total, memory.available), None, count, smallest, shareable)


def _gpus() -> tuple[int, int | None]:
    import torch

    sizes = [torch.cuda.get_device_properties(number).total_memory for number in range(torch.cuda.device_count())]
    return len(sizes), min(sizes, default=None)


def _member(node: dict[str, Any]) -> Node:
    resources = node["Resources"]
    return Node(
        name=str(node["NodeManagerAddress"]),
        memory=int(resources.get("memory", 0)),
        free=None,
        cpus=resources.get("CPU", 0),
        gpus=resources.get("GPU", 0),
        gpu_memory=None,
    )
