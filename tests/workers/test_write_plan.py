"""Where weights live, learnt from loaders that fuse, cut, pad, transpose and tie, and from those that compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from merging.live import Place
from workers.engines.write_plan import Unexplained, record_places

Tensors = Iterator[tuple[str, Tensor]]
HIDDEN, VOCABULARY, PADDED = 6, 10, 16


def checkpoint(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "embed": (VOCABULARY, HIDDEN),
        "q": (8, HIDDEN),
        "k": (4, HIDDEN),
        "v": (4, HIDDEN),
        "o": (HIDDEN, 8),
        "gate": (8, HIDDEN),
        "up": (8, HIDDEN),
        "conv": (HIDDEN, 1, 3),
        "norm": (HIDDEN,),
        "scale": (),
    }
    return {name: torch.randn(shape, generator=generator).bfloat16() for name, shape in shapes.items()}


class Rank(nn.Module):
    """One of two tensor-parallel ranks of a small model, with a loader in vLLM's manner."""

    def __init__(self, rank: int, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.rank = rank

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.full(shape, 7.0, dtype=dtype), requires_grad=False)

        self.embed = parameter(PADDED // 2, HIDDEN)
        self.head = self.embed  # tied
        self.qkv = parameter(8, HIDDEN)
        self.o = parameter(HIDDEN, 4)
        # Fused along the last dimension, so that its parts are strided.
        self.gate_up = parameter(HIDDEN, 8)
        self.conv = parameter(HIDDEN, 3)
        self.norm = parameter(HIDDEN)
        self.scale = parameter(1)
        self.register_buffer("rope", torch.ones(4))

    def load_weights(self, weights: Tensors) -> None:
        for name, tensor in weights:
            getattr(self, f"load_{name}")(tensor)

    def load_embed(self, tensor: Tensor) -> None:
        start = self.rank * PADDED // 2
        rows = tensor.narrow(0, start, min(PADDED // 2, VOCABULARY - start))
        self.embed[: len(rows)].data.copy_(rows)
        self.embed[len(rows) :].data.fill_(0)

    def load_q(self, tensor: Tensor) -> None:
        self.qkv.data.narrow(0, 0, 4).copy_(tensor.chunk(2)[self.rank])

    def load_k(self, tensor: Tensor) -> None:
        self.qkv.data[4:6].copy_(tensor[2 * self.rank : 2 * self.rank + 2])

    def load_v(self, tensor: Tensor) -> None:
        self.qkv.data[6:8].copy_(tensor[2 * self.rank : 2 * self.rank + 2])

    def load_o(self, tensor: Tensor) -> None:
        self.o.data.copy_(tensor.narrow(1, 4 * self.rank, 4))

    def load_gate(self, tensor: Tensor) -> None:
        self.gate_up.data[:, :4].copy_(tensor[4 * self.rank : 4 * self.rank + 4].t())

    def load_up(self, tensor: Tensor) -> None:
        self.gate_up.data[:, 4:].copy_(tensor[4 * self.rank : 4 * self.rank + 4].t())

    def load_conv(self, tensor: Tensor) -> None:
        self.conv.data.copy_(tensor.squeeze(1))

    def load_norm(self, tensor: Tensor) -> None:
        self.norm.data.copy_(tensor)

    def load_scale(self, tensor: Tensor) -> None:
        self.scale.data.copy_(tensor.view(1))


def recorded(model: Rank, base: dict[str, Tensor]) -> dict[str, tuple[Place, ...]]:
    model.load_weights(iter(base.items()))
    return record_places(model, model.load_weights, base.items())


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_copies_to_the_places_load_any_weights_as_the_loader_does(rank: int, dtype: torch.dtype) -> None:
    model, reference = Rank(rank, dtype), Rank(rank, dtype)
    places = recorded(model, checkpoint())
    other = checkpoint(seed=1)
    for name, tensor in other.items():
        for place in places[name]:
            place.copy(tensor)
    reference.load_weights(iter(other.items()))
    for (name, written), (_, loaded) in zip(model.named_parameters(), reference.named_parameters(), strict=True):
        assert torch.equal(written, loaded), name


def test_recording_leaves_the_model_as_it_is() -> None:
    model, base = Rank(0), checkpoint()
    model.load_weights(iter(base.items()))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    record_places(model, model.load_weights, base.items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_contiguous_parts_of_contiguous_tensors_are_spans() -> None:
    places = recorded(Rank(1), checkpoint())
    assert places["q"][0].span == slice(4 * HIDDEN, 8 * HIDDEN)
    assert places["embed"][0].span == slice(8 * HIDDEN, VOCABULARY * HIDDEN)
    # A column shard is strided in the checkpoint, a part of a fused last dimension in the engine.
    assert places["o"][0].span is None and places["gate"][0].span is None


def test_a_tensor_that_the_loader_skips_has_no_place() -> None:
    class Skips(Rank):
        def load_weights(self, weights: Tensors) -> None:
            super().load_weights((name, tensor) for name, tensor in weights if name != "rope_cache")

    places = recorded(Skips(0), checkpoint() | {"rope_cache": torch.ones(4)})
    assert "rope_cache" not in places and "norm" in places


def test_a_loader_that_reads_everything_first_and_out_of_order_is_understood() -> None:
    class Collects(Rank):
        def load_weights(self, weights: Tensors) -> None:
            super().load_weights(iter(sorted(weights, key=lambda pair: pair[0])))

    assert set(recorded(Collects(0), checkpoint())) == set(checkpoint())


def computes(model: Rank, tensor: Tensor) -> None:
    model.norm.data.copy_(tensor + 1)


def derives(model: Rank, tensor: Tensor) -> None:
    Rank.load_norm(model, tensor)
    model.folded = model.qkv.float() * 2


def replaces(model: Rank, tensor: Tensor) -> None:
    model.norm.data = tensor.clone()


def keeps_elsewhere(model: Rank, tensor: Tensor) -> None:
    Rank.load_norm(model, tensor)
    model.hidden_copy = [torch.empty(tensor.shape)]
    model.hidden_copy[0].copy_(tensor)


def forgets(model: Rank, tensor: Tensor) -> None:
    model.norm.data[:-1].copy_(tensor[:-1])


def repeats(model: Rank, tensor: Tensor) -> None:
    Rank.load_norm(model, tensor)
    model.norm.data[:1].copy_(tensor[:1])


def spreads(model: Rank, tensor: Tensor) -> None:
    model.norm.data.copy_(tensor[:1])


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (computes, "add.Tensor on checkpoint tensor norm"),
        (derives, "on a parameter"),
        (replaces, "clone.default on checkpoint tensor norm"),
        (keeps_elsewhere, "copy_.default on checkpoint tensor norm"),
        (forgets, "every element of norm once"),
        (repeats, "every element of norm once"),
        (spreads, "copy_.default on"),
    ],
)
def test_a_loader_that_does_more_than_copying_is_not_explained(
    load: Callable[[Rank, Tensor], None], reason: str
) -> None:
    class Unusual(Rank):
        def load_norm(self, tensor: Tensor) -> None:
            load(self, tensor)

    with pytest.raises(Unexplained, match=reason):
        recorded(Unusual(0), checkpoint())


def test_a_fused_parameter_with_a_hole_is_not_explained() -> None:
    class Holed(Rank):
        def load_up(self, tensor: Tensor) -> None:
            self.gate_up.data[:, 5:].copy_(tensor[4 * self.rank + 1 : 4 * self.rank + 4].t())

    with pytest.raises(Unexplained, match="every element of gate_up once"):
        recorded(Holed(0), checkpoint())


def test_weights_that_were_processed_after_loading_are_not_explained() -> None:
    model, base = Rank(0), checkpoint()
    model.load_weights(iter(base.items()))
    model.o.data.copy_(model.o.flip(0))
    with pytest.raises(Unexplained, match="keeps o in another form"):
        record_places(model, model.load_weights, base.items())
