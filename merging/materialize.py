"""From recipes to weights: the one place where operators meet models."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError, nearest
from merging.blocks import BLOCK, is_finite_within, spans
from merging.chunks import ChunkPlan, Piece, plan_chunks
from merging.coefficients import options_of, values_of
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.names import block_index
from merging.operators import Operator, get_operator
from merging.operators.base import Kernel, MergeInputs, Options, Prepared, TensorInputs, Values
from merging.recipe import Recipe
from merging.validation import validate_recipe

Key = TypeVar("Key")
Result = TypeVar("Result")

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
        self._pool: ThreadPoolExecutor | None = None

    def prepare(self, recipe: Recipe) -> None:
        """Do all work for a recipe that does not depend on its coefficients; doing it again costs nothing.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
        """
        self._state(self._resolve(recipe))

    def tensors(self, recipe: Recipe) -> Iterator[tuple[str, Tensor]]:
        """Yield every checkpoint tensor by its Hugging Face name, merged in fp32 and rounded once.

        Each tensor has the dtype of the base's tensor. Where a merge changes nothing, the base's own
        memory-mapped tensor is yielded: copy it before writing to it.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
            Infeasible: a merged value is not finite in its dtype, or the operator refuses the coefficients.
        """
        merge = self._resolve(recipe)
        state = self._state(merge)

        def merged(name: str) -> tuple[str, Tensor]:
            if not self.models.is_merged(name):
                return name, self._base(name)
            return name, self._merged(merge, state, name)

        return self._in_order(merged, self.models.tensor_names(), merge.operator)

    def _merged(self, merge: _Merge, state: _State, name: str) -> Tensor:
        prepared = state.prepared.get(name) or self._prepared(merge, state.survey, name)
        base = prepared.inputs.base
        try:
            kernels = [
                (piece, merge.operator.kernel(prepared, values)) for piece, values in self._pieces(merge, name, base)
            ]
            return _run(kernels, base, self._profile(merge.recipe, name))
        except Infeasible as error:
            recipe = merge.recipe
            raise Infeasible(f"{name} in recipe {recipe.digest()} ({recipe.method}): {error}") from error

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
            prepared = self._in_order(lambda name: self._prepared(merge, survey, name), inputs.names, operator)
            self._states[key] = _State(survey, {one.inputs.name: one for one in prepared})
        self._states.move_to_end(key)
        return self._states[key]

    def _prepared(self, merge: _Merge, survey: Any, name: str) -> Prepared:
        tensor = self._tensor_inputs(merge, name)
        return Prepared(tensor, merge.options, merge.operator.prepare(tensor, merge.options, survey))

    def _inputs(self, merge: _Merge) -> MergeInputs:
        return MergeInputs(
            tuple(name for name in self.models.tensor_names() if self.models.is_merged(name)),
            merge.models,
            self.models.num_blocks,
            lambda name: self._tensor_inputs(merge, name),
            merge.recipe.seed,
            self.models,
            once=self._once(merge),
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

    def _once(self, merge: _Merge) -> bool:
        return not self._resident and merge.granularity.chunks is None

    def _tensor_values(self, merge: _Merge, name: str) -> Values:
        return values_of(merge.recipe, merge.models, merge.granularity.slots_of(name, self.models.num_blocks))

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

    def _profile(self, recipe: Recipe, name: str) -> float:
        """Return the LiNeS factor (2410.17146) of a tensor."""
        merge = values_of(recipe, (), (0,)).merge
        alpha, beta = merge["lines_alpha"], merge["lines_beta"]
        block, last = block_index(name), self.models.num_blocks - 1
        return alpha if block is None or not last else alpha + beta * block / last

    def _base(self, name: str) -> Tensor:
        if not self._resident:
            return self.models.base_tensor(name)
        if name not in self._bases:
            self._bases[name] = self.models.base_tensor(name)
        return self._bases[name]

    def _delta(self, name: str, model: str) -> Tensor | None:
        if not self._resident:
            return self.models.delta(name, model)
        if (name, model) not in self._deltas:
            self._deltas[name, model] = self.models.delta(name, model)
        return self._deltas[name, model]

    def _in_order(
        self, function: Callable[[Key], Result], items: Iterable[Key], operator: Operator
    ) -> Iterator[Result]:
        """Map on all threads; results come in order, and few are kept waiting."""
        threads = torch.get_num_threads() if operator.cost in ("linear", "sort") else 1
        if threads == 1:
            yield from map(function, items)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(threads, thread_name_prefix="merge")
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _ordered(operator: Operator, models: tuple[str, ...]) -> tuple[str, ...]:
    """Sort experts by name where their order means nothing, so that summation order cannot differ either."""
    return models if operator.ordered else tuple(sorted(models))


def _run(kernels: list[tuple[Piece, Kernel | None]], base: Tensor, profile: float) -> Tensor:
    """Compute one merged tensor block by block and round it to the dtype of the base."""
    if profile == 0.0 or all(kernel is None for _, kernel in kernels):
        return base
    merged = torch.empty_like(base, memory_format=torch.contiguous_format)
    flat, source = merged.view(-1), base.reshape(-1)
    scratch = torch.empty(BLOCK, dtype=torch.float32)
    limit = torch.finfo(base.dtype).max
    for piece, kernel in kernels:
        for span in spans(piece.stop, piece.start):
            block = scratch[: span.stop - span.start]
            if kernel is None:
                flat[span] = source[span]
                continue
            kernel(span, block)
            if profile != 1.0:
                block.sub_(source[span]).mul_(profile).add_(source[span])
            if not is_finite_within(block, limit):
                raise Infeasible(f"a merged value is not finite in {base.dtype}")
            flat[span] = block
    return merged
