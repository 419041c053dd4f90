"""Where coefficients apply: the whole model, groups of blocks, single blocks, and modules in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evomerge.errors import RecipeError, nearest
from merging.names import block_index, is_before_blocks, module_kind

_FORM = re.compile(r"(?:global|layer|group:([1-9]\d*))(?:\+module)?|chunks:([1-9]\d*)")
_EXAMPLES = ("global", "global+module", "group:4", "group:4+module", "layer", "layer+module", "chunks:16")
_MODULES = ("attention", "mlp")


@dataclass(frozen=True)
class Granularity:
    """Slots in depth-major order; with ``per_module``, attention comes before mlp inside each depth group.

    Args:
        blocks_per_group: blocks that share a value; None means all of them.
        per_module: separate values for attention and mlp tensors.
        chunks: number of chunks of equal importance instead, see :mod:`merging.chunks`; None otherwise.
    """

    blocks_per_group: int | None
    per_module: bool
    chunks: int | None = None

    @classmethod
    def parse(cls, text: str) -> Granularity:
        """Read ``global``, ``group:K`` or ``layer``, each optionally followed by ``+module``, or ``chunks:N``.

        Raises:
            RecipeError: the text has none of these forms.
        """
        match = _FORM.fullmatch(text)
        if not match:
            raise RecipeError(
                "recipe.granularity",
                f"found {text!r}, expected 'global', 'group:K' or 'layer', optionally with '+module', or 'chunks:N'",
                nearest(text, _EXAMPLES),
            )
        if match.group(2):
            return cls(None, False, int(match.group(2)))
        size = None if text.startswith("global") else int(match.group(1) or 1)
        return cls(size, text.endswith("+module"))

    def __str__(self) -> str:
        """Return the text form."""
        if self.chunks is not None:
            return f"chunks:{self.chunks}"
        depth = {None: "global", 1: "layer"}.get(self.blocks_per_group, f"group:{self.blocks_per_group}")
        return depth + ("+module" if self.per_module else "")

    def num_slots(self, num_blocks: int) -> int:
        """Return how many values one coefficient has for a model of ``num_blocks`` blocks."""
        if self.chunks is not None:
            return self.chunks
        return self._groups(num_blocks) * (len(_MODULES) if self.per_module else 1)

    def slot_labels(self, num_blocks: int) -> list[str]:
        """Return one readable label per slot, such as ``blocks 0-5 attention``."""
        if self.chunks is not None:
            return [f"chunk {index}" for index in range(self.chunks)]
        labels = []
        for group in range(self._groups(num_blocks)):
            depth = self._group_label(group, num_blocks)
            labels += [f"{depth} {module}" for module in _MODULES] if self.per_module else [depth]
        return labels

    def slots_of(self, tensor_name: str, num_blocks: int) -> tuple[int, ...]:
        """Return the slots whose mean value applies to a tensor.

        Embeddings behave like the first block, the final norm and the head like the last one. With
        modules, tensors that are neither attention nor mlp take the mean of both. Chunks can cut through
        a tensor, so their slots come from :class:`merging.chunks.ChunkPlan` instead.
        """
        block = block_index(tensor_name)
        kind = module_kind(tensor_name) if block is not None else None
        if block is None:
            block = 0 if is_before_blocks(tensor_name) else num_blocks - 1
        group = 0 if self.blocks_per_group is None else block // self.blocks_per_group
        if not self.per_module:
            return (group,)
        first = group * len(_MODULES)
        if kind is None:
            return tuple(range(first, first + len(_MODULES)))
        return (first + _MODULES.index(kind),)

    def _groups(self, num_blocks: int) -> int:
        return 1 if self.blocks_per_group is None else -(-num_blocks // self.blocks_per_group)

    def _group_label(self, group: int, num_blocks: int) -> str:
        if self.blocks_per_group is None:
            return "all blocks"
        first = group * self.blocks_per_group
        last = min(first + self.blocks_per_group, num_blocks) - 1
        return f"block {first}" if first == last else f"blocks {first}-{last}"
