"""From recipes to weights: the one place where operators meet models."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from merging.chunks import ChunkPlan, Piece, plan_chunks
from merging.fitted import FittedRecipe
from merging.live import LiveWeights, bind_places
from merging.loops import Flat
from merging.models import ModelSet
from merging.names import block_index
from merging.operators import Operator
from merging.operators.base import MergeInputs, Prepared, TensorInputs
from merging.parts import Part, bind
from merging.recipe import Recipe
from merging.shared.items import SharedState
from merging.states import State, items_of, prepare_state, wants_all_cores
from merging.task_vectors import TaskVectors
from merging.threads import Recycled, Threads
from merging.turns import Named, Turn, bound

if TYPE_CHECKING:
    from merging.gpu.plan import GpuWriter

_StateKey = tuple[str, tuple[str, ...], tuple[tuple[str, bool | str | int | float], ...], int]
KEPT_STATES = 4


class Materializer:
    """Turns recipes into checkpoint tensors.

    Resident (the default), it keeps everything that coefficients cannot change in memory: 4 bytes per element
    and expert for the fp32 task vectors of tensors that an expert changes, shared by all operators, plus what
    operators keep (TIES 4 bytes, DARE 2 bytes per element and expert). The base stays a memory-mapped file, and so
    do full bf16 experts of operators that read task vectors by span. The four most recently used operator states
    are kept.

    Not resident, it reads, merges and forgets tensor by tensor, as a single merge wants: the peak is the
    largest tensor in fp32 times the number of models and of threads, plus what the operator's survey keeps.

    Tensors are merged by as many threads as torch uses. Not safe for use from several threads at once.
    """

    def __init__(
        self,
        models: ModelSet,
        *,
        resident: bool = True,
        gpu_budget: int | None = None,
        shared: SharedState | None = None,
        threads: Threads | None = None,
    ) -> None:
        """Take the models; nothing is read before the first recipe.

        Args:
            models: what recipes name.
            resident: see above.
            gpu_budget: bytes that may be kept on the GPU whose weights are written, beside those; what does not fit
                is copied there for every candidate. None keeps everything.
            shared: where the processes of this node have in common what is kept resident; None keeps it private. The
                merges are the same to the last bit.
            threads: that merge; None starts new ones.
        """
        self.models = models
        self._shared = shared if resident else None
        self._gpu_budget = gpu_budget
        self._resident = resident
        self._vectors = TaskVectors(models, resident=resident, shared=self._shared)
        self._states: OrderedDict[_StateKey, State] = OrderedDict()
        self._chunks: dict[tuple[tuple[str, ...], int], ChunkPlan] = {}
        self._threads = threads or Threads()
        self._recycled = Recycled() if resident else None
        self._gpu: GpuWriter | None = None

    def prepare(self, recipe: Recipe) -> None:
        """Do all work for a recipe that does not depend on its coefficients; doing it again costs nothing.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
        """
        self._state(self._fitted(recipe))

    def prepared(self, recipe: Recipe) -> Iterable[Prepared]:
        """Return what :meth:`prepare` keeps for a recipe, one entry for each merged tensor; none where not resident."""
        return self._state(self._fitted(recipe)).prepared.values()

    def is_prepared(self, recipe: Recipe) -> bool:
        """Return whether :meth:`prepare` has nothing left to do for a recipe."""
        return self._key(self._fitted(recipe)) in self._states

    def check(self, recipe: Recipe) -> None:
        """Check a recipe without reading weights.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
        """
        self._fitted(recipe)

    def tensors(self, recipe: Recipe, *, dtype: torch.dtype | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield every checkpoint tensor by its Hugging Face name, merged in fp32 and rounded once.

        Each merged tensor has ``dtype``, or that of the base's tensor. Where a merge changes nothing, the
        base's own memory-mapped tensor is yielded: copy it before writing to it.

        Raises:
            RecipeError: the recipe fits neither its operator nor these models.
            ModelError: an expert holds NaN or infinity.
            Infeasible: a merged value is not finite in its dtype, or the operator refuses the coefficients.
        """
        merge = replace(self._fitted(recipe), dtype=dtype)
        return self._merged(merge, self._state(merge))

    def write(
        self,
        recipe: Recipe,
        live: LiveWeights,
        names: Iterable[str] | None = None,
        *,
        told: Callable[[str, bool], None] = lambda name, changed: None,
    ) -> set[str]:
        """Merge straight into an engine's weights, rounded once as :meth:`tensors` does.

        A tensor that the merge leaves as the base has it is not written where ``live.at_base`` says that it is there
        already. After an error the weights are a mixture; ``live.at_base`` stays true. On a GPU this returns when the
        work is done.

        Args:
            recipe: what to merge.
            live: where to.
            names: of the tensors to write, taken one by one while others are computed; None writes all.
            told: called for each of them that has a place, with whether it was written, by the thread that wrote it and
                at once; on a GPU at the end.

        Returns:
            Names of the tensors that were written.

        Raises:
            RecipeError, ModelError, Infeasible: see :meth:`tensors`.
        """
        merge = self._fitted(recipe)
        state = self._state(merge)
        wanted = self.models.tensor_names() if names is None else names
        written: set[str] = set()
        if self._computes_on_gpu(live):
            wanted = tuple(wanted)
            written = self._write_on_gpu(merge, state, wanted, live)
            for name in filter(live.places.get, wanted):
                told(name, name in written)
            return written

        def turn(name: str) -> Turn[bool]:
            ready, base = self._ready(merge, state, name), self._vectors.base(name)

            def bind_all() -> Callable[[], bool]:
                return bind_places(base, None if ready is None else self._parts(merge, name, ready), name, live)

            write = bound(merge, name, bind_all)

            def run() -> bool:
                changed = write()
                told(name, changed)
                return changed

            return Turn(name, ready, run)

        turns = (turn(name) for name in wanted if live.places.get(name))
        written.update(name for name, changed in self._threads.map(Turn.take, turns, Turn.nbytes) if changed)
        return written

    def _computes_on_gpu(self, live: LiveWeights) -> bool:
        return live.device.type != "cpu"

    def _write_on_gpu(self, merge: FittedRecipe, state: State, names: tuple[str, ...], live: LiveWeights) -> set[str]:
        from merging.gpu.places import Item
        from merging.gpu.plan import Candidate, GpuWriter

        def item(name: str) -> Item:
            base, ready = self._vectors.base(name), self._ready(merge, state, name)
            slotted = [] if ready is None else self._slotted(merge, name, base)
            return Item(name, base, ready, [(slice(piece.start, piece.stop), slots) for piece, slots in slotted])

        if self._gpu is None:
            self._gpu = GpuWriter(live.device, self._gpu_budget)
        # What is prepared for one candidate alone serves no other.
        key = self._key(merge) if self._resident else object()
        candidate = Candidate(merge.operator, merge.values_in, merge.profile if merge.has_profile else None)
        with Named(merge.recipe, "a tensor"):
            written, rest = self._gpu.begin(
                (key, merge.granularity, names), live, candidate, lambda: [item(n) for n in names if live.places.get(n)]
            )
        # While the GPU is at work.
        turns = (self._turn(merge, name, self._ready(merge, state, name)) for name in rest)
        for name, merged in self._threads.map(Turn.take, turns, Turn.nbytes):
            live.at_base.discard(name)
            for place in live.places[name]:
                place.copy(merged)
            written.add(name)
        with Named(merge.recipe, "a tensor"):
            self._gpu.finish()
        return written

    def _ready(self, merge: FittedRecipe, state: State, name: str) -> Prepared | None:
        if ready := state.prepared.get(name):
            return ready
        return self._prepared(merge, state.survey, name) if self._is_merged(merge.operator, name) else None

    def _merged(self, merge: FittedRecipe, state: State) -> Iterator[tuple[str, Tensor]]:
        names = self.models.tensor_names()
        turns = (self._turn(merge, name, self._ready(merge, state, name)) for name in names)
        if state.prepared:
            yield from self._threads.map(Turn.take, turns, Turn.nbytes)
        elif wants_all_cores(merge.operator):
            yield from self._threads.map(Turn.take, turns)
        else:
            yield from self._threads.map(
                lambda name: self._turn(merge, name, self._ready(merge, state, name)).take(), names
            )

    def _turn(self, merge: FittedRecipe, name: str, prepared: Prepared | None) -> Turn[Tensor]:
        """Return the turn of one merged tensor, computed block by block and rounded to the dtype of the base."""
        base = self._vectors.base(name)
        if prepared is None:
            return Turn(name, None, lambda: base)
        kept = prepared

        def bind_all() -> Callable[[], Tensor]:
            parts = self._parts(merge, name, kept)
            if parts is None:
                return lambda: base if merge.dtype is None else base.to(merge.dtype)
            merged = self._empty(base, merge.dtype or base.dtype)
            work = bind(parts, slice(0, base.numel()), Flat(merged.view(-1)))

            def run() -> Tensor:
                for one in work:
                    one()
                return merged

            return run

        return Turn(name, prepared, bound(merge, name, bind_all))

    def _parts(self, merge: FittedRecipe, name: str, prepared: Prepared) -> list[Part] | None:
        """Bind the coefficients of one tensor; None says that it stays the base's."""
        inputs, profile = prepared.inputs, merge.profile(name)
        parts = [
            Part(
                slice(piece.start, piece.stop),
                merge.operator.kernel(prepared, merge.values_in(slots)),
                inputs.flat,
                profile,
            )
            for piece, slots in self._slotted(merge, name, inputs.base)
        ]
        return None if profile == 0.0 or all(part.kernel is None for part in parts) else parts

    def _empty(self, base: Tensor, dtype: torch.dtype) -> Tensor:
        if self._recycled is None or dtype != base.dtype:
            return torch.empty(base.shape, dtype=dtype)
        return self._recycled.empty_like(base)

    def _fitted(self, recipe: Recipe) -> FittedRecipe:
        return FittedRecipe.of(recipe, self.models)

    # Some methods learn by gradients, and engines write without them.
    @torch.enable_grad()
    def _state(self, merge: FittedRecipe) -> State:
        operator, options = merge.operator, merge.options
        if not self._resident:
            return State(operator.survey(self._inputs(merge), options), {})
        key = self._key(merge)
        if key not in self._states:
            while len(self._states) >= KEPT_STATES:
                forgotten, _ = self._states.popitem(last=False)
                if self._gpu is not None:
                    self._gpu.forget(forgotten)
            items = None if self._shared is None else items_of(operator, options, key, self.models, self._shared)
            self._states[key] = prepare_state(operator, options, self._inputs(merge), self._threads, items)
        self._states.move_to_end(key)
        return self._states[key]

    @staticmethod
    def _key(merge: FittedRecipe) -> _StateKey:
        seed = merge.recipe.seed if merge.operator.seeded else 0
        return merge.operator.name, merge.models, tuple(sorted(merge.options.items())), seed

    def _prepared(self, merge: FittedRecipe, survey: Any, name: str) -> Prepared:
        tensor = self._tensor_inputs(merge, name)
        return Prepared(tensor, merge.options, merge.operator.prepare(tensor, merge.options, survey))

    def _inputs(self, merge: FittedRecipe) -> MergeInputs:
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

    def _tensor_inputs(self, merge: FittedRecipe, name: str) -> TensorInputs:
        models = merge.models
        return TensorInputs(
            name,
            self._vectors.base(name),
            models,
            self._vectors.of(name, models, by_span=merge.operator.by_span),
            merge.recipe.seed,
            tuple(self.models.factors(name, model) for model in models) if merge.operator.needs_factors else (),
            merge.values_in(merge.slots(name)) if self._once(merge) else None,
            self.models.config,
        )

    def _is_merged(self, operator: Operator, name: str) -> bool:
        """Return whether an operator sees a tensor; blocks that the base lacks concern only those for depth."""
        beyond = (block_index(name) or 0) >= self.models.num_blocks
        return self.models.is_merged(name) and (operator.composes_depth or not beyond)

    def _once(self, merge: FittedRecipe) -> bool:
        return not self._resident and merge.granularity.chunks is None

    def _slotted(self, merge: FittedRecipe, name: str, base: Tensor) -> list[tuple[Piece, tuple[int, ...]]]:
        """Return the pieces of one tensor, each with the slots whose coefficients apply."""
        if merge.granularity.chunks is None:
            return [(Piece(0, base.numel(), 0), merge.slots(name))]
        return [(piece, (piece.slot,)) for piece in self._chunk_plan(merge).pieces[name]]

    def _chunk_plan(self, merge: FittedRecipe) -> ChunkPlan:
        count = merge.granularity.chunks or 1
        key = (tuple(sorted(merge.models)), count)
        if key not in self._chunks:
            self._chunks[key] = plan_chunks(self._inputs(merge), count)
        return self._chunks[key]
