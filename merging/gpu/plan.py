"""Writing candidates into an engine's weights on a GPU, with as little work for each as its coefficients ask for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from merging.gpu.binding import Alike, Bound, Looked, Slots, alike
from merging.gpu.mirror import Mirror, Scratch
from merging.gpu.places import Bindings, Item, Tables
from merging.live import LiveWeights
from merging.operators.base import Operator, Values

KEPT_PLANS = 8
_KEPT_TABLES = 4
# Spans that are bound before the first are launched: the device computes those while the next are bound.
_BOUND_TOGETHER = 64


@dataclass(frozen=True)
class Candidate:
    """What one candidate brings.

    Args:
        operator: the merge method.
        values: returns the coefficients of some slots.
        profile: returns the factor of a tensor's difference from the base; None where that is 1 for all.
    """

    operator: Operator
    values: Callable[[Slots], Values]
    profile: Callable[[str], float] | None = None


@dataclass
class _Batch:
    """Tensors that are launched together.

    Args:
        items: each with its index among all and the lines of its pieces.
        lines: all of those.
        tables: by the form of what is bound.
    """

    items: list[tuple[int, Item, list[int]]] = field(default_factory=list)
    lines: dict[int, None] = field(default_factory=dict)
    tables: OrderedDict[Hashable, Tables] = field(default_factory=OrderedDict)


class Plan:
    """How candidates of one prepared state are written into one engine's weights.

    Args:
        items: the tensors to write; those of one size with the same experts share what is bound to their slots.
        live: where they live; its places stay where they are.
        share: whether any tensors are bound together at all.
    """

    def __init__(self, items: Sequence[Item], live: LiveWeights, share: bool = True) -> None:
        """Find the tensors that are alike, and divide all into batches."""
        self.live, self._items = live, items
        self._alike: list[Alike] = []
        known: dict[Hashable, int] = {}
        lines: list[tuple[int, Item, list[int]]] = []
        for index, item in enumerate(items):
            own = [self._line(item, slots, share, known) for _, slots in item.pieces if item.prepared is not None]
            lines.append((index, item, own))
        self._batches = [_Batch()]
        for one in sorted(lines, key=lambda one: one[2][:1]):
            if len(self._batches[-1].lines) >= _BOUND_TOGETHER and not self._batches[-1].lines.keys() >= {*one[2]}:
                self._batches.append(_Batch())
            self._batches[-1].items.append(one)
            self._batches[-1].lines.update(dict.fromkeys(one[2]))

    def begin(self, candidate: Candidate, mirror: Mirror, scratch: Scratch) -> tuple[set[str], list[Tables]]:
        """Launch what writes a candidate, batch by batch.

        Returns:
            Names of the tensors that are written, and tables that have to be checked.

        Raises:
            Infeasible: the operator refuses the coefficients.
            Looked: the operator tells tensors apart that are alike.
        """
        profiles = np.ones(len(self._items))
        if candidate.profile is not None:
            profiles = np.array([candidate.profile(item.name) for item in self._items])
        bindings = Bindings({}, profiles)
        written: set[str] = set()
        begun = []
        for batch in self._batches:
            for line in batch.lines:
                if line not in bindings.lines:
                    one = self._alike[line]
                    bindings.lines[line] = one.bind(candidate.operator, candidate.values(one.slots))
            tables = self._tables(batch, bindings, mirror, scratch)
            written |= tables.run(bindings)
            begun.append(tables)
        return written, begun

    def looked_at(self) -> Plan:
        """Return the plan for an operator that looks at each tensor."""
        return Plan(self._items, self.live, share=False)

    def _line(self, item: Item, slots: Slots, share: bool, known: dict[Hashable, int]) -> int:
        """Return the number of what is alike to a piece of a tensor."""
        assert item.prepared is not None
        key = alike(item.prepared, slots) if share else (item.name, slots)
        if key in known:
            self._alike[known[key]].share()
        else:
            known[key] = len(self._alike)
            self._alike.append(Alike(item.name, slots, item.prepared))
        return known[key]

    def _tables(self, batch: _Batch, bindings: Bindings, mirror: Mirror, scratch: Scratch) -> Tables:
        forms = [bindings.lines[line] for line in batch.lines]
        key = (
            tuple(one.form if isinstance(one, Bound) else one for one in forms),
            tuple(np.flatnonzero(bindings.profiles == 0.0).tolist()),
        )
        if key not in batch.tables:
            while len(batch.tables) >= _KEPT_TABLES:
                batch.tables.popitem(last=False)
            batch.tables[key] = Tables(batch.items, bindings, self.live, mirror, scratch)
        batch.tables.move_to_end(key)
        return batch.tables[key]


class GpuWriter:
    """Writes candidates on one device.

    Args:
        device: of the engine's weights.
        budget: bytes of prepared state that may be kept there, see :class:`merging.gpu.mirror.Mirror`.
    """

    def __init__(self, device: torch.device, budget: int | None = None) -> None:
        """Hold nothing yet."""
        self.mirror = Mirror(device, budget)
        self._scratch = Scratch(device)
        self._plans: OrderedDict[tuple[tuple[Hashable, ...], int], Plan] = OrderedDict()
        self._begun: list[Tables] = []

    def begin(
        self, key: tuple[Hashable, ...], live: LiveWeights, candidate: Candidate, items: Callable[[], Sequence[Item]]
    ) -> tuple[set[str], list[str]]:
        """Launch all of a candidate that is computed here.

        Args:
            key: of the prepared state, and all else that the items depend on beside the places.
            live: where to; its places stay where they are.
            candidate: what to write.
            items: returns the tensors to write; asked once for every key.

        Returns:
            Names of the tensors that are written, and of those that the processor must compute.

        Raises:
            Infeasible: the operator refuses the coefficients.
        """
        plan = self._plan(key, live, items)
        try:
            written, self._begun = plan.begin(candidate, self.mirror, self._scratch)
        except Looked:
            plan = self._plans[key, id(live)] = plan.looked_at()
            written, self._begun = plan.begin(candidate, self.mirror, self._scratch)
        return written, [name for tables in self._begun for name in tables.elsewhere]

    def finish(self) -> None:
        """Wait until all that was begun is written.

        Raises:
            Infeasible: a merged value is not finite.
        """
        begun, self._begun = self._begun, []
        for tables in begun:
            tables.check()

    def forget(self, state: Hashable) -> None:
        """Drop all plans whose key begins with a state that is not kept any more."""
        for key in [one for one in self._plans if one[0][0] == state]:
            del self._plans[key]

    def _plan(self, key: tuple[Hashable, ...], live: LiveWeights, items: Callable[[], Sequence[Item]]) -> Plan:
        # A plan holds the weights, so that no others take their place in memory.
        place = (key, id(live))
        if place not in self._plans:
            while len(self._plans) >= KEPT_PLANS:
                self._plans.popitem(last=False)
            self._plans[place] = Plan(items(), live)
        self._plans.move_to_end(place)
        return self._plans[place]
