"""Where coefficients apply: the whole model, groups of blocks, single blocks, and modules in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evomerge.errors import RecipeError, nearest
from merging.names import block_index, is_before_blocks, module_kind

_FORM = re.compile(r"(?:global|layer|group:([1-9]\d*))(?:\+module(?:\+other)?)?|chunks:([1-9]\d*)")
_EXAMPLES = (
    "global", "global+module", "global+module+other", "group:4", "group:4+module", "layer", "layer+module", "chunks:16",
)  # fmt: skip
_MODULES = ("attention", "mlp")
_OTHER = "other"


@dataclass(frozen=True)
class Granularity:
    """Slots in depth-major order; with ``per_module``, attention comes before mlp inside each depth group.

    Args:
        blocks_per_group: blocks that share a value; None means all of them.
        per_module: separate values for attention and mlp tensors.
        chunks: number of chunks of equal importance instead, see :mod:`merging.chunks`; None otherwise.
        other: with ``per_module``, tensors that are neither (norms of blocks, embeddings, final norm, head) have a
            value of their own behind the two, instead of their mean.
    """

    blocks_per_group: int | None
    per_module: bool
    chunks: int | None = None
    other: bool = False

    @classmethod
    def parse(cls, text: str) -> Granularity:
        """Read ``global``, ``group:K`` or ``layer``, optionally with ``+module`` or ``+module+other``, or ``chunks:N``.

        Raises:
            RecipeError: the text has none of these forms.
        """
        match = _FORM.fullmatch(text)
        if not match:
            raise RecipeError(
                "recipe.granularity",
                f"found {text!r}, expected 'global', 'group:K' or 'layer', optionally with '+module' or "
                "'+module+other', or 'chunks:N'",
                nearest(text, _EXAMPLES),
            )
        if match.group(2):
            return cls(None, False, int(match.group(2)))
        size = None if text.startswith("global") else int(match.group(1) or 1)
        return cls(size, "+module" in text, other=text.endswith("+other"))

    def __str__(self) -> str:
        """Return the text form."""
        if self.chunks is not None:
            return f"chunks:{self.chunks}"
        depth = {None: "global", 1: "layer"}.get(self.blocks_per_group, f"group:{self.blocks_per_group}")
        return depth + ("+module" if self.per_module else "") + ("+other" if self.other else "")

    @property
    def modules(self) -> tuple[str, ...]:
        """Kinds of tensors that have values of their own inside a depth group, in slot order; empty without."""
        if not self.per_module:
            return ()
        return (*_MODULES, _OTHER) if self.other else _MODULES

    def groups(self, num_blocks: int) -> tuple[range, ...]:
        """Return the blocks of each depth group, in order."""
        size = self.blocks_per_group or num_blocks
        return tuple(range(first, min(first + size, num_blocks)) for first in range(0, num_blocks, size))

    def num_slots(self, num_blocks: int) -> int:
        """Return how many values one coefficient has for a model of ``num_blocks`` blocks."""
        if self.chunks is not None:
            return self.chunks
        return len(self.groups(num_blocks)) * max(1, len(self.modules))

    def slot_labels(self, num_blocks: int) -> list[str]:
        """Return one readable label per slot, such as ``blocks 0-5 attention``."""
        if self.chunks is not None:
            return [f"chunk {index}" for index in range(self.chunks)]
        labels = []
        for blocks in self.groups(num_blocks):
            depth = "all blocks" if self.blocks_per_group is None else _block_label(blocks)
            labels += [f"{depth} {module}" for module in self.modules] or [depth]
        return labels

    def slots_of(self, tensor_name: str, num_blocks: int) -> tuple[int, ...]:
        """Return the slots whose mean value applies to a tensor.

        Embeddings behave like the first block, the final norm and the head like the last one. With
        modules, tensors that are neither attention nor mlp take the mean of both unless they have their own
        value. Chunks can cut through a tensor, so their slots come from :class:`merging.chunks.ChunkPlan` instead.
        """
        block = block_index(tensor_name)
        kind = module_kind(tensor_name) if block is not None else None
        if block is None:
            block = 0 if is_before_blocks(tensor_name) else num_blocks - 1
        group = 0 if self.blocks_per_group is None else block // self.blocks_per_group
        if not self.per_module:
            return (group,)
        first = group * len(self.modules)
        if kind is None:
            return (first + len(_MODULES),) if self.other else tuple(range(first, first + len(_MODULES)))
        return (first + _MODULES.index(kind),)


def _block_label(blocks: range) -> str:
    return f"block {blocks[0]}" if len(blocks) == 1 else f"blocks {blocks[0]}-{blocks[-1]}"
