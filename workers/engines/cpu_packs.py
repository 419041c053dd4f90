"""The packed copies of weights that vLLM multiplies with on a processor, packed again as weights are written.

Importing this module changes vLLM in this process: it then keeps the raw weight beside the packed one, since there is
nothing to write into otherwise.
"""

from __future__ import annotations

import inspect
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from threading import Lock
from types import CellType

import torch
import vllm
from vllm._custom_ops import CPUDNNLGEMMHandler
from vllm.model_executor.layers import utils as gemm_dispatch
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.platforms import current_platform

from evomerge.errors import EngineError
from merging.live import LiveWeights
from workers.engines.pack_memory import PackMemory, of_handler, of_tensor

# Set by vLLM on a module whose weight it has packed for the CPU's matrix units.
PACKED = "cpu_linear"
# As many as vLLM lets a packed weight remember, one for each number of tokens.
_PRIMITIVES = 32
# The shape of a weight that vLLM's own library packs, where it packs any.
_SMALL = (32, 32)


class Packs:
    """The modules of a model that have a packed weight; none on a GPU.

    A module is packed by the thread that writes the last tensor of its weight, which is in that core's cache still. The
    others merge meanwhile: they wait for memory where packing computes.

    Attributes:
        seconds: spent on packing since :meth:`begin`, as if all threads had shared each of them.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        """Find the modules."""
        self._modules = _packed_modules(model)
        written = [_in_place(module) for module in self._modules]
        self._in_place = sum(one is not None for one in written)
        self._renewals = [one or _renewal(module) for one, module in zip(written, self._modules, strict=True)]
        self._threads = torch.get_num_threads()
        self._owners: dict[str, list[int]] = defaultdict(list)
        self._missing: list[set[str]] = []
        self._stale: set[int] = set()
        self._lock = Lock()
        self.seconds = 0.0

    def __str__(self) -> str:
        """Say how many packs are written in place; nothing where there are none."""
        return f"{self._in_place} of {len(self._modules)} in place" if self._modules else ""

    def begin(self, live: LiveWeights) -> None:
        """Expect every tensor that has a place once."""
        if not self._owners:
            places = {name: {_storage(place.out) for place in found} for name, found in live.places.items()}
            for index, module in enumerate(self._modules):
                own = _storage(module.get_parameter("weight"))
                for name in (name for name, storages in places.items() if own in storages):
                    self._owners[name].append(index)
        self._missing = [set() for _ in self._modules]
        for name, owners in self._owners.items():
            for index in owners:
                self._missing[index].add(name)
        self._stale.clear()
        self.seconds = 0.0

    def written(self, name: str, changed: bool) -> None:
        """Take note that a tensor is in its places, and whether they changed; from any thread."""
        with self._lock:
            owners = self._owners.get(name, ())
            for index in owners:
                self._missing[index].discard(name)
            if changed:
                self._stale.update(owners)
            complete = [index for index in owners if index in self._stale and not self._missing[index]]
        for index in complete:
            self._renew(index)

    def pack_all(self) -> None:
        """Let vLLM pack every module, whose weight and pack may be others now: a loader may have put them in place."""
        self.seconds = 0.0
        self._renewals = [_renewal(module) for module in self._modules]
        for index in range(len(self._modules)):
            self._renew(index)

    def _renew(self, index: int) -> None:
        start = time.perf_counter()
        self._renewals[index]()
        seconds = (time.perf_counter() - start) * torch.get_num_threads() / self._threads
        with self._lock:
            self.seconds += seconds


def begin_thread() -> None:
    """Let vLLM's library see to this thread now, see :func:`merging.threads.single_threaded_pool`.

    It packs small weights with parallel operations of its own, on processors with matrix units for bf16.
    """
    if current_platform.is_cpu() and gemm_dispatch.check_cpu_sgl_kernel(*_SMALL, torch.bfloat16):
        torch.ops._C.convert_weight_packed(torch.zeros(_SMALL, dtype=torch.bfloat16))


def _in_place(module: torch.nn.Module) -> Callable[[], None] | None:
    """Return what writes a module's weight into the memory of its pack; None where that is not known well enough."""
    keeper, weight = _keeper(module), module.get_parameter("weight").detach()
    memory: PackMemory | None = None
    if isinstance(keeper, CPUDNNLGEMMHandler):
        memory = of_handler(keeper.handler_tensor.item(), weight)
    elif keeper is not None:
        memory = of_tensor(keeper.cell_contents, weight)
    return memory.write if memory is not None and memory.obeyed(getattr(module, PACKED)) else None


