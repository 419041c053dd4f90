"""AdaMerging: coefficients that make the merged model sure of its predictions (2310.02575)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from merging.calibration.coefficients import (
    Learned,
    Mixture,
    Parts,
    learned,
    learned_kernel,
    linearized,
    number,
)
from merging.calibration.data import Batch
from merging.calibration.losses import Portion, divergence, entropy, portions, run
from merging.calibration.model import LiveModel
from merging.calibration.options import DATA_OPTIONS, Calibration, opened
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

_THRESHOLDS = "thresholds"


@dataclass(frozen=True)
class _Ready:
    """The task vectors that are mixed, and their coefficients."""

    tensor: TensorInputs
    parts: Parts


class AdaMerging(Operator):
    """``base + lambda * sum_i c_i * delta_i`` with coefficients c that Adam learns from unlabelled prompts.

    It minimises the entropy of next-token predictions, summed over the experts' own prompts, whose completions
    take no part. Entropy falls too where a model repeats itself; ``anchor`` adds the divergence from each
    expert's predictions on its own prompts, which holds the merge near the experts. With ``trim`` (AdaMerging++)
    the task vectors are first trimmed and sign-elected as in TIES, each magnitude threshold taken over the whole
    task vector; that keeps a second copy of the task vectors in memory.

    Every step writes the model once and runs it forwards and backwards on one batch of every expert; with an
    anchor, each expert runs forwards as well.
    """

    name = "adamerging"
    summary = "Learns each task vector's share by making the merged model sure of its predictions on prompts."
    paper = "2310.02575"
    linear_flag = "LIN"
    cost = "calibration"
    data = "text"
    seeded = True
    parameters = (LAMBDA,)
    options = (
        *DATA_OPTIONS,
        Option("batch_size", 16, None, "Prompts of each expert in one step."),
        Option("level", "tensor", ("tensor", "task"), "Learn one coefficient per tensor and expert, or per expert."),
        Option("steps", 500, None, "Optimizer steps; 0 leaves the initial coefficients."),
        Option("learning_rate", 0.001, None, "Learning rate of Adam."),
        Option("init", 0.3, None, "Initial coefficient."),
        Option("clamp", True, (True, False), "Put coefficients back into [0, 1] after every step."),
        Option(
            "positions", "all", ("all", "last"),
            "Predictions whose entropy counts: behind every token of a prompt, or behind the last one.",
        ),
        Option("anchor", 0.0, None, "Weight of the divergence from each expert's predictions; 0 is the paper."),
        Option("trim", "none", ("none", "ties"), "Mix the task vectors as they are, or trimmed and sign-elected (++)."),
        Option("density", 0.2, None, "Share of each task vector that a trim keeps."),
    )  # fmt: skip

    def survey(self, inputs: MergeInputs, options: Options) -> Learned:
        """Learn the coefficients, or find them in the cache."""
        calibration = Calibration.of(options, inputs.seed)
        for name, least in (("steps", 0), ("learning_rate", 0), ("anchor", 0)):
            number(options, name, least)
        number(options, "init", -10.0, 10.0)
        number(options, "density", 1e-6, 1.0)
        return learned(self.name, inputs, options, calibration, lambda: _learn(inputs, options, calibration))

    def prepare(self, tensor: TensorInputs, options: Options, survey: Learned) -> _Ready:
        """Trim and elect where asked, and look the coefficients up."""
        if thresholds := survey.facts.get(_THRESHOLDS):
            tensor = elected(tensor, thresholds)
        return _Ready(tensor, survey.tensors[tensor.name])

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind lambda; see :meth:`Operator.kernel`."""
        return learned_kernel(prepared.data.tensor, prepared.data.parts, values.merge["lambda"])


