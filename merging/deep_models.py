"""A set of models seen with another number of blocks."""

from __future__ import annotations

import torch
from torch import Tensor

from merging.checkpoints import TensorInfo
from merging.coefficients import steps_of
from merging.depth import check_stackable, config_with_blocks, is_output_projection, with_block
from merging.models import ModelSet
from merging.names import block_index
from merging.operators import get_operator
from merging.operators.inputs import Factors
from merging.operators.layer_path import path_of
from merging.recipe import Recipe
from merging.validation import validate_recipe


class DeepModels(ModelSet):
    """The same open models, whose merges have ``depth`` blocks.

    Blocks beyond the base's own add nothing: they are its last block with the output projections at zero, so a
    merge that does not compose depth is the same function at any greater depth. An engine of fixed depth can
    then run every shorter path. Use :func:`with_depth`.
    """

    def __init__(self, models: ModelSet, depth: int) -> None:
        """Take over the open files of ``models``."""
        self.__dict__.update(models.__dict__)
        self._depth = depth
        last = self.num_blocks - 1
        self.config = config_with_blocks(models.config, [min(block, last) for block in range(depth)])
        blocks: dict[int | None, list[str]] = {}
        for name in models.tensor_names():
            blocks.setdefault(block_index(name), []).append(name)
        names = [*blocks[None], *(name for block in range(min(depth, last + 1)) for name in blocks[block])]
        names += [with_block(name, block) for block in range(last + 1, depth) for name in blocks[last]]
        self._names = tuple(sorted(names))

    @property
    def depth(self) -> int:
        """Blocks of a merged model."""
        return self._depth

    def is_appended(self, name: str) -> bool:
        """Return whether a tensor belongs to a block that the base does not have."""
        block = block_index(name)
        return block is not None and block >= self.num_blocks

    def tensor_info(self, name: str) -> TensorInfo:
        """See :meth:`ModelSet.tensor_info`."""
        return super().tensor_info(self._origin(name))

    def is_merged(self, name: str) -> bool:
        """See :meth:`ModelSet.is_merged`."""
        return super().is_merged(self._origin(name))

    def base_tensor(self, name: str) -> Tensor:
        """See :meth:`ModelSet.base_tensor`."""
        tensor = super().base_tensor(self._origin(name))
        return torch.zeros_like(tensor) if self.is_appended(name) and is_output_projection(name) else tensor

    def delta(self, name: str, expert: str) -> Tensor | None:
        """See :meth:`ModelSet.delta`."""
        return None if self.is_appended(name) else super().delta(name, expert)

    def stored(self, name: str, expert: str) -> Tensor | None:
        """See :meth:`ModelSet.stored`."""
        return None if self.is_appended(name) else super().stored(name, expert)

    def factors(self, name: str, expert: str) -> Factors | None:
        """See :meth:`ModelSet.factors`."""
        return None if self.is_appended(name) else super().factors(name, expert)

    def _origin(self, name: str) -> str:
        return with_block(name, self.num_blocks - 1) if self.is_appended(name) else name


def with_depth(models: ModelSet, depth: int | None) -> ModelSet:
    """Return the models as a set whose merges have ``depth`` blocks; None leaves them as they are.

    Raises:
        ModelError: the architecture's blocks cannot be rearranged.
    """
    if depth is None or depth == models.depth:
        return models
    check_stackable(f"model {models.base.name}", models.config, models.tensor_names())
    return DeepModels(models, depth)


def as_deep_as(models: ModelSet, recipe: Recipe) -> ModelSet:
    """Return the models as a set whose merges have as many blocks as a recipe makes.

    Raises:
        RecipeError: the recipe is not valid.
        ModelError: it composes depth and the architecture's blocks cannot be rearranged.
        Infeasible: its path is empty.
    """
    validate_recipe(recipe, models.num_blocks)
    if not get_operator(recipe.method).composes_depth:
        return models
    steps = steps_of(recipe, models.num_blocks)
    return with_depth(models, len(path_of(steps, len(recipe.models), models.num_blocks)))
