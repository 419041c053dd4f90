"""Delta packs as experts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import ModelError
from merging.checkpoints import SafetensorsFiles, TensorInfo, read_json
from merging.layout import layout_of
from merging.packs.codecs import decode_raw, decode_sign, decode_sparse, decode_svd, parse_bits

MANIFEST = "delta_pack.json"
CODES = "delta_pack.safetensors"
FORMAT = "evomerge delta pack"
VERSION = 1
CODECS = ("raw", "sparse", "svd", "sign")


class DeltaPack(SafetensorsFiles):
    """A delta pack directory, checked against the base that it changes.

    Args:
        label: how errors name the pack.
        directory: holds ``delta_pack.json`` and ``delta_pack.safetensors``.
        base: headers of the base's tensors, by checkpoint name.
        config: ``config.json`` of the base.
        digest: returns :func:`weights_digest` of the base.

    Raises:
        ModelError: the pack is damaged, of another version, or was made on another base.
    """

    def __init__(
        self,
        label: str,
        directory: Path,
        base: Mapping[str, TensorInfo],
        config: Mapping[str, Any],
        digest: Callable[[], str],
    ) -> None:
        """Read the manifest and the headers; no codes are read."""
        self.manifest = read_json(label, directory / MANIFEST)
        if self.manifest.get("format") != FORMAT or self.manifest.get("version") != VERSION:
            raise ModelError(label, f"{MANIFEST} is of another format or version", "make the pack again")
        super().__init__(label, directory, [CODES])
        # The manifest decides what the codes mean, so it is part of the pack's identity.
        self.files = (MANIFEST, *self.files)
        self._config = config
        self._entries: Mapping[str, Mapping[str, Any]] = self.manifest["tensors"]
        for name, entry in self._entries.items():
            self._check(name, entry, base)
        made_on = self.manifest["base"]
        if made_on["sha256"] != digest():
            raise ModelError(
                label,
                f"it was made on the base {made_on['path']}, whose weights are others than this base's",
                "use that base, or pack the expert again on this one",
            )

    def delta(self, name: str, base: Tensor) -> Tensor | None:
        """Return the fp32 task vector of a tensor; None where the pack holds none."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        parts = [self._decoded(name, index, part) for index, part in enumerate(entry["parts"])]
        whole = parts[0] if entry["codec"] in ("raw", "sparse") else self._layout(name, entry).fuse(parts)
        return whole.reshape(base.shape).contiguous()

    def _decoded(self, name: str, index: int, part: Mapping[str, Any]) -> Tensor:
        codec, shape = self._entries[name]["codec"], part["shape"]
        codes = {key: self.tensor(code_name(name, index, key)) for key in part["codes"]}
        if codec == "svd":
            return decode_svd(codes, shape, parse_bits(self.manifest["bits"]))
        if codec == "sparse":
            return decode_sparse(codes, shape)
        return decode_sign(codes, shape) if codec == "sign" else decode_raw(codes)

    def _layout(self, name: str, entry: Mapping[str, Any]) -> Any:
        return layout_of(name, tuple(entry["shape"]), self._config)

    def _check(self, name: str, entry: Mapping[str, Any], base: Mapping[str, TensorInfo]) -> None:
        info = base.get(name)
        if info is None or list(info.shape) != entry["shape"]:
            found = "no such tensor" if info is None else f"one of shape {info.shape}"
            raise ModelError(
                self.label,
                f"it changes {name} of shape {tuple(entry['shape'])}, the base has {found}",
                "use the pack with the base it was made on",
            )
        again = "make the pack again"
        if entry["codec"] not in CODECS:
            raise ModelError(self.label, f"{name} has the codec {entry['codec']!r}", again)
        if entry["codec"] in ("svd", "sign") and list(self._layout(name, entry).labels) != entry["labels"]:
            raise ModelError(self.label, f"{name} was split in another way when it was packed", again)
        for index, part in enumerate(entry["parts"]):
            for key in part["codes"]:
                if code_name(name, index, key) not in self.infos:
                    raise ModelError(self.label, f"the codes of {name} are incomplete", "copy the whole pack again")


def is_pack(directory: Path) -> bool:
    """Return whether a directory is a delta pack."""
    return (directory / MANIFEST).is_file()


def code_name(tensor: str, part: int, key: str) -> str:
    """Return the name under which one code of one part of a tensor is stored."""
    return f"{tensor}/{part}/{key}"


def weights_digest(names: Iterable[str], tensor: Callable[[str], Tensor]) -> str:
    """Return the SHA-256 of a model's weights, whatever files they are spread over.

    Reads every tensor once, on all of torch's threads; about a second per gigabyte and thread.

    Args:
        names: checkpoint names, without a head that is tied.
        tensor: returns a tensor in its stored dtype.
    """

    def digest(name: str) -> bytes:
        value = tensor(name)
        head = f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode()
        data = value.contiguous().reshape(-1).view(torch.uint8).numpy().data
        return hashlib.sha256(hashlib.sha256(data).digest() + head).digest()

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return hashlib.sha256(b"".join(pool.map(digest, sorted(names)))).hexdigest()
