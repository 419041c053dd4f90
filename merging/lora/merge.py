"""A recipe over LoRA adapters as one adapter: exact where the merge is linear, else its best low-rank approximation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError, nearest
from merging.blocks import is_finite
from merging.coefficients import lines_factor, options_of, values_of
from merging.granularity import Granularity
from merging.lora.combine import concatenated, distance, low_rank, truncated
from merging.lora.write import AdapterWeights, checked_dtype, write_adapter
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.operators.arithmetic import normalized
from merging.operators.inputs import Factors
from merging.recipe import Recipe
from merging.staging import check_free, directory_size
from merging.threads import Threads
from merging.validation import validate_recipe

_AS_CHECKPOINT = "write this merge as a checkpoint with 'evomerge merge'"
LINEAR = ("linear", "task_arithmetic")


@dataclass(frozen=True)
class AdapterResult:
    """An adapter that was written.

    Args:
        path: its directory.
        ranks: of every changed linear layer, by checkpoint name.
        errors: Frobenius norm of what was lost over that of the merged task vector, by checkpoint name.
        error: the same over all linear layers together.
        saved: checkpoint names of tensors that are stored as a whole (``modules_to_save``).
        exact: nothing was truncated; what remains is one rounding to ``dtype``.
        dtype: of the stored tensors.
        bytes: size of the directory.
    """

    path: Path
    ranks: dict[str, int]
    errors: dict[str, float]
    error: float
    saved: tuple[str, ...]
    exact: bool
    dtype: str
    bytes: int


def merge_adapters(
    models: ModelSet,
    recipe: Recipe,
    out: Path,
    rank: int | None = None,
    *,
    dtype: str = "float32",
    progress: Callable[[str], None] = lambda name: None,
) -> AdapterResult:
    """Write a merge of adapters as an adapter.

    ``linear`` and ``task_arithmetic`` put the factors side by side (rank sum of ranks, exact) and are truncated
    only where ``rank`` asks for less. The merged task vector of any other method, or of coefficients that cut
    through tensors, is cut to ``rank`` by a singular value decomposition. Tensors that an adapter replaces as a
    whole are merged and replaced as a whole.

    Args:
        models: the base, and adapters only.
        recipe: the merge.
        out: directory to create; may exist if it is empty.
        rank: largest rank of a linear layer; None for no truncation.
        dtype: of the stored factors, ``float32``, ``bfloat16`` or ``float16``.
        progress: told the name of each tensor that is done.

    Raises:
        ModelError: an adapter holds NaN or infinity.
        RecipeError: the recipe is not valid, an expert is no adapter, a method needs a rank, or the merge cannot
            be expressed as an adapter.
        StateConflict: ``out`` exists and is not empty.
        Infeasible: the coefficients have no merge.
    """
    check_free(out)
    stored_as = checked_dtype(dtype)
    if rank is not None and rank < 1:
        raise RecipeError("rank", f"found {rank}, expected 1 or more", "use a rank of at least 1")
    _check_recipe(models, recipe)
    changes: Iterator[tuple[str, _Change]]
    if recipe.method in LINEAR and Granularity.parse(recipe.granularity).chunks is None:
        changes = _linear_changes(models, recipe)
    elif rank is None:
        raise RecipeError(
            "rank",
            f"{recipe.method} at granularity {recipe.granularity} has no exact adapter, and no rank is given",
            "give the rank of the adapter to write, or use linear or task_arithmetic",
        )
    else:
        changes = _dense_changes(models, recipe)
    content = _Content(stored_as, rank)
    # LAPACK on several threads is many times slower than on one for matrices as narrow as an adapter's.
    for name, stored in Threads().map(content.stored, changes):
        content.add(name, stored)
        progress(name)
    if not content.modules:
        raise RecipeError("recipe", "the merge changes no linear layer", "change the coefficients")
    _complete_saved(models, content.saved)
    _write(models, recipe, out, content)
    return content.result(out)


@dataclass(frozen=True)
class _Replacement:
    """The new value of a tensor that is stored as a whole."""

    value: Tensor


_Change = Factors | Tensor | _Replacement


@dataclass(frozen=True)
class _Stored:
    """Factors as they will be stored, whether nothing was cut off, and the norms of what is lost and of all."""

    factors: Factors
    whole: bool
    lost: tuple[float, float]


class _Content:
    """What the adapter will hold, rounded as it will be stored, and what that loses."""

    def __init__(self, dtype: torch.dtype, rank: int | None) -> None:
        self.dtype = dtype
        self._rank = rank
        self.modules: dict[str, Factors] = {}
        self.saved: dict[str, Tensor] = {}
        self._exact = True
        self._lost: dict[str, tuple[float, float]] = {}

    def stored(self, item: tuple[str, _Change]) -> tuple[str, _Stored | _Replacement]:
        """Cut the change of one tensor to the rank, round it, and measure what that loses."""
        name, change = item
        if isinstance(change, _Replacement):
            return name, change
        cut = _cut(change, self._rank)
        rounded = Factors(cut.b.to(self.dtype).float(), cut.a.to(self.dtype).float())
        if not (is_finite(rounded.a) and is_finite(rounded.b)):
            raise Infeasible(f"a merged factor of {name} is not finite in {self.dtype}")
        return name, _Stored(rounded, cut is change, distance(change, rounded))

    def add(self, name: str, stored: _Stored | _Replacement) -> None:
        """Take one tensor as it will be stored."""
        if isinstance(stored, _Replacement):
            self.saved[name] = stored.value
            return
        self.modules[name] = stored.factors
        self._lost[name] = stored.lost
        self._exact = self._exact and stored.whole

    def result(self, out: Path) -> AdapterResult:
        """Return the report of what was written."""
        total = math.hypot(*(whole for _, whole in self._lost.values()))
        return AdapterResult(
            out,
            {name: factors.a.shape[0] for name, factors in self.modules.items()},
            {name: miss / whole if whole else 0.0 for name, (miss, whole) in self._lost.items()},
            math.hypot(*(miss for miss, _ in self._lost.values())) / total if total else 0.0,
            tuple(sorted(self.saved)),
            self._exact,
            str(self.dtype).removeprefix("torch."),
            directory_size(out),
        )


def _linear_changes(models: ModelSet, recipe: Recipe) -> Iterator[tuple[str, _Change]]:
    """Yield what a linear merge makes of every tensor that an adapter changes."""
    experts = sorted(recipe.models)
    for name in filter(models.is_merged, models.tensor_names()):
        weights = _weights(models, recipe, name, experts)
        changed = [(weight, expert) for weight, expert in zip(weights, experts, strict=True) if weight]
        factors = [(weight, models.factors(name, expert)) for weight, expert in changed]
        if _is_low_rank(models, name, [expert for _, expert in changed]):
            terms = [(weight, one) for weight, one in factors if one is not None]
            if terms:
                yield name, concatenated(terms)
            continue
        value = models.base_tensor(name).float()
        for weight, expert in changed:
            delta = models.delta(name, expert)
            if delta is not None:
                value = value.add(delta, alpha=weight)
        yield name, _Replacement(value)


def _dense_changes(models: ModelSet, recipe: Recipe) -> Iterator[tuple[str, _Change]]:
    """Yield the merged fp32 task vector, or value, of every tensor that the merge changes."""
    # Rounding to the base's dtype would leave noise of full rank in the task vector.
    for name, merged in Materializer(models, resident=False).tensors(recipe, dtype=torch.float32):
        base = models.base_tensor(name)
        if not models.is_merged(name) or torch.equal(merged, base.float()):
            continue
        touching = [expert for expert in recipe.models if name in models.adapter(expert).touched()]
        if not touching:
            # Methods that weigh whole weights may leave rounding where all models agree.
            if torch.allclose(merged, base.float(), rtol=1e-5, atol=0.0):
                continue
            raise RecipeError(
                "recipe.method", f"{recipe.method} changes {name}, which none of the adapters changes", _AS_CHECKPOINT
            )
        low = _is_low_rank(models, name, touching)
        yield name, merged - base.float() if low else _Replacement(merged)


def _is_low_rank(models: ModelSet, name: str, experts: list[str]) -> bool:
    return not any(name in models.adapter(expert).replaced() for expert in experts)


def _cut(change: Factors | Tensor, rank: int | None) -> Factors:
    if isinstance(change, Tensor):
        return low_rank(change, rank or min(change.shape))
    return change if rank is None or change.a.shape[0] <= rank else truncated(change, rank)


def _weights(models: ModelSet, recipe: Recipe, name: str, experts: list[str]) -> list[float]:
    """Return the factor of each expert's task vector in a linear merge of one tensor, depth profile included."""
    slots = Granularity.parse(recipe.granularity).slots_of(name, models.num_blocks)
    values, options = values_of(recipe, experts, slots), options_of(recipe)
    weights = list(values.model["weight"])
    if options["normalize"]:
        weights = normalized(weights)
    if recipe.method == "task_arithmetic":
        weights = [values.merge["lambda"] * weight for weight in weights]
    elif abs(sum(weights) - 1.0) > 1e-9:
        raise RecipeError(
            "recipe.options.normalize",
            f"without it the weights of {name} sum to {sum(weights):g}, which scales the base itself",
            "set it to true, or use task_arithmetic",
        )
    profile = lines_factor(values, name, models.num_blocks)
    return [profile * weight for weight in weights]


