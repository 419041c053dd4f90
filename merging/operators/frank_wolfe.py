"""FW-Merging: Frank-Wolfe steps towards the expert that lowers the loss fastest (2503.12649)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.calibration.coefficients import (
    Learned,
    Mixture,
    Parts,
    dots,
    learned,
    learned_kernel,
    number,
)
from merging.calibration.data import IGNORED, Batch
from merging.calibration.model import LiveModel
from merging.calibration.options import BATCH_SIZE, DATA_OPTIONS, Calibration, opened
from merging.operators.base import (
    LAMBDA,
    Kernel,
    MergeInputs,
    Operator,
    Option,
    Options,
    Prepared,
    TensorInputs,
    Values,
)

NOBODY = -1
"""Stands for the base among the experts that an oracle chooses."""


class FrankWolfeMerging(Operator):
    """Merges along the way of Frank-Wolfe: at step t, ``theta += scale * g_t * (s - theta)``, ``g_t = step * 2/(t+2)``.

    s is the expert, tensor by tensor (or as a whole), whose product with the gradient of the labelled loss is
    lowest. The loss is the mean negative log-likelihood per token of the completions, summed over experts. The
    way is linear in the task vectors, so only their coefficients are kept. Where no product is negative, s is
    the base, as in the authors' code for language models; ``no_descent: stay`` leaves the tensor instead.

    ``score: dot`` takes the products with the task vectors, which ranks experts as those with full weights do,
    but without the cancellation; ``cosine`` divides the products with full weights by the experts' norms, as
    published. All are summed in fp64.

    Costs one backward pass over all examples for each iteration.
    """

    name = "fw_merging"
    summary = "Steps from the merge towards the experts that lower the loss on labelled examples fastest."
    paper = "2503.12649"
    linear_flag = "LIN"
    cost = "calibration"
    data = "labelled"
    seeded = True
    parameters = (LAMBDA,)
    options = (
        *(replace(option, default=100) if option.name == "samples" else option for option in DATA_OPTIONS),
        BATCH_SIZE,
        Option("oracle", "tensor", ("tensor", "task"), "Choose an expert for each tensor, or one for the whole model."),
        Option("score", "dot", ("dot", "cosine"), "Product with task vectors, or cosine with full weights (paper)."),
        Option("iterations", 10, None, "Frank-Wolfe steps; 0 leaves the start."),
        Option("scale", 0.3, None, "Coefficient of the start's task arithmetic and of every step, in [0, 1]."),
        Option("step", 1.0, None, "Factor on the step sizes 2 / (t + 2), in [0, 1]."),
        Option("start", "task_arithmetic", ("task_arithmetic", "base"), "Where the way begins."),
        Option(
            "no_descent", "base", ("base", "stay"),
            "Where no expert lowers the loss: step towards the base, or leave the tensor.",
        ),
    )  # fmt: skip

    def survey(self, inputs: MergeInputs, options: Options) -> Learned:
        """Walk, or find the coefficients in the cache."""
        calibration = Calibration.of(options, inputs.seed)
        number(options, "iterations", 0)
        number(options, "scale", 0.0, 1.0)
        number(options, "step", 0.0, 1.0)
        return learned(self.name, inputs, options, calibration, lambda: _walk(inputs, options, calibration))

    def prepare(self, tensor: TensorInputs, options: Options, survey: Learned) -> Parts:
        """Return the tensor's coefficients."""
        return survey.tensors[tensor.name]

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind lambda; see :meth:`Operator.kernel`."""
        return learned_kernel(prepared.inputs, prepared.data, values.merge["lambda"])


@dataclass(frozen=True)
class Oracle:
    """The linear minimisation over the experts.

    Args:
        by_task: choose one expert for all tensors.
        squares: squared norms of the experts' full weights, shape (tensors, experts), for cosines; None for
            plain products with task vectors.
    """

    by_task: bool
    squares: Tensor | None

    def choose(self, products: Tensor) -> Tensor:
        """Return the index of the best expert for each tensor, ``NOBODY`` where none has a negative score.

        Args:
            products: of the gradient with each task vector, shape (tensors, experts), and with cosines a last
                column of products with the base. The lowest index wins a draw.
        """
        scores, squares = products, self.squares
        if squares is not None:
            scores = products[:, :-1] + products[:, -1:]
        if self.by_task:
            scores = scores.sum(0, keepdim=True).expand_as(scores)
            squares = None if squares is None else squares.sum(0, keepdim=True).expand_as(scores)
        if squares is not None:
            # The norm of the gradient is the same for all experts.
            scores = scores / squares.clamp_min(1e-300).sqrt()
        # numpy's argmin is the first of equals on every platform.
        index = torch.from_numpy(scores.numpy().argmin(axis=1))
        lowest = scores.gather(1, index[:, None]).squeeze(1)
        return torch.where(lowest < 0.0, index, NOBODY)


def advanced(coefficients: Tensor, chosen: Tensor, step: float, *, stay: bool) -> Tensor:
    """Return the coefficients after a step of a given size towards the chosen experts, shape (tensors, experts)."""
    experts = torch.arange(coefficients.shape[1])
    moved = torch.lerp(coefficients, (chosen[:, None] == experts).double(), step)
    return torch.where((chosen == NOBODY)[:, None], coefficients, moved) if stay else moved


def _walk(inputs: MergeInputs, options: Options, calibration: Calibration) -> Learned:
    live = LiveModel(opened(inputs), device=calibration.device)
    examples = calibration.examples(inputs.models, labelled=True)
    batches = [calibration.batches(examples[model], live.tokenizer) for model in inputs.models]
    scale, cosine = float(options["scale"]), options["score"] == "cosine"
    mixture = Mixture(live, inputs, {name: (inputs.size(name),) for name in inputs.names}, base=cosine)
    oracle = Oracle(options["oracle"] == "task", _squares(inputs) if cosine else None)
    start = scale if options["start"] == "task_arithmetic" else 0.0
    coefficients, history = torch.full(mixture.shape, start, dtype=torch.float64), []
    for iteration in range(int(options["iterations"])):
        mixture.write(coefficients)
        products, loss = _products(mixture, batches)
        chosen = oracle.choose(products)
        step = scale * float(options["step"]) * 2.0 / (iteration + 2.0)
        coefficients = advanced(coefficients, chosen, step, stay=options["no_descent"] == "stay")
        names = (*inputs.models, "nobody")
        # NOBODY indexes the last of the names.
        history.append(
            {"loss": loss} | {f"chose {n}": float((chosen % len(names) == i).sum()) for i, n in enumerate(names)}
        )
    return Learned(inputs.models, mixture.parts(coefficients), history)


def _products(mixture: Mixture, batches: list[list[Batch]]) -> tuple[Tensor, float]:
    """Return the gradient's products, see :meth:`Oracle.choose`, and the loss."""
    products, total = torch.zeros((), dtype=torch.float64), 0.0
    for own in batches:
        labels = sum(int((batch.labels[:, 1:] != IGNORED).sum()) for batch in own)
        for batch in own:
            loss = mixture.live.loss(batch)[0] / max(1, labels)
            products = products + mixture.gradient(loss)
            total += float(loss.detach())
    if not bool(products.isfinite().all()):
        raise Infeasible(f"the calibration loss is {total:g} or its gradient is not finite")
    return products, total


def _squares(inputs: MergeInputs) -> Tensor:
    rows = []
    for tensor in inputs:
        flat = [None if delta is None else delta.reshape(-1) for delta in tensor.deltas]
        own, *crossed = dots(tensor.base.reshape(-1), [tensor.base.reshape(-1), *flat])
        squares = [0.0 if delta is None else dots(delta, [delta])[0] for delta in flat]
        rows.append([own + 2.0 * cross + square for cross, square in zip(crossed, squares, strict=True)])
    return torch.tensor(rows, dtype=torch.float64)