def trim_thresholds(inputs: MergeInputs, density: float) -> list[float]:
    """Return, for each expert, the magnitude of the k-th largest element of its whole task vector.

    k is ``max(1, floor(density * elements))``, with tensors that the expert does not change counted as zeros.
    Holds one expert's magnitudes at a time, 4 bytes per element.
    """
    thresholds = []
    for index in range(len(inputs.models)):
        count, pieces = 0, []
        for tensor in inputs:
            count += tensor.base.numel()
            if (delta := tensor.deltas[index]) is not None:
                pieces.append(delta.abs().view(-1).numpy())
        magnitudes = np.concatenate([np.zeros(0, dtype=np.float32), *pieces])
        kept, stored = max(1, int(density * count)), len(magnitudes)
        thresholds.append(float(np.partition(magnitudes, stored - kept)[stored - kept]) if kept <= stored else 0.0)
    return thresholds


def elected(tensor: TensorInputs, thresholds: Sequence[float]) -> TensorInputs:
    """Return a tensor whose task vectors keep only large elements of the elected sign.

    An element is large if its magnitude is at least the expert's threshold. The sign is that of the sum of
    what is left, as in TIES (2306.01708); where the sum is zero nothing is kept.
    """
    large = [
        None if delta is None else torch.where(delta.abs() >= threshold, delta, 0.0)
        for delta, threshold in zip(tensor.deltas, thresholds, strict=True)
    ]
    total = torch.zeros(tensor.base.shape)
    for delta in large:
        if delta is not None:
            total += delta
    sign = total.sign_()
    return replace(tensor, deltas=tuple(None if d is None else torch.where(d * sign > 0.0, d, 0.0) for d in large))


def _learn(inputs: MergeInputs, options: Options, calibration: Calibration) -> Learned:
    live = LiveModel(opened(inputs), device=calibration.device)
    prompts = [
        calibration.batches([replace(example, completion=None) for example in examples], live.tokenizer)
        for examples in calibration.examples(inputs.models).values()
    ]
    facts: dict[str, list[float]] = {}
    load: Callable[[str], TensorInputs] = inputs.load
    if options["trim"] == "ties":
        facts[_THRESHOLDS] = thresholds = trim_thresholds(inputs, float(options["density"]))

        def load(name: str) -> TensorInputs:
            return elected(inputs.load(name), thresholds)

    mixture = Mixture(live, inputs, {name: (inputs.size(name),) for name in inputs.names}, load)
    raw = torch.full(
        (mixture.shape[0] if options["level"] == "tensor" else 1, mixture.shape[1]),
        float(options["init"]),
        dtype=torch.float64,
        requires_grad=True,
    )
    optimizer = torch.optim.Adam([raw], lr=float(options["learning_rate"]))
    history = []
    for step in range(int(options["steps"])):
        losses = _losses(mixture, [batches[step % len(batches)] for batches in prompts], options)
        objective, loss = linearized(mixture, raw.expand(mixture.shape), losses)
        optimizer.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if options["clamp"]:
            raw.data.clamp_(0.0, 1.0)
        history.append({"loss": loss})
    return Learned(inputs.models, mixture.parts(raw.detach().expand(mixture.shape)), history, facts)


def _losses(mixture: Mixture, batches: Sequence[Batch], options: Options) -> list[Callable[[], Tensor]]:
    """Return the losses of one step; with an anchor, run the experts."""
    anchor, last = float(options["anchor"]), options["positions"] == "last"
    losses = []
    for index, batch in enumerate(batches):
        if anchor:
            mixture.write_expert(index)
        for portion in portions(batch, last=last):
            losses.append(_loss(mixture.live, portion, anchor))
    return losses


def _loss(live: LiveModel, portion: Portion, anchor: float) -> Callable[[], Tensor]:
    teacher = None
    if anchor:
        with torch.no_grad():
            teacher = run(live, portion).logits

    def loss() -> Tensor:
        logits = run(live, portion).logits
        found = entropy(logits)
        if teacher is not None:
            found = found + anchor * divergence(teacher, logits)
        return found * portion.share

    return loss