def _complete_saved(models: ModelSet, saved: dict[str, Tensor]) -> None:
    """Add the tensors of replaced modules that did not change: PEFT stores a module whole."""
    replaced = {name.rpartition(".")[0] for name in saved}
    for name in models.tensor_names():
        if name not in saved and name.rpartition(".")[0] in replaced:
            saved[name] = models.base_tensor(name)


def _write(models: ModelSet, recipe: Recipe, out: Path, content: _Content) -> None:
    configs = [models.adapter(expert).config for expert in recipe.models]
    bases = {config.get("base_model_name_or_path") for config in configs}
    tasks = {config.get("task_type") for config in configs}
    base = bases.pop() if len(bases) == 1 else None
    write_adapter(
        out,
        AdapterWeights(content.modules, content.saved, bool(configs[0].get("fan_in_fan_out"))),
        base=base or models.base.path,
        names=models.tensor_names(),
        dtype=content.dtype,
        task=tasks.pop() if len(tasks) == 1 else None,
    )


def _check_recipe(models: ModelSet, recipe: Recipe) -> None:
    validate_recipe(recipe, models.num_blocks)
    known = [expert.name for expert in models.experts]
    for expert in recipe.models:
        if expert not in known:
            raise RecipeError("recipe.models", f"no expert is named {expert!r}", nearest(expert, known))
        if not models.is_adapter(expert):
            raise RecipeError(
                "recipe.models",
                f"{expert} is no LoRA adapter, so its change to the base has no low rank",
                _AS_CHECKPOINT,
            )
        models.adapter(expert).check_finite()
    if get_operator(recipe.method).composes_depth:
        raise RecipeError("recipe.method", f"{recipe.method} makes new blocks, which no adapter can", _AS_CHECKPOINT)
    if models.vocabulary is not None and models.vocabulary.remaps:
        raise RecipeError("tokenizer", "an adapter keeps the vocabulary of its base", _AS_CHECKPOINT)
    if len({bool(models.adapter(expert).config.get("fan_in_fan_out")) for expert in recipe.models}) > 1:
        raise RecipeError(
            "recipe.models", "the adapters disagree in fan_in_fan_out", "use adapters that were written for one base"
        )
