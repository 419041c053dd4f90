"""Gram matrices of the inputs of linear layers, with the experts as they are or block by block on the merge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import ModelError, RecipeError
from merging.calibration.cache import cached
from merging.calibration.data import Batch
from merging.calibration.model import LiveModel
from merging.calibration.regression import mean_delta, regression
from merging.calibration.statistics import Stored, Task, save
from merging.layout import layout_of
from merging.names import block_index


def linear_layers(live: LiveModel) -> dict[str, torch.nn.Linear]:
    """Return the linear layers whose weights are merged matrices, by checkpoint name; no embedding, no head.

    Raises:
        ModelError: there is none.
    """
    found: dict[str, torch.nn.Linear] = {}
    names = {id(live.parameter(name)): name for name in live.names}
    for module in live.model.modules():
        name = names.get(id(module.weight)) if isinstance(module, torch.nn.Linear) else None
        if name is not None and layout_of(name, tuple(module.weight.shape), live.models.config).role == "matrix":
            found[name] = module
    if not found:
        raise ModelError(
            f"model {live.models.base.name}",
            "transformers builds this architecture without torch.nn.Linear layers, whose inputs RegMean needs",
            "use another operator",
        )
    return found


class Grams:
    """Sums of x x^T over the tokens that reach each of some linear layers; padding does not count.

    Layers that are given the very same tensor (query, key and value; gate and up) share one sum.
    """

    def __init__(self, layers: Mapping[str, torch.nn.Linear]) -> None:
        """Take the layers to observe, by checkpoint name."""
        self.sums: dict[str, Tensor] = {}
        self.tokens: dict[str, int] = {}
        self.shared: dict[str, str] = {}
        self._layers = layers
        self._seen: tuple[Tensor | None, str] = (None, "")

    @contextmanager
    def observing(self, attention_mask: Tensor) -> Iterator[None]:
        """Observe a forward pass of a batch with this mask, shape (sequences, tokens)."""
        hooks = [
            layer.register_forward_pre_hook(self._observer(name, attention_mask.bool().flatten()))
            for name, layer in self._layers.items()
        ]
        try:
            yield
        finally:
            self._seen = (None, "")
            for hook in hooks:
                hook.remove()

    def save(self, directory: Path, label: str) -> None:
        """Write the means over tokens, fp32 (in, in); see :func:`save`."""
        means = {name: total / self.tokens[name] for name, total in self.sums.items() if self.tokens[name]}
        save(directory, label, means, {"shared": self.shared, "tokens": self.tokens})

    def mean(self, name: str) -> Tensor | None:
        """Return one mean on the CPU; None where no token came by."""
        name = self.shared.get(name, name)
        return (self.sums[name] / self.tokens[name]).cpu() if self.tokens.get(name) else None

    def take(self, other: Grams) -> None:
        """Add the sums of other layers."""
        self.sums.update(other.sums)
        self.tokens.update(other.tokens)
        self.shared.update(other.shared)

    def _observer(self, name: str, mask: Tensor) -> Callable[[Any, tuple[Tensor, ...]], None]:
        def observe(_: Any, arguments: tuple[Tensor, ...]) -> None:
            given = arguments[0]
            if given is self._seen[0]:
                self.shared[name] = self._seen[1]
                return
            self._seen = (given, name)
            self._add(name, given.detach().reshape(-1, given.shape[-1]), mask)

        return observe

    def _add(self, name: str, rows: Tensor, mask: Tensor) -> None:
        if not mask.all():
            if len(rows) != len(mask):
                raise RecipeError(
                    "recipe.options.batch_size",
                    f"the layer of {name} sees {len(rows)} of {len(mask)} tokens and cannot tell padding from text",
                    "use batch_size 1",
                )
            rows = rows[mask.to(rows.device)]
        rows = rows.float()
        if name not in self.sums:
            self.sums[name] = rows.new_zeros(rows.shape[1], rows.shape[1])
            self.tokens[name] = 0
        self.sums[name].addmm_(rows.T, rows)
        self.tokens[name] += len(rows)


def gram_matrices(task: Task, expert: str) -> Stored:
    """Return the mean of x x^T over the inputs x of each linear layer of an expert (2212.09849), cached.

    fp32, shape (in, in), by the checkpoint name of the layer's weight.
    """
    label = f"model {expert}"

    def compute(directory: Path) -> None:
        live = task.live()
        live.write_expert(expert)
        grams = Grams(linear_layers(live))
        with torch.inference_mode():
            for batch in task.batches(expert):
                with grams.observing(batch.attention_mask):
                    live.hidden(batch)
        grams.save(directory, label)

    return Stored(label, cached("gram-1", task.key(expert), compute))


def sequential_gram_matrices(task: Task, experts: Sequence[str], off_diagonal: float) -> tuple[Stored, ...]:
    """Return the Gram matrices of RegMean++ (2508.03121), one per expert, cached.

    Block by block: each expert's block runs on the hidden states that the blocks merged so far make of that
    expert's examples. The merge here is RegMean's own at ``lambda`` 1, in fp32; tensors outside the blocks are
    averaged first.

    Args:
        task: models and examples.
        experts: all experts of the merge; the result depends on every one of them.
        off_diagonal: see :func:`merging.calibration.regression.regression`.
    """

    def compute(directory: Path) -> None:
        collected = _Sequential(task, experts, off_diagonal).run()
        for index, (expert, grams) in enumerate(collected.items()):
            (directory / str(index)).mkdir()
            grams.save(directory / str(index), f"model {expert}")

    key = {**task.key(*experts), "off_diagonal": off_diagonal, "order": list(experts)}
    directory = cached("gram-sequential-1", key, compute)
    return tuple(Stored(f"model {expert}", directory / str(index)) for index, expert in enumerate(experts))


@dataclass
class _Stream:
    """One batch on its way through the blocks: its hidden states, and what else each block is given."""

    batch: Batch
    hidden: Tensor
    rest: list[tuple[tuple[Any, ...], dict[str, Any]]]


class _Sequential:
    def __init__(self, task: Task, experts: Sequence[str], off_diagonal: float) -> None:
        self.task, self.live = task, task.live()
        self.models, self.blocks = task.models, self.live.blocks()
        self.experts, self.off_diagonal = experts, off_diagonal
        self.layers = linear_layers(self.live)
        self.names: dict[int | None, list[str]] = {}
        for name in self.live.names:
            self.names.setdefault(block_index(name), []).append(name)

    def run(self) -> dict[str, Grams]:
        """Return the Gram matrices of all blocks."""
        self.live.write_base()
        for name in self.names.get(None, []):
            self._write_merged(name, {})
        with torch.inference_mode():
            streams = {expert: [self._start(b) for b in self.task.batches(expert)] for expert in self.experts}
            collected = {expert: Grams({}) for expert in self.experts}
            for index, block in enumerate(self.blocks):
                layers = {name: self.layers[name] for name in self.names[index] if name in self.layers}
                for expert in self.experts:
                    self.live.write_expert(expert, self.names[index])
                    grams = Grams(layers)
                    for stream in streams[expert]:
                        with grams.observing(stream.batch.attention_mask):
                            _through(block, stream, index)
                    collected[expert].take(grams)
                for name in self.names[index]:
                    self._write_merged(name, collected)
                for stream in (one for many in streams.values() for one in many):
                    stream.hidden = _through(block, stream, index)
        return collected

    def _write_merged(self, name: str, collected: Mapping[str, Grams]) -> None:
        deltas = [self.models.delta(name, expert) for expert in self.experts]
        grams = [collected[expert].mean(name) for expert in self.experts] if name in self.layers else None
        merged = regression(grams, deltas, self.off_diagonal) if grams else mean_delta(deltas)
        base = self.models.base_tensor(name)
        self.live.write(name, base if merged is None else base.float() + merged)

    def _start(self, batch: Batch) -> _Stream:
        """Run a batch once to learn what every block is given, and the hidden states that enter the first."""
        given: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

        def observe(_: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            given.append((arguments, keywords))

        hooks = [block.register_forward_pre_hook(observe, with_kwargs=True) for block in self.blocks]
        try:
            self.live.hidden(batch)
        finally:
            for hook in hooks:
                hook.remove()
        if len(given) != len(self.blocks) or not all(arguments for arguments, _ in given):
            raise ModelError(
                f"model {self.models.base.name}",
                "transformers does not run this architecture as a plain chain of blocks",
                "set sequential to false",
            )
        rest = [(arguments[1:], keywords) for arguments, keywords in given]
        return _Stream(batch, given[0][0][0], rest)


def _through(block: torch.nn.Module, stream: _Stream, index: int) -> Tensor:
    arguments, keywords = stream.rest[index]
    output = block(stream.hidden, *arguments, **keywords)
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden
