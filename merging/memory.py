"""What a resident merge keeps in memory, computed from names and shapes alone; nothing is read.

The bytes per element are those of ``merging.task_vectors`` and of the operators' docstrings. Change them together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from merging.models import ModelSet
from merging.operators import Operator, get_operator
from merging.task_vectors import may_change

FP32 = 4
# Per element and expert in a search, beside the task vectors; see the operators' docstrings.
_STATE: Mapping[str, int] = {
    "breadcrumbs": 4,
    "breadcrumbs_ties": 4,
    "consensus": 1,
    "dare_linear": 2,
    "dare_ties": 2,
    "della": 4,
    "della_linear": 4,
    "localize_and_stitch": 4,
    "sce": 8,
    "ties": 4,
}
# Where an operator's docstring gives no number: nothing for a weighted sum, sorted magnitudes or positions for a sort,
# a second copy and its factors for matrix algebra and what calibration collects.
_ASSUMED: Mapping[str, int] = {"linear": 0, "sort": 4}
_ASSUMED_OTHERWISE = 8


@dataclass(frozen=True)
class MergeMemory:
    """Bytes that merging takes; all but the workspace is there once for all processes of a node that share it.

    Attributes:
        mapped: base and experts that stay memory-mapped files, which all processes of a node share.
        task_vectors: fp32 task vectors.
        operator_state: what operators keep for every coefficient.
        workspace: merged tensors on their way into the engine, one per thread of a process.
        assumed: methods whose state is not known but assumed.
    """

    mapped: int
    task_vectors: int
    operator_state: int
    workspace: int
    assumed: tuple[str, ...]


def merge_memory(models: ModelSet, methods: Sequence[str], threads: int) -> MergeMemory:
    """Return what a ``Materializer`` holds once it has prepared recipes of some methods.

    Args:
        models: base and experts.
        methods: names of operators.
        threads: tensors that are merged at a time.
    """
    operators = [get_operator(method) for method in methods]
    vectors, state, largest = 0, 0, 0
    changes = [
        files
        for name, files in models.weight_files().items()
        if name != models.base.name and not _is_full(models, name)
    ]
    mapped = sum(path.stat().st_size for files in changes for path in files)
    for name in models.tensor_names():
        info = models.tensor_info(name)
        mapped += info.nbytes
        if not models.is_merged(name):
            continue
        elements = math.prod(info.shape)
        largest = max(largest, elements)
        changing = [expert.name for expert in models.experts if may_change(models, expert.name, name)]
        stored = info.dtype == torch.bfloat16 and all(_is_full(models, expert) for expert in changing)
        mapped += info.nbytes * len(changing) * stored
        if not stored or not all(operator.by_span for operator in operators):
            vectors += FP32 * elements * len(changing)
        state += sum(state_bytes(operator) for operator in operators) * elements * len(changing)
    assumed = tuple(operator.name for operator in operators if operator.name not in _STATE and state_bytes(operator))
    return MergeMemory(mapped, vectors, state, FP32 * largest * threads, assumed)


def state_bytes(operator: Operator) -> int:
    """Return the bytes per element and expert that an operator keeps beside the task vectors."""
    return _STATE.get(operator.name, _ASSUMED.get(operator.cost, _ASSUMED_OTHERWISE))


def _is_full(models: ModelSet, expert: str) -> bool:
    return not models.is_adapter(expert) and not models.is_pack(expert)
