"""Gradients of many items' losses in the coefficients of task vectors, all in one backward pass.

Where weights change by ``eps * delta``, the output of the module that owns them changes by ``eps`` times its derivative
along ``delta``. That term is added to the output with an ``eps`` of 0 for every item, so propagating the loss back to
these zeros gives each item's own derivative: no gradient of a weight is ever formed, and every task vector is read once
for a whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, embedding, linear

from evomerge.errors import RecipeError
from merging.calibration.data import IGNORED, Batch
from merging.calibration.model import LiveModel
from merging.operators.inputs import MergeInputs


@dataclass(frozen=True)
class _Site:
    """A parameter where a module uses it.

    Args:
        module: owns the parameter.
        parameter: its name in the module.
        tensor: its checkpoint name.
        rows: the parts of the tensor: indices into the zeros.
    """

    module: nn.Module
    parameter: str
    tensor: str
    rows: range


def sequence_losses(live: LiveModel, batch: Batch) -> Tensor:
    """Return the negative log-likelihood of each sequence's labels in nats, shape (sequences,)."""
    targets = batch.labels[:, 1:].to(live.device)
    logits = live.logits(batch)[:, :-1]
    return cross_entropy(logits.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none").sum(1)


class Directions:
    """The directions of task vectors in a live model.

    Args:
        live: the model that runs, at whatever weights it has.
        inputs: the task vectors.
        ends: by tensor name, where its parts end, as in :class:`merging.calibration.coefficients.Mixture`; parts are
            whole rows.
    """

    def __init__(self, live: LiveModel, inputs: MergeInputs, ends: Mapping[str, Sequence[int]]) -> None:
        """Find the modules that use each tensor; a tied embedding has two."""
        self._live, self._inputs, self._ends = live, inputs, ends
        self._num_parts = sum(len(each) for each in ends.values())
        owned: dict[int, list[tuple[nn.Module, str]]] = {}
        for module in live.model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                owned.setdefault(id(parameter), []).append((module, name))
        self._sites: list[_Site] = []
        first = 0
        for tensor, each in ends.items():
            rows = range(first, first + len(each))
            uses = owned.get(id(live.parameter(tensor)), [])
            self._sites += [_Site(module, name, tensor, rows) for module, name in uses]
            first = rows.stop

    def gradients(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return each sequence's loss, the negative log-likelihood of its labels, and its gradients.

        Returns:
            fp64 on the CPU: gradients, shape (sequences, parts, experts), and losses in nats, shape (sequences,).
        """
        self._live.require_gradients(())
        count, dtype = len(batch.input_ids), next(iter(self._live.model.parameters())).dtype
        shape = (count, self._num_parts, len(self._inputs.models))
        zeros = torch.zeros(shape, dtype=dtype, device=self._live.device, requires_grad=True)
        with self._added(zeros, batch.input_ids.shape[1]):
            each = sequence_losses(self._live, batch)
            (found,) = torch.autograd.grad(each.sum(), zeros, allow_unused=True)
        gradients = torch.zeros(shape) if found is None else found
        return gradients.double().cpu(), each.detach().double().cpu()

    @contextmanager
    def _added(self, zeros: Tensor, length: int) -> Iterator[None]:
        handles = [
            site.module.register_forward_hook(_adder(self, site, zeros, length), with_kwargs=True)
            for site in self._sites
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def along(self, site: _Site, expert: int, args: Any, kwargs: Any, like: Tensor) -> Tensor | None:
        """Return the derivative of a module's output along a task vector; None where that is zero."""
        models, name = self._inputs.model_set, self._inputs.models[expert]
        factors = models.factors(site.tensor, name) if models is not None else None
        if isinstance(site.module, nn.Linear) and site.parameter == "weight" and factors is not None:
            b, a = (factor.to(like.device, like.dtype) for factor in (factors.b, factors.a))
            return linear(linear(args[0], a), b)
        delta = self._inputs.load(site.tensor).deltas[expert]
        if delta is None:
            return None
        delta = delta.to(like.device, like.dtype)
        if isinstance(site.module, nn.Linear):
            return linear(args[0], delta) if site.parameter == "weight" else delta.expand_as(like)
        if isinstance(site.module, nn.Embedding):
            return embedding(args[0], delta)

        value = getattr(site.module, site.parameter)
        ahead, behind = (
            functional_call(site.module, {site.parameter: value + sign * delta}, args, kwargs) for sign in (1, -1)
        )
        # Exact for gains and biases, which outputs are linear in; else as good as task vectors are small.
        return (ahead - behind) / 2  # type: ignore[no-any-return]

    def spread(self, site: _Site, zeros: Tensor, args: Any, length: int) -> Tensor:
        """Return the zeros that apply to a module's outputs, of a shape that multiplies them, experts last.

        Raises:
            RecipeError: the parts cut through a tensor whose rows are neither outputs nor tokens.
        """
        own = zeros[:, site.rows.start : site.rows.stop]
        if len(site.rows) == 1:
            return own
        shape = self._live.parameter(site.tensor).shape
        if len(shape) != 2 or not isinstance(site.module, nn.Linear | nn.Embedding):
            raise RecipeError(
                "recipe.granularity", f"a part ends inside {site.tensor}", "use a granularity of whole tensors"
            )
        sizes = [(stop - start) // shape[1] for start, stop in pairwise((0, *self._ends[site.tensor]))]
        part = torch.arange(len(sizes), device=own.device).repeat_interleave(torch.tensor(sizes, device=own.device))
        if isinstance(site.module, nn.Linear):
            return own[:, part]
        sequences = torch.arange(len(own), device=own.device)[:, None]
        return own[sequences, part[args[0]]][:, :, None]


def _adder(directions: Directions, site: _Site, zeros: Tensor, length: int) -> Any:
    running = False

    def add(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        nonlocal running
        if running:
            return output
        running = True
        try:
            own = directions.spread(site, zeros, args, length)
            for expert in range(zeros.shape[2]):
                with torch.no_grad():
                    change = directions.along(site, expert, args, kwargs, output)
                if change is not None:
                    output = output + change * _shaped(own[..., expert], change, length)
            return output
        finally:
            running = False

    return add


def _shaped(zeros: Tensor, change: Tensor, length: int) -> Tensor:
    """Give zeros of shape (sequences, outputs), or one more for tokens, the dimensions of a module's output."""
    if change.shape[0] != len(zeros):
        # Experts of a mixture see all tokens of a batch in one row.
        return zeros.repeat_interleave(length, dim=0)
    if zeros.dim() == change.dim():
        return zeros
    return zeros.view(len(zeros), *[1] * (change.dim() - 2), -1)
