"""Values made of arrays and plain data as one file: the arrays, aligned, then JSON that says what they are part of.

Reading copies no array and runs no code: a data class is looked up among those that are loaded and filled field by
field. An array that lies in memory which the reader has as well, such as a task vector, is stored as its place there.
"""

from __future__ import annotations

import dataclasses
import json
import math
import mmap
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

ALIGNMENT = 64
_OWN = ""
_TAIL = 8


class UnshareableError(Exception):
    """A value holds something that is neither an array nor plain data."""


@dataclass(frozen=True)
class Known:
    """What writer and readers have anyway.

    Args:
        memory: contiguous tensors by a label that is the same in all processes.
        objects: values by such a label, found by identity.
    """

    memory: Mapping[str, Tensor] = field(default_factory=dict)
    objects: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """A value on its way to a file."""

    text: bytes
    arrays: Sequence[Tensor]
    offsets: Sequence[int]

    @property
    def nbytes(self) -> int:
        """Size of the file."""
        end = self.offsets[-1] + self.arrays[-1].nbytes if self.arrays else 0
        return end + len(self.text) + _TAIL

    def write(self, file: BinaryIO) -> None:
        """Write the file, from its beginning.

        Raises:
            OSError: there is no room.
        """
        for offset, array in zip(self.offsets, self.arrays, strict=True):
            file.write(b"\0" * (offset - file.tell()))
            file.write(array.numpy().data)
        file.write(self.text)
        file.write(len(self.text).to_bytes(_TAIL, "little"))


PRIVATE = Encoded(b'{"known":""}', (), ())
"""What no reader can make a value of."""


def encode(value: object, known: Known) -> Encoded:
    """Describe a value.

    Raises:
        UnshareableError: it holds what has no description, such as a function or an open file.
    """
    encoder = _Encoder(known)
    text = json.dumps(encoder.describe(value), separators=(",", ":")).encode()
    return Encoded(text, encoder.arrays, encoder.offsets)


def read(path: Path, known: Known) -> tuple[Any, Tensor]:
    """Return the value of a file, and the file's memory as uint8, which its arrays are views of.

    The memory is mapped privately: what nobody writes to is shared with all who read the file.

    Raises:
        UnshareableError: it was written with something known that is missing here.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    stop = len(mapped) - _TAIL
    start = stop - int.from_bytes(mapped[stop:], "little")
    memory = torch.frombuffer(mapped, dtype=torch.uint8)
    decoder = _Decoder({_OWN: memory, **{label: _bytes(tensor) for label, tensor in known.memory.items()}}, known)
    return decoder.value(json.loads(mapped[start:stop])), memory


def known_of(tensors: Mapping[str, Tensor], objects: Mapping[str, object]) -> Known:
    """Return what is known, without tensors that are not contiguous."""
    return Known({label: tensor for label, tensor in tensors.items() if tensor.is_contiguous()}, objects)


def _bytes(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1).view(torch.uint8)


def _extent(tensor: Tensor) -> int:
    """Return how many elements of memory lie between the first and the last of a tensor, both included."""
    if tensor.numel() == 0:
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


class _Encoder:
    def __init__(self, known: Known) -> None:
        self.arrays: list[Tensor] = []
        self.offsets: list[int] = []
        self._objects = {id(one): label for label, one in known.objects.items() if one is not None}
        self._memory = [(one.data_ptr(), one.nbytes, label) for label, one in known.memory.items()]
        self._written: dict[tuple[int, int], int] = {}

    def describe(self, value: Any) -> Any:
        if id(value) in self._objects:
            return {"known": self._objects[id(value)]}
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind in (tuple, list):
            return {kind.__name__: [self.describe(one) for one in value]}
        if kind is dict:
            return {"dict": [[self.describe(k), self.describe(v)] for k, v in value.items()]}
        if isinstance(value, np.generic):
            return {"scalar": [value.dtype.str, self.describe(value.item())]}
        if kind is Tensor:
            return {"tensor": self._tensor(value)}
        if kind is np.ndarray:
            return {"array": self._tensor(_from_array(value))}
        return {"object": [*_name_of(value), {name: self.describe(one) for name, one in _fields_of(value).items()}]}

    def _tensor(self, tensor: Tensor) -> list[Any]:
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.requires_grad:
            raise UnshareableError("a tensor that is not plain numbers in memory")
        if tensor.is_conj() or tensor.is_neg():
            raise UnshareableError("a tensor whose values are not what is in memory")
        place = self._known_place(tensor)
        if place is None and _extent(tensor) > tensor.numel():
            # What lies between the rows of a larger matrix is not wanted.
            tensor = tensor.clone(memory_format=torch.preserve_format)
        label, offset = place or (_OWN, self._own_place(tensor))
        return [label, offset, str(tensor.dtype), list(tensor.shape), list(tensor.stride())]

    def _known_place(self, tensor: Tensor) -> tuple[str, int] | None:
        start, size = tensor.data_ptr(), _extent(tensor) * tensor.itemsize
        for begin, length, label in self._memory:
            if size and begin <= start and start + size <= begin + length and not (start - begin) % tensor.itemsize:
                return label, start - begin
        return None

    def _own_place(self, tensor: Tensor) -> int:
        key = tensor.data_ptr(), _extent(tensor) * tensor.itemsize
        if key not in self._written:
            self._written[key] = self._append(tensor)
        return self._written[key]

    def _append(self, tensor: Tensor) -> int:
        end = self.offsets[-1] + self.arrays[-1].nbytes if self.arrays else 0
        self.offsets.append(-(-end // ALIGNMENT) * ALIGNMENT)
        self.arrays.append(_bytes(tensor.as_strided((_extent(tensor),), (1,), tensor.storage_offset())))
        return self.offsets[-1]


@dataclass(frozen=True)
class _Decoder:
    memory: Mapping[str, Tensor]
    known: Known

    def value(self, described: Any) -> Any:
        if not isinstance(described, dict):
            return described
        [(kind, content)] = described.items()
        return self._kinds[kind](content)

    @cached_property
    def _kinds(self) -> Mapping[str, Callable[[Any], Any]]:
        return {
            "known": self._known,
            "tuple": lambda content: tuple(map(self.value, content)),
            "list": lambda content: list(map(self.value, content)),
            "dict": lambda content: {self.value(k): self.value(v) for k, v in content},
            "scalar": lambda content: np.dtype(content[0]).type(self.value(content[1])),
            "tensor": lambda content: self._tensor(*content),
            "array": lambda content: self._tensor(*content).numpy(),
            "object": lambda content: self._object(*content),
        }

    def _known(self, label: str) -> object:
        if label not in self.known.objects:
            raise UnshareableError(f"{label} is not known here")
        return self.known.objects[label]

    def _tensor(self, label: str, offset: int, dtype: str, shape: list[int], stride: list[int]) -> Tensor:
        if label not in self.memory:
            raise UnshareableError(f"{label} is not known here")
        kind: torch.dtype = getattr(torch, dtype.removeprefix("torch."))
        if math.prod(shape) == 0:
            return torch.empty(shape, dtype=kind)
        memory = self.memory[label]
        extent = 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        return memory[offset : offset + extent * kind.itemsize].view(kind).as_strided(shape, stride)

    def _object(self, module: str, name: str, fields: Mapping[str, Any]) -> object:
        made: object = object.__new__(_class_named(module, name))
        for key, value in fields.items():
            object.__setattr__(made, key, self.value(value))
        return made


def _from_array(array: np.ndarray[Any, Any]) -> Tensor:
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        raise UnshareableError("an array that torch has no form of")
    try:
        return torch.from_numpy(array)
    except TypeError as error:
        raise UnshareableError(str(error)) from error


def _name_of(value: Any) -> tuple[str, str]:
    kind = type(value)
    if _class_named(kind.__module__, kind.__qualname__) is not kind:
        raise UnshareableError(f"{kind.__qualname__} hides behind another class of its name")
    return kind.__module__, kind.__qualname__


def _class_named(module: str, name: str) -> type:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not dataclasses.is_dataclass(found):
        raise UnshareableError(f"{module}.{name} is no data class that is loaded")
    return found


def _fields_of(value: Any) -> dict[str, object]:
    names = [one.name for one in dataclasses.fields(value)]
    # What a property keeps is made again where it is asked for.
    more = {
        name
        for name in getattr(value, "__dict__", ())
        if not isinstance(getattr(type(value), name, None), cached_property)
    }
    if more - set(names):
        raise UnshareableError(f"{type(value).__qualname__} holds more than its fields")
    return {name: getattr(value, name) for name in names}
