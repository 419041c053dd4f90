"""How a worker's share of a GPU is divided between vLLM and what merging keeps there."""

from __future__ import annotations

from dataclasses import dataclass

from workers.config import WorkerConfig
from workers.footprint import GIB, Footprint

# vLLM's own default share of a GPU that it has to itself.
GPU_MEMORY_SHARE = 0.9
# Activations, CUDA graphs and the workspace of kernels, which vLLM measures for itself when it starts.
_ENGINE_WORKSPACE = 4 * GIB


@dataclass(frozen=True)
class GpuMemory:
    """One GPU of a worker.

    Attributes:
        utilization: fraction of the whole GPU that vLLM may use, KV cache included.
        mirror: bytes that merging may keep there beside vLLM; the rest is copied for every candidate.
        ahead: bytes in which the next candidate may be merged ahead; the rest is merged in its turn.
    """

    utilization: float
    mirror: int
    ahead: int = 0


def divide(config: WorkerConfig, needs: Footprint, total: int) -> GpuMemory:
    """Give merging what it would keep, as long as the engine has room for its weights and its longest text.

    Where the next candidate is merged ahead it comes first: what must then be copied for every candidate is copied
    while the one before is scored.

    Args:
        config: the worker; on a GPU.
        needs: of the worker, see :func:`workers.footprint.footprint`.
        total: bytes of the GPU.
    """
    share = GPU_MEMORY_SHARE * min(1.0, config.gpus) * total
    room = int(share) - sum(needs.device.values()) - min(_ENGINE_WORKSPACE, int(share) // 4)
    ahead = max(0, min(needs.device["weights"], room)) if config.ahead else 0
    mirror = max(0, min(needs.mirror, room - ahead))
    return GpuMemory((share - mirror - ahead) / total, mirror, ahead)
