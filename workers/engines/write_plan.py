"""Where an engine keeps every checkpoint tensor, found by watching its own weight loader at work."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.utils._python_dispatch import TorchDispatchMode

from merging.live import Place

# Slices of a parameter that are compared with the checkpoint; a layout that is not the checkpoint's shows in any.
COMPARED_SLICES = 16


class Unexplained(Exception):
    """Why the loader's copies do not tell where the weights are."""


def record_places(
    model: Module, load: Callable[[Iterator[tuple[str, Tensor]]], object], base: Iterable[tuple[str, Tensor]]
) -> dict[str, tuple[Place, ...]]:
    """Find the places of every checkpoint tensor in a model that holds the base's weights.

    The loader runs once, under a watch that sees which part of which tensor it copies where and spares it the
    copying; so fused, sharded and padded parameters need no knowledge of the engine.

    Args:
        model: the engine's model in this process; it is left as it is.
        load: the engine's loader of checkpoint tensors into ``model``.
        base: the checkpoint tensors that the model holds, contiguous, under the names that the loader knows.

    Raises:
        Unexplained: the loader does more than copying, leaves out or repeats an element of some parameter, or the
            model does not hold at these places what the base has there.
    """
    watch = _Watch(model)
    with watch, torch.no_grad():
        load(watch.handing_out(base))
    if watch.surprise is not None:
        raise Unexplained(watch.surprise)
    _check_cover(model, [place.out for places in watch.places.values() for place in places] + watch.zeroed)
    for name, places in watch.places.items():
        for place in places:
            if not _holds(place, watch.tensor(name)):
                raise Unexplained(f"the engine keeps {name} in another form than the checkpoint")
    return {name: tuple(places) for name, places in watch.places.items()}


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation on the model's memory or on the checkpoint's while weights are loaded.

    Attributes:
        places: the copies from a checkpoint tensor into the model, none of which is carried out.
        zeroed: parts of the model that were set to zero.
        surprise: the first operation that is neither, nor a view; None where there was none.
    """

    def __init__(self, model: Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        owned = [*model.parameters(), *model.buffers()]
        self._owned = {tensor.untyped_storage().data_ptr() for tensor in owned}
        self._starts: list[int] = []
        self._given: list[tuple[str, Tensor]] = []
        self.places: dict[str, list[Place]] = {}
        self.zeroed: list[Tensor] = []
        self.surprise: str | None = None

    def handing_out(self, tensors: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        """Yield names and tensors and remember where in memory each one is."""
        for name, tensor in tensors:
            # Kept until the end, so that no other tensor comes to lie at the same address.
            index = bisect.bisect(self._starts, tensor.data_ptr())
            self._starts.insert(index, tensor.data_ptr())
            self._given.insert(index, (name, tensor))
            yield name, tensor

    def tensor(self, name: str) -> Tensor:
        """Return the checkpoint tensor of a name."""
        return next(tensor for other, tensor in self._given if other == name)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _is_view(func):
            return func(*args, **(kwargs or {}))
        tensors = [value for value in (*args, *(kwargs or {}).values()) if isinstance(value, Tensor)]
        known = [tensor for tensor in tensors if self._is_owned(tensor) or self._origin(tensor) is not None]
        if known and func is torch.ops.aten.copy_.default:
            if self._record(args[0], args[1]):
                return args[0]
            self._be_surprised(func, known[0])
        elif known and _zeroes(func, args):
            self.zeroed.append(args[0])
        elif known:
            self._be_surprised(func, known[0])
        return func(*args, **(kwargs or {}))

    def _record(self, out: Tensor, source: Tensor) -> bool:
        origin = self._origin(source)
        if origin is None or not self._is_owned(out) or out.shape != source.shape:
            return False
        name, tensor = origin
        if source.dtype != tensor.dtype or not tensor.is_contiguous():
            return False
        offset = (source.data_ptr() - tensor.data_ptr()) // tensor.element_size()
        self.places.setdefault(name, []).append(Place(out, offset, tuple(out.shape), source.stride()))
        return True

    def _is_owned(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._owned

    def _origin(self, tensor: Tensor) -> tuple[str, Tensor] | None:
        """Return the checkpoint tensor in whose memory a tensor begins."""
        index = bisect.bisect(self._starts, tensor.data_ptr()) - 1
        if index < 0:
            return None
        name, given = self._given[index]
        inside = tensor.data_ptr() < given.data_ptr() + given.nbytes
        return (name, given) if inside and tensor.device == given.device else None

    def _be_surprised(self, func: Any, tensor: Tensor) -> None:
        origin = self._origin(tensor)
        what = f"checkpoint tensor {origin[0]}" if origin else f"a parameter of shape {tuple(tensor.shape)}"
        self.surprise = self.surprise or f"the engine's loader runs {func} on {what}"


def _is_view(func: Any) -> bool:
    aliases = [argument.alias_info for argument in func._schema.arguments]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _zeroes(func: Any, args: Any) -> bool:
    aten = torch.ops.aten
    return func is aten.zero_.default or (func is aten.fill_.Scalar and args[1] == 0)


def _check_cover(model: Module, parts: Iterable[Tensor]) -> None:
    """Check that parts of the model make up every parameter, each element once."""
    by_storage: dict[int, list[Tensor]] = {}
    for part in parts:
        by_storage.setdefault(part.untyped_storage().data_ptr(), []).append(part)
    for name, parameter in model.named_parameters():
        covered = by_storage.get(parameter.untyped_storage().data_ptr(), [])
        if any(part.dtype != parameter.dtype for part in covered):
            raise Unexplained(f"the engine's loader writes another dtype into {name}")
        if not _tiles(covered, parameter):
            raise Unexplained(f"the engine's loader does not write every element of {name} once")


def _tiles(parts: Iterable[Tensor], parameter: Tensor) -> bool:
    """Return whether parts of one storage make up a parameter without gap or overlap."""
    parts = sorted(parts, key=lambda part: (part.storage_offset(), part.numel()))
    if all(part.is_contiguous() for part in (parameter, *parts)):
        stop = parameter.storage_offset()
        for part in parts:
            if part.storage_offset() != stop:
                return False
            stop += part.numel()
        return stop == parameter.storage_offset() + parameter.numel()
    count = torch.zeros(parameter.untyped_storage().nbytes() // parameter.element_size(), dtype=torch.uint8)
    for part in parts:
        count.as_strided(part.shape, part.stride(), part.storage_offset()).add_(1)
    return bool((count.as_strided(parameter.shape, parameter.stride(), parameter.storage_offset()) == 1).all())


def _holds(place: Place, tensor: Tensor) -> bool:
    part = _slices(tensor.as_strided(place.size, place.stride, place.offset))
    return torch.equal(_slices(place.out), part.to(place.out.device, place.out.dtype))


def _slices(tensor: Tensor) -> Tensor:
    return tensor if tensor.ndim == 0 else tensor[:: max(1, len(tensor) // COMPARED_SLICES)]
