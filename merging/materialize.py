"""From recipes to weights: the one place where operators meet models."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError, nearest
from merging.blocks import BLOCK, is_finite_within, spans
from merging.coefficients import options_of, values_of
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.operators import Operator, get_operator
from merging.operators.base import Kernel, Prepared, TensorInputs
from merging.recipe import Recipe
from merging.validation import validate_recipe

_StateKey = tuple[str, tuple[str, ...], tuple[tuple[str, bool | str | int | float], ...], int]
KEPT_STATES = 4


class Materializer:
    """Turns recipes into checkpoint tensors, with everything that coefficients cannot change kept in memory.

    Memory: 4 bytes per element and expert for the fp32 task vectors of tensors that an expert changes,
    shared by all operators, plus what operators keep (TIES 4 bytes, DARE 2 bytes per element and expert).
    The base stays a memory-mapped file. The four most recently used operator states are kept.

    Not safe for use from several threads at once.
    """

    def __init__(self, models: ModelSet) -> None:
        """Take the models; nothing is read before the first recipe."""
        self.models = models
        self._deltas: dict[tuple[str, str], Tensor | None] = {}
        self._bases: dict[str, Tensor] = {}
        self._states: OrderedDict[_StateKey, dict[str, Prepared]] = OrderedDict()

    def prepare(self, recipe: Recipe) -> None:
        """Do all work for a recipe that does not depend on its coefficients; doing it again costs nothing.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
        """
        self._check(recipe)
        self._state(recipe)

    def tensors(self, recipe: Recipe) -> Iterator[tuple[str, Tensor]]:
        """Yield every checkpoint tensor by its Hugging Face name, merged in fp32 and rounded once.

        Each tensor has the dtype of the base's tensor. Where a merge changes nothing, the base's own
        memory-mapped tensor is yielded: copy it before writing to it.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
            Infeasible: a merged value is not finite in its dtype, or the operator refuses the coefficients.
        """
        self._check(recipe)
        return self._merged(recipe, self._state(recipe))

    def _merged(self, recipe: Recipe, state: dict[str, Prepared]) -> Iterator[tuple[str, Tensor]]:
        operator = get_operator(recipe.method)
        granularity = Granularity.parse(recipe.granularity)
        models = _ordered(operator, recipe.models)
        scratch = torch.empty(BLOCK, dtype=torch.float32)
        for name in self.models.tensor_names():
            prepared = state.get(name)
            if prepared is None:
                yield name, self._base(name)
                continue
            slots = granularity.slots_of(name, self.models.num_blocks)
            try:
                kernel = operator.kernel(prepared, values_of(recipe, models, slots))
                merged = self._base(name) if kernel is None else _run(kernel, self._base(name), scratch)
            except Infeasible as error:
                raise Infeasible(f"{name} in recipe {recipe.digest()} ({recipe.method}): {error}") from error
            yield name, merged

    def _check(self, recipe: Recipe) -> None:
        validate_recipe(recipe, self.models.num_blocks)
        known = [expert.name for expert in self.models.experts]
        for model in recipe.models:
            if model not in known:
                raise RecipeError("recipe.models", f"no expert is named {model!r}", nearest(model, known))

    def _state(self, recipe: Recipe) -> dict[str, Prepared]:
        operator = get_operator(recipe.method)
        options = options_of(recipe)
        models = _ordered(operator, recipe.models)
        key = (operator.name, models, tuple(sorted(options.items())), recipe.seed if operator.seeded else 0)
        if key not in self._states:
            while len(self._states) >= KEPT_STATES:
                self._states.popitem(last=False)
            self._states[key] = operator.prepare_all(self._inputs(models, recipe.seed), options)
        self._states.move_to_end(key)
        return self._states[key]

    def _inputs(self, models: tuple[str, ...], seed: int) -> list[TensorInputs]:
        return [
            TensorInputs(name, self._base(name), models, tuple(self._delta(name, model) for model in models), seed)
            for name in self.models.tensor_names()
            if self.models.is_merged(name)
        ]

    def _base(self, name: str) -> Tensor:
        if name not in self._bases:
            self._bases[name] = self.models.base_tensor(name)
        return self._bases[name]

    def _delta(self, name: str, model: str) -> Tensor | None:
        if (name, model) not in self._deltas:
            self._deltas[name, model] = self.models.delta(name, model)
        return self._deltas[name, model]


def _ordered(operator: Operator, models: tuple[str, ...]) -> tuple[str, ...]:
    """Sort experts by name where their order means nothing, so that summation order cannot differ either."""
    return models if operator.ordered else tuple(sorted(models))


def _run(kernel: Kernel, base: Tensor, scratch: Tensor) -> Tensor:
    """Compute one merged tensor block by block and round it to the dtype of the base."""
    merged = torch.empty_like(base, memory_format=torch.contiguous_format)
    flat = merged.view(-1)
    limit = torch.finfo(base.dtype).max
    for span in spans(base.numel()):
        block = scratch[: span.stop - span.start]
        kernel(span, block)
        if not is_finite_within(block, limit):
            raise Infeasible(f"a merged value is not finite in {base.dtype}")
        flat[span] = block
    return merged
