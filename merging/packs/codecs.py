"""How one task vector is stored: sparse, as quantized singular vectors, as signs, or whole.

``svd`` is the module-aware codec of GraftLLM (2505.18502): a truncated singular value decomposition whose
vectors have fewer bits the smaller their singular value. Its quantizer rounds to the nearest level with the
scale of every group chosen for the least squared error; the paper's needs calibration text to move the rounding
error into later weights, which this one does not do. ``sign`` is one bit per element with a scale per row
(BitDelta, 2402.10193).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from evomerge.errors import InvalidInput
from merging.lora.combine import leading, leading_of
from merging.operators.inputs import Factors

GROUP = 128
"""Values that share one scale."""

_BAND = re.compile(r"(16|8|4|2)(?:x([1-9]\d*))?")
_STEPS = torch.linspace(0.3, 1.0, 15)


@dataclass(frozen=True)
class Band:
    """How many bits the values of consecutive singular vectors have; ``count`` None means all that are left."""

    bits: int
    count: int | None


def parse_bits(text: str) -> tuple[Band, ...]:
    """Read bands such as ``8x20,4x180,2``: 8 bits for the first 20 components, 4 for the next 180, 2 for the rest.

    Raises:
        InvalidInput: another form, or a last band that does not take the rest.
    """
    matches = [_BAND.fullmatch(part.strip()) for part in text.split(",")]
    bands = [Band(int(m[1]), int(m[2]) if m[2] else None) for m in matches if m]
    if len(bands) != len(matches) or [band.count is None for band in bands] != [False] * (len(bands) - 1) + [True]:
        raise InvalidInput(
            "bits",
            f"found {text!r}",
            "write BITSxCOUNT for the first components and BITS for the rest, such as '8x20,4x180,2'; BITS is 16, 8, 4 "
            "or 2",
        )
    return tuple(bands)


Codes = dict[str, Tensor]


def encode_raw(delta: Tensor) -> Codes:
    """Store every value in fp32."""
    return {"values": delta.float().contiguous()}


def decode_raw(codes: Mapping[str, Tensor]) -> Tensor:
    """Invert :func:`encode_raw`."""
    return codes["values"]


def encode_sparse(delta: Tensor, density: float) -> Codes:
    """Keep the largest fraction of all values in fp16 relative to the largest, and where they are.

    Places are indices or one bit per element, whichever is smaller.
    """
    flat = delta.reshape(-1)
    magnitudes = flat.abs()
    count = min(max(1, round(density * flat.numel())), int(torch.count_nonzero(flat)))
    places = torch.topk(magnitudes, count, sorted=False).indices.sort().values
    scale = magnitudes.max().float().reshape(1)
    values = (flat[places] / scale).to(torch.float16)
    if count * 32 > flat.numel():
        mask = torch.zeros(flat.numel(), dtype=torch.bool)
        mask[places] = True
        return {"mask": torch.from_numpy(np.packbits(mask.numpy())), "values": values, "scale": scale}
    narrow = torch.int32 if flat.numel() <= torch.iinfo(torch.int32).max else torch.int64
    return {"places": places.to(narrow), "values": values, "scale": scale}


def decode_sparse(codes: Mapping[str, Tensor], shape: Sequence[int]) -> Tensor:
    """Invert :func:`encode_sparse` up to what it dropped."""
    delta = torch.zeros(torch.Size(shape).numel())
    if "mask" in codes:
        places = torch.from_numpy(np.unpackbits(codes["mask"].numpy(), count=delta.numel())).bool()
    else:
        places = codes["places"].long()
    delta[places] = codes["values"].float() * codes["scale"]
    return delta.view(torch.Size(shape))


def encode_svd(delta: Tensor | Factors, rank: int, bands: Sequence[Band]) -> Codes:
    """Store the leading singular triples of an (out, in) task vector, the vectors in the bits of their band."""
    u, s, vh = leading_of(delta, rank) if isinstance(delta, Factors) else leading(delta, rank)
    codes: Codes = {"s": s.float()}
    start = 0
    for index, band in enumerate(bands):
        stop = len(s) if band.count is None else min(len(s), start + band.count)
        if stop > start:
            for side, vectors in (("u", u.T[start:stop]), ("v", vh[start:stop])):
                codes |= {f"{side}{index}.{key}": code for key, code in quantized(vectors.float(), band.bits).items()}
        start = stop
    return codes


def decode_svd(codes: Mapping[str, Tensor], shape: Sequence[int], bands: Sequence[Band]) -> Tensor:
    """Invert :func:`encode_svd` up to what it dropped and rounded."""
    sides = []
    for side, length in (("u", shape[0]), ("v", shape[1])):
        kept = [
            dequantized({key: codes[f"{side}{index}.{key}"] for key in _keys(band.bits)}, band.bits, length)
            for index, band in enumerate(bands)
            if f"{side}{index}.codes" in codes
        ]
        sides.append(torch.cat(kept))
    return (sides[0].T * codes["s"]) @ sides[1]


def encode_sign(delta: Tensor) -> Codes:
    """Store the sign of every element of a matrix and the mean magnitude of every row, the best scale for it."""
    signs = np.packbits((delta >= 0).numpy(), axis=-1)
    return {"signs": torch.from_numpy(signs), "scale": delta.abs().mean(dim=1).float()}


def decode_sign(codes: Mapping[str, Tensor], shape: Sequence[int]) -> Tensor:
    """Invert :func:`encode_sign` up to the magnitudes."""
    signs = torch.from_numpy(np.unpackbits(codes["signs"].numpy(), axis=-1, count=shape[1])).float()
    return signs.mul_(2.0).sub_(1.0).mul_(codes["scale"].unsqueeze(1))


def quantized(vectors: Tensor, bits: int) -> Codes:
    """Round (count, length) values of magnitude at most 1 to 2 ** bits levels per group of :data:`GROUP`.

    The levels lie symmetrically around zero, half a step from it. The step of each group, stored in fp16, is
    the best of a grid below the one that spans the group, and then the least-squares one for the codes.
    """
    if bits == 16:
        return {"codes": vectors.to(torch.float16).contiguous()}
    count, length = vectors.shape
    groups = _padded(vectors, GROUP).view(count, -1, GROUP)
    # What fills up the last group must not pull at its scale.
    real = _padded(torch.ones(1, length), GROUP).view(1, -1, GROUP)
    half = 2 ** (bits - 1)
    widest = groups.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float16).tiny) / half
    best_error = torch.full_like(widest, torch.inf)
    best = torch.zeros_like(groups)
    for share in _STEPS:
        levels = (groups / (widest * share)).floor_().clamp_(-half, half - 1).add_(0.5).mul_(real)
        error = (levels * (widest * share) - groups).square().sum(-1, keepdim=True)
        best = torch.where(error < best_error, levels, best)
        best_error = torch.minimum(error, best_error)
    step = ((best * groups).sum(-1) / best.square().sum(-1)).to(torch.float16)
    codes = (best - 0.5 + half).view(count, -1)[:, :length].to(torch.uint8)
    return {"codes": packed(codes, bits), "steps": step}


def dequantized(codes: Mapping[str, Tensor], bits: int, length: int) -> Tensor:
    """Return fp32 values (count, length) of :func:`quantized`."""
    if bits == 16:
        return codes["codes"].float()
    levels: Tensor = unpacked(codes["codes"], bits, length).float() + (0.5 - 2 ** (bits - 1))
    steps = codes["steps"].float().repeat_interleave(GROUP, dim=1)[:, :length]
    return levels.mul_(steps)


def packed(codes: Tensor, bits: int) -> Tensor:
    """Pack (count, length) codes of 8, 4 or 2 bits into bytes, the first code in the lowest bits; rows end on bytes."""
    each = 8 // bits
    groups = _padded(codes, each).view(codes.shape[0], -1, each)
    result = torch.zeros(groups.shape[:2], dtype=torch.uint8)
    for place in range(each):
        result |= groups[..., place] << (place * bits)
    return result


def unpacked(data: Tensor, bits: int, length: int) -> Tensor:
    """Invert :func:`packed`."""
    places = [(data >> (place * bits)) & (2**bits - 1) for place in range(8 // bits)]
    return torch.stack(places, dim=-1).flatten(1)[:, :length]


def _padded(rows: Tensor, multiple: int) -> Tensor:
    return torch.nn.functional.pad(rows, (0, -rows.shape[1] % multiple))


def _keys(bits: int) -> tuple[str, ...]:
    return ("codes",) if bits == 16 else ("codes", "steps")
