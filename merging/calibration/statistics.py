"""Statistics of an expert on its examples, computed once and kept; here the diagonal of its Fisher matrix."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from evomerge.errors import ModelError
from merging.blocks import is_finite
from merging.calibration.cache import cached, model_identity
from merging.calibration.data import IGNORED, Batch, Example
from merging.calibration.model import LiveModel
from merging.calibration.options import Calibration
from merging.checkpoints import SafetensorsFiles
from merging.streams import uniforms

if TYPE_CHECKING:
    from merging.models import ModelSet

WEIGHTS = "statistics.safetensors"
FACTS = "facts.json"
_ROWS = 64


@dataclass(frozen=True)
class Task:
    """Whose statistics are wanted, on what.

    Args:
        models: the merge.
        live: returns the running base, loading it at the first call only; not called where a result is cached.
        calibration: checked data options.
        examples: of every expert.
    """

    models: ModelSet
    live: Callable[[], LiveModel]
    calibration: Calibration
    examples: Mapping[str, tuple[Example, ...]]

    def batches(self, expert: str) -> list[Batch]:
        """Return the batches of one expert."""
        return self.calibration.batches(self.examples[expert], self.live().tokenizer)

    def key(self, *experts: str) -> dict[str, Any]:
        """Return what statistics of these experts depend on."""
        return {"models": model_identity(self.models, experts), "calibration": self.calibration.key()}


class Stored:
    """Statistics on disk, memory-mapped."""

    def __init__(self, label: str, directory: Path) -> None:
        """Open what :func:`save` wrote."""
        self._files = SafetensorsFiles(label, directory, [WEIGHTS])
        self.facts: dict[str, Any] = json.loads((directory / FACTS).read_text(encoding="utf-8"))

    def tensor(self, name: str) -> Tensor | None:
        """Return the fp32 statistics of one tensor; None where there are none."""
        stored = self.facts.get("shared", {}).get(name, name)
        return self._files.tensor(stored) if stored in self._files.infos else None


def save(directory: Path, label: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write statistics.

    Raises:
        ModelError: one of them is not finite.
    """
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise ModelError(
                label,
                f"its statistics of {name} on the calibration examples are not finite",
                "check the expert; a model whose activations overflow cannot be calibrated",
            )
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, directory / WEIGHTS)
    (directory / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def fisher_diagonal(task: Task, expert: str, labels: str) -> Stored:
    """Return the diagonal of an expert's Fisher matrix (2111.09832), computed once and cached.

    For each example the gradient of log p(y | x), summed over the predicted positions, is squared; the result
    is the mean over examples, fp32, in the shape of each tensor. ``facts["norm"]`` is its L2 norm over the whole
    model. One parameter with two uses (a tied head) has one gradient, so it counts once.

    Args:
        task: models and examples.
        expert: whose weights.
        labels: where y comes from. ``sampled``: one keyed draw from the expert's own prediction at every
            position, whose expectation is the Fisher matrix; ``argmax``: its most probable token at the last
            position only (2505.10833); ``data``: the file's own tokens.
    """
    label = f"model {expert}"

    def compute(directory: Path) -> None:
        live = task.live()
        live.write_expert(expert)
        batches = task.batches(expert)
        with _squared_gradients(live) as totals:
            for batch in batches:
                _backward(live, batch, _chooser(labels, task.calibration.seed, expert))
        for total in totals.values():
            total.div_(len(batches))
        norms = [float(torch.linalg.vector_norm(total, dtype=torch.float64)) for total in totals.values()]
        save(directory, label, totals, {"norm": float(torch.tensor(norms, dtype=torch.float64).norm())})

    directory = cached("fisher-1", {**task.key(expert), "labels": labels}, compute)
    return Stored(label, directory)


@contextmanager
def _squared_gradients(live: LiveModel) -> Iterator[dict[str, Tensor]]:
    """Add the square of every gradient to a total as soon as it is known, and forget the gradient."""
    live.require_gradients(live.names)
    tracked = {name: live.parameter(name) for name in live.names if live.parameter(name).requires_grad}
    totals = {name: torch.zeros_like(tensor, requires_grad=False) for name, tensor in tracked.items()}

    def observer(total: Tensor) -> Callable[[Tensor], None]:
        def observe(parameter: Tensor) -> None:
            if parameter.grad is not None:
                total.addcmul_(parameter.grad, parameter.grad)
                parameter.grad = None

        return observe

    hooks = [
        tensor.register_post_accumulate_grad_hook(observer(totals[name]))  # type: ignore[no-untyped-call]
        for name, tensor in tracked.items()
    ]
    try:
        yield totals
    finally:
        for hook in hooks:
            hook.remove()
        live.require_gradients(())


Choose = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From the ids of a sequence, its logits (n, vocabulary) and labels (n,) at the predicted positions to tokens (m,),
which are those of the last m positions."""


def _backward(live: LiveModel, batch: Batch, choose: Choose) -> None:
    """Differentiate the log-likelihood of the chosen tokens of one sequence."""
    labels = batch.labels[0, 1:].to(live.device)
    predicted = labels != IGNORED
    if not predicted.any():
        return
    logits = live.logits(batch)[0, :-1][predicted]
    targets = choose(batch.input_ids, logits.detach(), labels[predicted])
    loss = torch.nn.functional.cross_entropy(logits[-len(targets) :], targets, reduction="sum")
    loss.backward()  # type: ignore[no-untyped-call]


def _chooser(labels: str, seed: int, expert: str) -> Choose:
    def sampled(ids: Tensor, logits: Tensor, given: Tensor) -> Tensor:
        digest = hashlib.sha256(ids.numpy().tobytes()).hexdigest()
        draws = torch.from_numpy(uniforms(seed, "fisher", expert, digest, count=len(logits))).to(logits.device)
        return torch.cat([_draw(logits[i : i + _ROWS], draws[i : i + _ROWS]) for i in range(0, len(logits), _ROWS)])

    def argmax(ids: Tensor, logits: Tensor, given: Tensor) -> Tensor:
        return logits[-1:].argmax(-1)

    def data(ids: Tensor, logits: Tensor, given: Tensor) -> Tensor:
        return given

    return {"sampled": sampled, "argmax": argmax, "data": data}[labels]


def _draw(logits: Tensor, draws: Tensor) -> Tensor:
    """Invert the distribution function of each row, in fp64."""
    reached = torch.softmax(logits.double(), dim=-1).cumsum(-1)
    tokens = torch.searchsorted(reached, (draws * reached[:, -1])[:, None], right=True)[:, 0]
    return tokens.clamp_max(logits.shape[1] - 1)
