"""Blocks of search items: stratified, disjoint, in a seeded order; and which of them a generation uses."""

from __future__ import annotations

import numpy as np

from optimizer.search.interface import Positions

# Smaller blocks need fewer item evaluations, but every candidate costs a merge as well.
ITEMS_PER_BLOCK = 24
_ITEMS_PER_TASK = 4


def default_block_size(tasks: Positions) -> int:
    """Return how many items a block should hold: 24, or 4 of every task if that is more."""
    return max(ITEMS_PER_BLOCK, _ITEMS_PER_TASK * len(np.unique(tasks)))


def cut_blocks(tasks: Positions, block_size: int, seed: int) -> tuple[Positions, ...]:
    """Cut items into disjoint blocks in which every task has its share.

    Block sizes differ by at most one item. There are never more blocks than items of the smallest task, so that every
    block has all tasks and one block's fitness means the same as another's.

    Args:
        tasks: task index of every item, shape (n,).
        block_size: wanted number of items of a block, at least 1; the blocks come as near to it as equal ones can.
        seed: of the order within each task.

    Returns:
        Sorted positions of every block.
    """
    random = np.random.default_rng(seed)
    groups = [random.permutation(np.nonzero(tasks == task)[0]) for task in np.unique(tasks)]
    count = max(1, min(round(len(tasks) / block_size), *(len(group) for group in groups)))
    # Dealt out in turn, each task going on where the one before stopped: the remainders are spread as well.
    dealt = np.concatenate(groups)
    return tuple(np.sort(dealt[block::count]) for block in range(count))


class Rotation:
    """The order in which blocks are used: a new shuffle of all blocks in every round.

    Args:
        blocks: how many there are.
        seed: of the shuffles.
        rotate: False stays with the first block for ever, which is what a fixed subset of the items is.
    """

    def __init__(self, blocks: int, seed: int, *, rotate: bool = True) -> None:
        self._blocks = blocks
        self._seed = seed
        self._rotate = rotate

    def take(self, start: int, count: int) -> tuple[int, ...]:
        """Return ``count`` different blocks from place ``start`` of the endless order on.

        Where a stretch crosses from one round into the next, blocks that it already has are passed over.
        """
        count = min(count, self._blocks)
        if not self._rotate:
            return tuple(range(count))
        taken: list[int] = []
        place = start
        while len(taken) < count:
            block = self._at(place)
            place += 1
            if block not in taken:
                taken.append(block)
        return tuple(taken)

    def _at(self, place: int) -> int:
        round_number, index = divmod(place, self._blocks)
        shuffle = np.random.default_rng([self._seed, round_number]).permutation(self._blocks)
        return int(shuffle[index])
