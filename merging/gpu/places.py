"""Where a candidate's tensors lie on a GPU, and everything that is launched and copied to write them there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from merging.gpu.binding import Bound, Instead, Slots, Unseen
from merging.gpu.launches import Exchange, Kind, Launch, Row, Rows
from merging.gpu.mirror import Mirror, Scratch
from merging.live import LiveWeights, Place
from merging.operators.base import Prepared
from merging.vectors import StoredVector

_DTYPES = (torch.bfloat16, torch.float32)
# What does not lie on the device as a launch reads or writes it waits there in memory of this size.
_SCRATCH_BYTES = 1 << 28
# Tables of one launch begin where the device likes to read.
_STRIDE = 32


@dataclass(frozen=True)
class Item:
    """One tensor.

    Args:
        name: checkpoint name.
        base: as it is stored.
        prepared: None where the operator does not merge it.
        pieces: its spans in order, each with the slots whose coefficients apply.
    """

    name: str
    base: Tensor
    prepared: Prepared | None
    pieces: Sequence[tuple[slice, Slots]] = ()


@dataclass(frozen=True)
class Bindings:
    """What is bound for one candidate.

    Args:
        lines: what is bound for some spans, by the number that those that are alike have in common.
        profiles: factors of the difference from the base, fp64, by tensor.
    """

    lines: dict[int, Bound | Instead]
    profiles: np.ndarray[Any, Any]


_Piece = tuple[tuple[slice, Slots], int, Bound | Instead]


@dataclass
class _Step:
    """What is on the device at one time beside what is kept there."""

    sends: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    fills: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    kinds: dict[Kind, Rows] = field(default_factory=lambda: defaultdict(Rows))
    launches: list[tuple[Launch, slice, slice]] = field(default_factory=list)
    copies: list[tuple[Place, Tensor]] = field(default_factory=list)


class Tables:
    """All that stays the same from candidate to candidate while what is bound keeps its form.

    Args:
        items: the tensors, each with its index among all and the lines of its pieces.
        bindings: the first candidate's.
        live: where the tensors live.
        mirror: where host tensors are on the device.
        scratch: for those that are not kept there, and for tensors that do not lie in the engine as they are.

    Attributes:
        elsewhere: names of the tensors that the processor computes.
    """

    def __init__(
        self,
        items: Sequence[tuple[int, Item, Sequence[int]]],
        bindings: Bindings,
        live: LiveWeights,
        mirror: Mirror,
        scratch: Scratch,
    ) -> None:
        """Find every address and put the tables on the device."""
        self.elsewhere: list[str] = []
        self._at_base: dict[str, Tensor] = {}
        self._merged: list[str] = []
        self._live, self._mirror, self._scratch = live, mirror, scratch
        self._steps: list[_Step] = []
        self._begin_step()
        for index, item, lines in items:
            found = [bindings.lines[line] for line in lines]
            if bindings.profiles[index] == 0.0 or all(one is Instead.BASE for one in found):
                self._at_base[item.name] = item.base
            elif not all(map(_has_loop, found)) or not _fits(item, live.places[item.name]):
                self.elsewhere.append(item.name)
            else:
                self._merged.append(item.name)
                self._add(index, item, list(zip(item.pieces, lines, found, strict=True)), live.places[item.name])
        self._finish()

    def run(self, bindings: Bindings) -> set[str]:
        """Launch what writes a candidate; return the names of the tensors that it writes."""
        # Before anything is written, so that the record of the base is true whatever comes.
        self._live.at_base.difference_update(self._merged)
        written = {
            name
            for name, base in self._at_base.items()
            if name not in self._live.at_base and self._live.write_base(name, self._mirror.of(base))
        }
        self._numbers.wait()
        for step in self._steps:
            for launch, numbers, _ in step.launches:
                launch.fill(self._numbers.array[numbers], bindings.lines, bindings.profiles)
        self._numbers.send()
        self._tops.there.zero_()
        for step in self._steps:
            for host, there in step.sends:
                self._mirror.send(host, there)
            for out, base in step.fills:
                out.copy_(base)
            for launch, numbers, tops in step.launches:
                launch.run(self._numbers.there[numbers], self._tops.there[tops])
            for place, merged in step.copies:
                place.copy(merged)
        self._tops.fetch()
        return written.union(self._merged)

    def check(self) -> None:
        """Wait until the candidate is written.

        Raises:
            Infeasible: a merged value is not finite.
        """
        self._tops.wait()
        for step in self._steps:
            for launch, _, tops in step.launches:
                launch.check(self._tops.array[tops])

    def _begin_step(self) -> None:
        self._steps.append(_Step())
        self._sent: dict[int, Tensor] = {}
        self._scratch.rewind()

    def _add(self, index: int, item: Item, pieces: Sequence[_Piece], places: Sequence[Place]) -> None:
        """Note one tensor in the step, in all its places."""
        merged: Tensor | None = None
        for place in places:
            span = place.takes(item.base.dtype)
            if span is not None:
                self._add_span(index, item, pieces, span, place.out.view(-1))
                continue
            if merged is None:
                merged = self._scratch.take(item.base.numel(), item.base.dtype)
                self._add_span(index, item, pieces, slice(0, item.base.numel()), merged)
            self._steps[-1].copies.append((place, merged.view(item.base.shape)))
        if self._scratch.taken > _SCRATCH_BYTES:
            self._begin_step()

    def _add_span(self, index: int, item: Item, pieces: Sequence[_Piece], span: slice, out: Tensor) -> None:
        """Note a span of one tensor."""
        step, base = self._steps[-1], self._there(item.base.reshape(-1))
        for (own, _), line, bound in pieces:
            start, stop = max(own.start, span.start), min(own.stop, span.stop)
            if start >= stop:
                continue
            target = out[start - span.start : stop - span.start]
            if not isinstance(bound, Bound):
                step.fills.append((target, base[start:stop]))
                continue
            vectors, levels = ([_array(one, item) for one in some] for some in (bound.vectors, bound.levels))
            hosts = [one.expert if isinstance(one, StoredVector) else one for one in vectors]
            arrays = [base, *(self._there(one) for one in (*hosts, *levels))]
            stored = isinstance(vectors[0], StoredVector)
            Row(item.name, line, index, bound, arrays, stored, start, target).add_to(step.kinds)

    def _there(self, host: Tensor) -> Tensor:
        """Return where a host tensor will be on the device when the step's launches run."""
        kept = self._mirror.kept(host)
        if kept is not None:
            return kept
        key = host.data_ptr()
        if key not in self._sent:
            self._sent[key] = self._scratch.take(host.numel(), host.dtype)
            self._steps[-1].sends.append((host, self._sent[key]))
        return self._sent[key]

    def _finish(self) -> None:
        """Make the launches of all steps and the memory that candidates put their numbers in."""
        numbers = tops = 0
        for step in self._steps:
            for kind, rows in step.kinds.items():
                launch = Launch(kind, rows, self._mirror.device)
                step.launches.append(
                    (launch, slice(numbers, numbers + launch.num_numbers), slice(tops, tops + launch.num_rows))
                )
                numbers, tops = _after(numbers + launch.num_numbers), _after(tops + launch.num_rows)
            step.kinds.clear()
        self._numbers = Exchange(numbers, torch.float32, self._mirror.device)
        self._tops = Exchange(tops, torch.int32, self._mirror.device)


def _array(array: Any, item: Item) -> Any:
    """Return an array of a tensor that is bound as all that are alike."""
    assert item.prepared is not None
    return array.within(item.prepared) if isinstance(array, Unseen) else array


def _after(stop: int) -> int:
    return -(-stop // _STRIDE) * _STRIDE


def _has_loop(bound: Bound | Instead) -> bool:
    return bound is not Instead.PROCESSOR


def _fits(item: Item, places: Sequence[Place]) -> bool:
    """Return whether loops read and write the dtypes of a tensor."""
    return item.base.dtype in _DTYPES and all(place.out.dtype in _DTYPES for place in places)
