"""The parameters of one method, or of several that share those of equal names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evomerge.errors import SpecError
from experiments.spec_merge import MergeSpec, ParameterSpec
from merging.coefficients import filled_options
from merging.operators import Operator, Parameter
from merging.operators.base import Coding


@dataclass(frozen=True)
class Shared:
    """A parameter with the methods that take it from the genome.

    Args:
        parameter: what they declare, its range the one that all of them have.
        methods: those that take it; a method that searches it only when asked takes its default otherwise.
        setting: what the spec says of it.
        coding: the first method's scale.
    """

    parameter: Parameter
    methods: tuple[str, ...]
    setting: ParameterSpec | None
    coding: Coding


def shared_parameters(operators: Sequence[Operator], merge: MergeSpec) -> list[Shared]:
    """Return every parameter that is searched or fixed, in the order of their first declaration.

    Raises:
        SpecError: methods mean different things by one name, or have no common range of it.
    """
    holders: dict[str, list[tuple[Operator, Parameter]]] = {}
    for operator in operators:
        for parameter in operator.all_parameters():
            holders.setdefault(parameter.name, []).append((operator, parameter))
    found = []
    for name, declared in holders.items():
        setting = merge.parameters.get(name)
        taking = [(o, p) for o, p in declared if p.searched or setting is not None]
        if taking:
            operator, first = taking[0]
            coding = operator.coding(first, filled_options(operator, merge.options))
            methods = tuple(operator.name for operator, _ in taking)
            found.append(Shared(_common([p for _, p in taking], methods, setting), methods, setting, coding))
    return found


def _common(declared: Sequence[Parameter], methods: Sequence[str], setting: ParameterSpec | None) -> Parameter:
    first, field = declared[0], f"merge.parameters.{declared[0].name}"
    if len({parameter.scope for parameter in declared}) > 1:
        raise SpecError(field, f"it means different things in {' and '.join(methods)}", "choose from other methods")
    low, high = max(parameter.low for parameter in declared), min(parameter.high for parameter in declared)
    if low >= high:
        if setting is None or (setting.range is None and setting.fixed is None):
            raise SpecError(field, f"{' and '.join(methods)} have no common range", "give it a range")
        low, high = first.low, first.high
    domain = min((p.domain for p in declared), key=("positive_unit", "unit", "real").index)
    granular = all(parameter.granular for parameter in declared)
    return replace(first, low=low, high=high, domain=domain, granular=granular)