def _renewal(module: torch.nn.Module) -> Callable[[], None]:
    """Return what lets a library pack a module's weight again, wherever its memory is.

    Where vLLM is known to keep the pack, vLLM isn't asked again which library is to have the weight, which takes as
    long as packing a small one.
    """
    keeper, weight = _keeper(module), module.get_parameter("weight").detach()
    if isinstance(keeper, CPUDNNLGEMMHandler):
        return partial(_renew_in_onednn, keeper, weight.t())
    if keeper is not None:
        return partial(_renew_in_vllm, keeper, weight)
    return partial(_renew_anyhow, module)


def _keeper(module: torch.nn.Module) -> CPUDNNLGEMMHandler | CellType | None:
    """Return what keeps a module's pack: oneDNN's handler, or a variable of vLLM's; None where neither is known to."""
    multiply = getattr(module, PACKED)
    # Where nothing is packed, vLLM leaves torch's own function, which has none.
    cells = getattr(multiply, "__closure__", None) or ()
    variables = dict(zip(multiply.__code__.co_freevars, cells, strict=True)) if cells else {}
    if "handler" in variables and isinstance(handler := variables["handler"].cell_contents, CPUDNNLGEMMHandler):
        return handler
    return variables.get("packed_weight")


def _renew_in_onednn(handler: CPUDNNLGEMMHandler, weight: torch.Tensor) -> None:
    pointer = handler.handler_tensor
    # So that nobody frees it again, should the last line fail.
    handler.handler_tensor = None
    torch.ops._C.release_dnnl_matmul_handler.default(pointer.item())
    handler.handler_tensor = pointer.fill_(torch.ops._C.create_onednn_mm_handler.default(weight, _PRIMITIVES))


def _renew_in_vllm(pack: CellType, weight: torch.Tensor) -> None:
    pack.cell_contents = None
    pack.cell_contents = torch.ops._C.convert_weight_packed.default(weight)


def _renew_anyhow(module: torch.nn.Module) -> None:
    setattr(module, PACKED, None)
    _pack(module, remove_weight=False)


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _packed_modules(model: torch.nn.Module) -> list[torch.nn.Module]:
    packed = [module for module in model.modules() if hasattr(module, PACKED)]
    if not any(isinstance(module, ParallelLMHead) for module in packed):
        return packed
    # With a head of its own the input embedding is only ever looked up: its pack is dead weight.
    heads: list[torch.nn.Module] = []
    for module in packed:
        if isinstance(module, VocabParallelEmbedding) and not isinstance(module, ParallelLMHead):
            setattr(module, PACKED, torch.nn.functional.linear)
        else:
            heads.append(module)
    return heads


def _keep_raw_weights() -> Callable[..., None]:
    """Make vLLM pack without dropping the weight; returns vLLM's own packing function."""
    pack: Callable[..., None] | None = getattr(gemm_dispatch, "dispatch_cpu_unquantized_gemm", None)
    if pack is None or list(inspect.signature(pack).parameters) != ["layer", "remove_weight"]:
        raise EngineError(
            f"vLLM {vllm.__version__} packs CPU weights in a way that is not known here: "
            "install vLLM 0.32, or use engine: transformers"
        )

    def keep(layer: torch.nn.Module, remove_weight: bool) -> None:
        pack(layer, remove_weight=False)

    gemm_dispatch.dispatch_cpu_unquantized_gemm = keep
    return pack


if current_platform.is_cpu():
    _pack = _keep_raw_weights()
