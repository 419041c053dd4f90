"""An engine that lays out its weights in its own way, as places that merges are written into."""

from __future__ import annotations

import torch
from torch import Tensor

from merging.live import LiveWeights, Place
from merging.materialize import Materializer
from merging.models import ModelSet

FUSED = ("q_proj", "k_proj", "v_proj")
MOST_ROWS = 64


class OnGpu(Materializer):
    """Computes as on a GPU; without one, the loops are interpreted."""

    def _computes_on_gpu(self, live: LiveWeights) -> bool:
        return True


def engine(models: ModelSet, device: str = "cpu", dtype: torch.dtype = torch.bfloat16) -> LiveWeights:
    """Fused qkv; the MLP's down projection cut to its second half of columns; the embedding padded; the rest plain."""
    places: dict[str, list[Place]] = {}
    fused: dict[str, Tensor] = {}
    for name in models.tensor_names():
        rows, columns = (*models.tensor_info(name).shape, 1)[:2]
        size, stride = models.tensor_info(name).shape, (columns, 1)[: len(models.tensor_info(name).shape)]
        offset = 0
        projection = next((part for part in FUSED if part in name), None)
        if projection is not None:
            key, start = name.replace(projection, "qkv"), MOST_ROWS * FUSED.index(projection)
            whole = fused.setdefault(key, torch.full((3 * MOST_ROWS, columns), 7.0, dtype=dtype, device=device))
            out = whole[start : start + rows]
        elif "down_proj" in name:
            offset, size = columns // 2, (rows, columns - columns // 2)
            out = torch.full(size, 7.0, dtype=dtype, device=device)
        elif "embed" in name:
            out = torch.full((rows + 16, columns), 7.0, dtype=dtype, device=device)[:rows]
        else:
            out = torch.full(size, 7.0, dtype=dtype, device=device)
        places[name] = [Place(out, offset, tuple(size), tuple(stride))]
    return LiveWeights(places)


def check(live: LiveWeights, merged: dict[str, Tensor], kind: type[Materializer] = Materializer) -> None:
    for name, (place,) in live.places.items():
        wanted = merged[name].as_strided(place.size, place.stride, place.offset).to(place.out.dtype)
        found = place.out.cpu()
        if kind is OnGpu and not torch.cuda.is_available():
            # The interpreter rounds a product before it adds it, which turns a rare last bit.
            assert (found != wanted).float().mean() <= 0.005, name
            torch.testing.assert_close(found, wanted, atol=1e-6, rtol=8e-3)
        else:
            assert torch.equal(found, wanted), name
