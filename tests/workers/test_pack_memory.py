"""Weights are written into the memory of packs where the order is known and the product takes what is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workers.engines import pack_memory
from workers.engines.pack_loops import interleave
from workers.engines.pack_memory import PackMemory, of_handler, of_tensor

ROWS, COLUMNS = 192, 64
BLOCKS = (16, 32, 48, 64)


def weight(seed: int = 0) -> torch.Tensor:
    return torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(seed)).bfloat16()


def packed(raw: torch.Tensor, block: int) -> torch.Tensor:
    """Return a pack, written with torch's own operations."""
    blocks = raw.view(-1, block, raw.shape[1] // 2, 2)
    return blocks.transpose(1, 2).contiguous().view(raw.shape)


def product(pack: torch.Tensor, block: int, rows: torch.Tensor) -> torch.Tensor:
    """Return what a library multiplies that keeps a weight in such a pack."""
    raw = pack.view(-1, COLUMNS // 2, block, 2).transpose(1, 2).reshape(pack.shape)
    return torch.nn.functional.linear(rows, raw)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_loop_writes_what_torch_does(block: int) -> None:
    pack = torch.empty(ROWS, COLUMNS, dtype=torch.bfloat16)
    pairs = [tensor.view(torch.int32).numpy().view(np.uint32) for tensor in (weight(), pack)]
    interleave(pairs[0], pairs[1].reshape(ROWS // block, COLUMNS // 2, block))
    assert torch.equal(pack, packed(weight(), block))


@pytest.mark.parametrize("portion", [1, 6000, 1 << 22])
@pytest.mark.parametrize("block", BLOCKS)
def test_what_changes_is_written_in_the_order_that_was_found(
    block: int, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_memory, "_PORTION", portion)
    raw = weight()
    pack = packed(raw, block)
    memory = of_tensor(pack, raw)
    assert memory is not None
    assert memory.obeyed(lambda rows, _weight, _bias: product(pack, block, rows))
    assert torch.equal(pack, packed(raw, block)), "looking leaves it as it was"
    raw.copy_(weight(1))
    memory.write()
    assert torch.equal(pack, packed(weight(1), block))


def test_memory_that_the_product_does_not_take_is_not_believed() -> None:
    raw = weight()
    pack, other = packed(raw, 32), packed(raw, 32)
    memory = of_tensor(pack, raw)
    assert memory is not None
    assert not memory.obeyed(lambda rows, _weight, _bias: product(other, 32, rows))
    assert torch.equal(pack, other)


def test_an_order_that_a_weight_cannot_tell_is_told_by_the_product() -> None:
    raw = torch.zeros(ROWS, COLUMNS, dtype=torch.bfloat16)
    pack = raw.clone()
    memory = of_tensor(pack, raw)
    assert memory is not None, "zeros lie in every order"
    obeyed = [memory.obeyed(lambda rows, _weight, _bias, of=block: product(pack, of, rows)) for block in BLOCKS]
    assert sum(obeyed) == 1


@pytest.mark.parametrize(
    ("raw", "pack"),
    [
        pytest.param(weight(), weight(), id="not in any order that is known"),
        pytest.param(weight(), packed(weight(), 32).float(), id="of another dtype"),
        pytest.param(weight()[:, :48].contiguous(), packed(weight()[:, :48].contiguous(), 32), id="half a square"),
        pytest.param(weight()[:40], packed(weight()[:40], 8), id="of few rows"),
    ],
)
def test_what_is_not_known_is_left_to_vllm(raw: torch.Tensor, pack: torch.Tensor) -> None:
    assert of_tensor(pack, raw) is None


def test_an_object_that_is_no_handler_is_left_to_vllm() -> None:
    nothing = torch.zeros(4096, dtype=torch.int64)
    onward = torch.full((4096,), nothing.data_ptr(), dtype=torch.int64)
    for address in (0, 64, nothing.data_ptr(), onward.data_ptr(), 1 << 62):
        assert of_handler(address, weight()) is None


def test_a_pack_or_a_weight_at_an_odd_address_is_left_to_vllm() -> None:
    raw = weight()

    def oddly(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty(tensor.numel() + 1, dtype=tensor.dtype)[1:].view(tensor.shape).copy_(tensor)

    assert of_tensor(oddly(packed(raw, 32)), raw) is None
    assert of_tensor(packed(raw, 32), oddly(raw)) is None
    assert isinstance(of_tensor(packed(raw, 32), raw), PackMemory)
