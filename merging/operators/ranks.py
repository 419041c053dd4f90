"""Ranks of magnitudes within rows."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from merging.blocks import BLOCK
from merging.counting import LONGEST_ROW, rank_rows
from merging.operators.base import Options, TensorInputs
from merging.vectors import Vector

_INDEX = 0xFFFFFFFF
_MOST_16 = 1 << 15


def row_length(tensor: TensorInputs, options: Options) -> int:
    """Return how many elements are ranked together: the last dimension, or with the scope ``tensor`` all."""
    whole = options["threshold_scope"] == "tensor" or tensor.base.ndim < 2
    return tensor.base.numel() if whole else tensor.base.shape[-1]


def magnitude_ranks(vector: Vector, length: int, *, as_torch: bool = False) -> Tensor:
    """Return each element's rank by magnitude among the ``length`` elements of its row, ascending from 0.

    Equal magnitudes rank in the order of their positions.

    Args:
        vector: a task vector.
        length: divides the number of elements.
        as_torch: equal magnitudes rank in the order in which torch's unstable sort leaves them, which is slow.

    Returns:
        Flat; int16 for rows of at most 32768 elements, else int32.
    """
    ranks = torch.empty(len(vector), dtype=torch.int16 if length <= _MOST_16 else torch.int32)
    if length <= LONGEST_ROW and not as_torch:
        rank_rows(vector, length, ranks.numpy())
        return ranks
    rows, ranks = vector[:].view(-1, length), ranks.view(-1, length)
    ascending = torch.arange(length, dtype=ranks.dtype)
    position = np.arange(length, dtype=np.uint64)
    step = math.ceil(BLOCK / length)
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        order = torch.argsort(rows[part].abs(), dim=1) if as_torch else _order(rows[part], position)
        ranks[part].scatter_(1, order, ascending.expand(order.shape))
    return ranks.view(-1)


def _order(rows: Tensor, position: npt.NDArray[np.uint64]) -> Tensor:
    """Return the indices that sort the magnitudes of each row, stably."""
    # Bit patterns of magnitudes are ordered as they are; the position below them settles ties and comes along.
    keys = rows.abs().numpy().view(np.uint32).astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= position
    keys.sort(axis=1)
    keys &= np.uint64(_INDEX)
    return torch.from_numpy(keys.view(np.int64))
