"""The next candidate, merged beside an engine's weights while the engine is at work: its turn is then a copy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Lock, get_native_id
from typing import Any

import torch

from evomerge.errors import EngineError, EvomergeError
from merging.live import LiveWeights, Place
from merging.materialize import Materializer
from merging.recipe import Recipe
from merging.threads import single_threaded_pool


class MergingAhead:
    """Writes candidates into an engine's weights, and merges one in advance into memory of the same size.

    That is done by one thread that yields to all others: on the CPU at the lowest priority and on a single core, on a
    GPU on a stream of its own. Results are those of ``Materializer.write``, to the last bit.

    Args:
        materializer: merges; nobody else may use it from the first ``begin`` to ``close``.
        live: the engine's weights.
        budget: bytes for the merged candidate, on the device of the weights; tensors that do not fit are merged in
            their turn. None takes as much as the weights have.
    """

    def __init__(self, materializer: Materializer, live: LiveWeights, budget: int | None = None) -> None:
        """Take the memory and start the thread."""
        self._materializer = materializer
        self._live = live
        self._beside = LiveWeights(_beside(live, budget))
        self._stream: Any = None
        self._thread = single_threaded_pool(1)
        self._thread.submit(_yield_to_others)
        # Held by whoever merges; ``stop`` asks the thread to leave off after the tensor that it is at.
        self._lock = Lock()
        self._stop = Event()
        self._written: str | None = None
        self._merged: tuple[str, dict[str, bool]] = ("", {})
        self._failure: BaseException | None = None

    @property
    def nbytes(self) -> int:
        """Bytes taken."""
        return sum(map(_size, self._beside.places.values()))

    @property
    def num_merged(self) -> int:
        """Tensors that are merged in advance."""
        return len(self._merged[1])

    def begin(self, recipe: Recipe) -> None:
        """Let the thread merge a candidate; may be called at any time and from any thread, and returns at once.

        What was merged before is forgotten. A recipe whose state is not prepared is left to its turn, when all cores
        are free for that.
        """
        self._thread.submit(self._merge, recipe)

    def interrupt(self) -> None:
        """Ask the thread to leave off after the tensor that it is at; returns at once."""
        self._stop.set()

    def settle(self) -> None:
        """Wait until the thread has done, or left off, what it was given."""
        self._thread.submit(int).result()

    def write(self, recipe: Recipe, *, told: Callable[[str, bool], None] = lambda name, changed: None) -> set[str]:
        """Do what ``Materializer.write`` does: copy what is merged already, and merge the rest.

        Args:
            recipe: what to merge.
            told: see ``Materializer.write``.

        Raises:
            EngineError: the thread failed in a way that the merge itself does not.
        """
        self.interrupt()
        with self._lock:
            self._stop.clear()
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise EngineError(f"merging ahead failed: {type(failure).__name__}: {failure}") from failure
            digest, merged = self._merged
            self._merged = ("", {})
            written = self._copy(merged) if digest == recipe.digest() else set()
            for name in written:
                told(name, True)
            rest = [name for name in self._live.places if name not in written]
            written |= self._materializer.write(recipe, self._live, rest, told=told)
            if self._live.device.type != "cpu":
                # The next candidate is merged on another stream into what is copied from.
                torch.accelerator.synchronize(self._live.device)
            self._written = recipe.digest()
            return written

    def close(self) -> None:
        """Leave off and end the thread."""
        self.interrupt()
        self._thread.shutdown(cancel_futures=True)

    def _copy(self, merged: dict[str, bool]) -> set[str]:
        written = {name for name, changed in merged.items() if changed}
        self._live.at_base -= written
        for name in written:
            for place, beside in zip(self._live.places[name], self._beside.places[name], strict=True):
                place.out.copy_(beside.out)
        return written

    def _merge(self, recipe: Recipe) -> None:
        with self._lock:
            self._merged = ("", {})
            try:
                with torch.no_grad(), self._aside():
                    self._merge_until_stopped(recipe)
            except EvomergeError:
                # It is the candidate's, so its turn raises it again.
                pass
            except Exception as error:
                self._failure = error

    def _merge_until_stopped(self, recipe: Recipe) -> None:
        # A candidate whose turn came first is not needed any more.
        if recipe.digest() == self._written or not self._beside.places or not self._materializer.is_prepared(recipe):
            return
        taken: list[str] = []
        self._beside.at_base = set(self._beside.places)
        changed = self._materializer.write(recipe, self._beside, self._names(taken))
        self._merged = (recipe.digest(), {name: name in changed for name in taken})

    def _names(self, taken: list[str]) -> Iterator[str]:
        for name in self._beside.places:
            if self._stop.is_set():
                return
            taken.append(name)
            yield name

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Launch what the block launches on a stream of its own, and wait for it."""
        device = self._live.device
        if device.type == "cpu":
            yield
            return
        gpu = torch.get_device_module(device)
        with gpu.device(device):
            if self._stream is None:
                self._stream = gpu.Stream()
            try:
                with gpu.stream(self._stream):
                    yield
            finally:
                self._stream.synchronize()


def _beside(live: LiveWeights, budget: int | None) -> dict[str, tuple[Place, ...]]:
    """Return memory for as many tensors as fit, laid out as in the engine."""
    found: dict[str, tuple[Place, ...]] = {}
    left = sys.maxsize if budget is None else budget
    for name, places in live.places.items():
        size = _size(places)
        if size <= left:
            left -= size
            found[name] = tuple(replace(place, out=torch.empty_like(place.out)) for place in places)
    return found


def _size(places: Iterable[Place]) -> int:
    return sum(place.out.nbytes for place in places)


def _yield_to_others() -> None:
    """Let the calling thread have the time that nobody else wants, where threads have priorities of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, get_native_id(), 19)
