"""From recipes to weights: the one place where operators meet models."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import Infeasible, ModelError, RecipeError, nearest
from merging.blocks import is_finite
from merging.chunks import ChunkPlan, Piece, plan_chunks
from merging.coefficients import lines_factor, options_of, steps_of, values_of
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.names import block_index
from merging.operators import Operator, get_operator
from merging.operators.base import LINES, MergeInputs, Options, Prepared, TensorInputs, Values
from merging.operators.kernels import write_piece
from merging.recipe import Recipe
from merging.threads import Recycled, Threads
from merging.validation import validate_recipe

_StateKey = tuple[str, tuple[str, ...], tuple[tuple[str, bool | str | int | float], ...], int]
KEPT_STATES = 4


@dataclass(frozen=True)
class _Merge:
    """One recipe, resolved against the models."""

    recipe: Recipe
    operator: Operator
    models: tuple[str, ...]
    options: Options
    granularity: Granularity
    dtype: torch.dtype | None = None


@dataclass(frozen=True)
class _State:
    """What stays the same for every recipe of a merge: statistics of the model, and tensors prepared so far."""

    survey: Any
    prepared: dict[str, Prepared]


class Materializer:
    """Turns recipes into checkpoint tensors.

    Resident (the default), it keeps everything that coefficients cannot change in memory: 4 bytes per element
    and expert for the fp32 task vectors of tensors that an expert changes, shared by all operators, plus what
    operators keep (TIES 4 bytes, DARE 2 bytes per element and expert). The base stays a memory-mapped file.
    The four most recently used operator states are kept.

    Not resident, it reads, merges and forgets tensor by tensor, as a single merge wants: the peak is the
    largest tensor in fp32 times the number of models and of threads, plus what the operator's survey keeps.

    Tensors are merged by as many threads as torch uses. Not safe for use from several threads at once.
    """

    def __init__(self, models: ModelSet, *, resident: bool = True) -> None:
        """Take the models; nothing is read before the first recipe."""
        self.models = models
        self._resident = resident
        self._deltas: dict[tuple[str, str], Tensor | None] = {}
        self._bases: dict[str, Tensor] = {}
        self._states: OrderedDict[_StateKey, _State] = OrderedDict()
        self._chunks: dict[tuple[tuple[str, ...], int], ChunkPlan] = {}
        self._threads = Threads()
        self._recycled = Recycled() if resident else None

    def prepare(self, recipe: Recipe) -> None:
        """Do all work for a recipe that does not depend on its coefficients; doing it again costs nothing.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
        """
        self._state(self._resolve(recipe))

    def prepared(self, recipe: Recipe) -> Iterable[Prepared]:
        """Return what :meth:`prepare` keeps for a recipe, one entry for each merged tensor; none where not resident."""
        return self._state(self._resolve(recipe)).prepared.values()

    def check(self, recipe: Recipe) -> None:
        """Check a recipe without reading weights.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
        """
        self._resolve(recipe)

    def tensors(self, recipe: Recipe, *, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield every checkpoint tensor by its Hugging Face name, merged in fp32 and rounded once.

        Each merged tensor has ``dtype``, or that of the base's tensor. Where a merge changes nothing, the
        base's own memory-mapped tensor is yielded: copy it before writing to it.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
            ModelError: an expert holds NaN or infinity.
            Infeasible: a merged value is not finite in its dtype, or the operator refuses the coefficients.
        """
        merge = replace(self._resolve(recipe), dtype=dtype)
        return self._merged(merge, self._state(merge))

    def _merged(self, merge: _Merge, state: _State) -> Iterator[tuple[str, Tensor]]:
        def prepared(name: str) -> Prepared | None:
            if not self._is_merged(merge.operator, name):
                return None
            return state.prepared.get(name) or self._prepared(merge, state.survey, name)

        def run(item: tuple[str, Prepared | None]) -> tuple[str, Tensor]:
            name, ready = item
            return name, self._base(name) if ready is None else self._run(merge, name, ready)

        names = self.models.tensor_names()
        if state.prepared:
            yield from self._threads.map(run, ((name, prepared(name)) for name in names), self._bytes)
        elif wants_all_cores(merge.operator):
            yield from self._threads.map(run, ((name, prepared(name)) for name in names))
        else:
            yield from self._threads.map(lambda name: run((name, prepared(name))), names)

    def _bytes(self, item: tuple[str, Prepared | None]) -> int:
        """Return the memory that a merged tensor takes beside the models; the base's own takes none."""
        return 0 if item[1] is None else item[1].inputs.base.nbytes

    def _run(self, merge: _Merge, name: str, prepared: Prepared) -> Tensor:
        """Compute one merged tensor block by block and round it to the dtype of the base."""
        base = prepared.inputs.base
        profile = self._profile(merge, name)
        try:
            kernels = [
                (piece, merge.operator.kernel(prepared, values)) for piece, values in self._pieces(merge, name, base)
            ]
            if profile == 0.0 or all(kernel is None for _, kernel in kernels):
                return base if merge.dtype is None else base.to(merge.dtype)
            merged = self._empty(base, merge.dtype or base.dtype)
            for piece, kernel in kernels:
                write_piece(piece, kernel, base.reshape(-1), merged.view(-1), profile)
        except Infeasible as error:
            recipe = merge.recipe
            raise Infeasible(f"{name} in recipe {recipe.digest()} ({recipe.method}): {error}") from error
        return merged

    def _profile(self, merge: _Merge, name: str) -> float:
        if not any(parameter.name in merge.recipe.coefficients for parameter in LINES):
            return 1.0
        return lines_factor(values_of(merge.recipe, (), (0,)), name, self.models.num_blocks)

    def _empty(self, base: Tensor, dtype: torch.dtype) -> Tensor:
        if self._recycled is None or dtype != base.dtype:
            return torch.empty(base.shape, dtype=dtype)
        return self._recycled.empty_like(base)

    def _resolve(self, recipe: Recipe) -> _Merge:
        validate_recipe(recipe, self.models.num_blocks)
        known = [expert.name for expert in self.models.experts]
        for model in recipe.models:
            if model not in known:
                raise RecipeError("recipe.models", f"no expert is named {model!r}", nearest(model, known))
        operator = get_operator(recipe.method)
        models = _ordered(operator, recipe.models)
        return _Merge(recipe, operator, models, options_of(recipe), Granularity.parse(recipe.granularity))

    def _state(self, merge: _Merge) -> _State:
        operator, options = merge.operator, merge.options
        seed = merge.recipe.seed if operator.seeded else 0
        key = (operator.name, merge.models, tuple(sorted(options.items())), seed)
        if not self._resident:
            return _State(operator.survey(self._inputs(merge), options), {})
        if key not in self._states:
            while len(self._states) >= KEPT_STATES:
                self._states.popitem(last=False)
            inputs = self._inputs(merge)
            survey = operator.survey(inputs, options)
            self._states[key] = _State(
                survey, {one.inputs.name: one for one in self._prepare_all(merge, survey, inputs)}
            )
        self._states.move_to_end(key)
        return self._states[key]

    def _prepare_all(self, merge: _Merge, survey: Any, inputs: MergeInputs) -> Iterable[Prepared]:
        if wants_all_cores(merge.operator):
            return (self._prepared(merge, survey, name) for name in inputs.names)
        return self._threads.map(lambda name: self._prepared(merge, survey, name), inputs.names)

    def _prepared(self, merge: _Merge, survey: Any, name: str) -> Prepared:
        tensor = self._tensor_inputs(merge, name)
        return Prepared(tensor, merge.options, merge.operator.prepare(tensor, merge.options, survey))

    def _inputs(self, merge: _Merge) -> MergeInputs:
        return MergeInputs(
            tuple(name for name in self.models.tensor_names() if self._is_merged(merge.operator, name)),
            merge.models,
            self.models.num_blocks,
            lambda name: self._tensor_inputs(merge, name),
            merge.recipe.seed,
            self.models,
            self._once(merge),
            self.models.depth,
            {name: math.prod(self.models.tensor_info(name).shape) for name in self.models.tensor_names()},
        )

    def _tensor_inputs(self, merge: _Merge, name: str) -> TensorInputs:
        models = merge.models
        return TensorInputs(
            name,
            self._base(name),
            models,
            tuple(self._delta(name, model) for model in models),
            merge.recipe.seed,
            tuple(self.models.factors(name, model) for model in models) if merge.operator.needs_factors else (),
            self._tensor_values(merge, name) if self._once(merge) else None,
            self.models.config,
        )

    def _is_merged(self, operator: Operator, name: str) -> bool:
        """Return whether an operator sees a tensor; blocks that the base lacks concern only those for depth."""
        beyond = (block_index(name) or 0) >= self.models.num_blocks
        return self.models.is_merged(name) and (operator.composes_depth or not beyond)

    def _once(self, merge: _Merge) -> bool:
        return not self._resident and merge.granularity.chunks is None

    def _tensor_values(self, merge: _Merge, name: str) -> Values:
        num_blocks = self.models.num_blocks
        if merge.operator.composes_depth:
            return replace(values_of(merge.recipe, merge.models, (0,)), steps=steps_of(merge.recipe, num_blocks))
        return values_of(merge.recipe, merge.models, merge.granularity.slots_of(name, num_blocks))

    def _pieces(self, merge: _Merge, name: str, base: Tensor) -> list[tuple[Piece, Values]]:
        if merge.granularity.chunks is None:
            return [(Piece(0, base.numel(), 0), self._tensor_values(merge, name))]
        pieces = self._chunk_plan(merge).pieces[name]
        return [(piece, values_of(merge.recipe, merge.models, (piece.slot,))) for piece in pieces]

    def _chunk_plan(self, merge: _Merge) -> ChunkPlan:
        count = merge.granularity.chunks or 1
        key = (tuple(sorted(merge.models)), count)
        if key not in self._chunks:
            self._chunks[key] = plan_chunks(self._inputs(merge), count)
        return self._chunks[key]

    def _base(self, name: str) -> Tensor:
        if not self._resident:
            return self.models.base_tensor(name)
        if name not in self._bases:
            self._bases[name] = self.models.base_tensor(name)
        return self._bases[name]

    def _delta(self, name: str, model: str) -> Tensor | None:
        if (name, model) in self._deltas:
            return self._deltas[name, model]
        delta = finite(self.models.delta(name, model), model, name)
        if self._resident:
            self._deltas[name, model] = delta
        return delta


def finite(delta: Tensor | None, model: str, name: str) -> Tensor | None:
    """Return an expert's change to a tensor as it is.

    Raises:
        ModelError: it holds NaN or infinity, which a selection, a clamp or a failed decomposition would hide from
            the check of the result.
    """
    if delta is not None and not is_finite(delta):
        raise ModelError(
            f"model {model}", f"its change to {name} holds NaN or infinite values", "repair it or leave it out"
        )
    return delta


def wants_all_cores(operator: Operator) -> bool:
    """Return whether preparing a tensor is matrix algebra that uses every core by itself."""
    return operator.cost not in ("linear", "sort")


def _ordered(operator: Operator, models: tuple[str, ...]) -> tuple[str, ...]:
    """Sort experts by name where their order means nothing, so that summation order cannot differ either."""
    return models if operator.ordered else tuple(sorted(models))
