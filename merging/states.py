"""What an operator computes ahead of any coefficients, on all cores and, where it can be, once for a whole node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from merging.models import ModelSet
from merging.operators import Operator
from merging.operators.base import MergeInputs, Options, Prepared, TensorInputs
from merging.shared.codec import Known, known_of
from merging.shared.items import Found, Items, SharedState, give_memory_back
from merging.task_vectors import models_key
from merging.threads import Threads
from merging.vectors import StoredVector

Item = TypeVar("Item")

_SURVEY = "survey"


@dataclass(frozen=True)
class State:
    """What stays the same for every recipe of a merge: statistics of the model, and tensors prepared so far.

    Args:
        survey: see :meth:`Operator.survey`.
        prepared: by tensor.
        items: what of it is shared; kept because the files go with it.
    """

    survey: Any
    prepared: dict[str, Prepared]
    items: Items | None = None


def items_of(
    operator: Operator, options: Options, key: Sequence[Any], models: ModelSet, shared: SharedState
) -> Items | None:
    """Return where the processes of this node share what an operator prepares; None where it prepares nothing.

    Args:
        operator: the merge method.
        options: of the operator.
        key: all that the state depends on beside the models and the files that options name.
        models: whose tensors are prepared.
        shared: of this node.
    """
    kind = type(operator)
    if kind.prepare is Operator.prepare and kind.survey is Operator.survey:
        return None
    given = [Path(str(options[one.name])) for one in operator.all_options() if one.path and options[one.name]]
    files = [[path.stat().st_size, path.stat().st_mtime_ns] for path in given if path.is_file()]
    code = [kind.__module__, kind.__qualname__]
    return shared.items({"state": [*key], "operator": code, "files": files, **models_key(models)})


def wants_all_cores(operator: Operator) -> bool:
    """Return whether preparing a tensor is matrix algebra that uses every core by itself."""
    return operator.cost not in ("linear", "sort")


def prepare_state(
    operator: Operator, options: Options, inputs: MergeInputs, threads: Threads, items: Items | None
) -> State:
    """Survey the models and prepare all tensors.

    Args:
        operator: the merge method.
        options: of the operator.
        inputs: the models.
        threads: prepare several tensors at once, unless the operator wants all cores for one.
        items: where the processes of this node share what they prepare: each prepares the tensors that no other has
            begun, and reads the rest. None keeps all in this process.
    """
    if items is None:
        survey = operator.survey(inputs, options)
        private = _Preparation(operator, options, inputs, Found(survey))
        return State(survey, dict(_in_turn(operator, threads, private.alone, inputs.names)))
    found = items.find(_SURVEY, Known, lambda: operator.survey(inputs, options))
    assert found is not None
    shared = _Preparation(operator, options, inputs, found, items)
    # First what nobody has begun; only then wait for what the others are at.
    first = dict(_in_turn(operator, threads, shared.unless_begun, inputs.names))
    left = [name for name, one in first.items() if one is None]
    rest = dict(_in_turn(operator, threads, shared.in_any_case, left))
    give_memory_back()
    return State(found.value, {name: first[name] or rest[name] for name in inputs.names}, items)


@dataclass(frozen=True)
class _Preparation:
    operator: Operator
    options: Options
    inputs: MergeInputs
    survey: Found
    items: Items | None = None

    def alone(self, name: str) -> tuple[str, Prepared]:
        tensor = self.inputs.load(name)
        return name, Prepared(tensor, self.options, self._data(tensor))

    def unless_begun(self, name: str) -> tuple[str, Prepared | None]:
        return name, self._shared(name, wait=False)

    def in_any_case(self, name: str) -> tuple[str, Prepared]:
        found = self._shared(name, wait=True)
        assert found is not None
        return name, found

    def _shared(self, name: str, wait: bool) -> Prepared | None:
        # Reading the inputs may wait for task vectors of a tensor that another process is at.
        inputs = cache(lambda: self.inputs.load(name))
        assert self.items is not None
        found = self.items.find(name, lambda: self._known(inputs()), lambda: self._data(inputs()), wait=wait)
        return None if found is None else Prepared(inputs(), self.options, found.value)

    def _data(self, tensor: TensorInputs) -> Any:
        return self.operator.prepare(tensor, self.options, self.survey.value)

    def _known(self, tensor: TensorInputs) -> Known:
        """Return what of one tensor every process has: its inputs, and the survey where that is shared."""
        memory = {"base": tensor.base}
        for expert, vector in zip(tensor.models, tensor.vectors, strict=True):
            if vector is not None:
                memory[f"vector of {expert}"] = vector.expert if isinstance(vector, StoredVector) else vector
        if self.survey.memory is not None:
            memory[_SURVEY] = self.survey.memory
        return known_of(memory, {"inputs": tensor, "deltas": tensor.deltas})


def _in_turn(
    operator: Operator, threads: Threads, prepare: Callable[[str], Item], names: Sequence[str]
) -> Iterable[Item]:
    return map(prepare, names) if wants_all_cores(operator) else threads.map(prepare, names)
