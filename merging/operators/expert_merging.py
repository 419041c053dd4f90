"""Expert Merging and Expert Merging++: coefficients that align the merged model with its experts (2509.25712)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from evomerge.errors import RecipeError
from merging.calibration.coefficients import (
    Learned,
    Mixture,
    Parts,
    learned,
    learned_kernel,
    linearized,
    number,
    row_ends,
)
from merging.calibration.data import Batch
from merging.calibration.losses import Hidden, Portion, cycle, divergence, misalignment, portions, run
from merging.calibration.model import LiveModel
from merging.calibration.options import DATA_OPTIONS, Calibration, opened
from merging.names import is_tower
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

_WEIGHT_DECAY, _CLIP, _PATIENCE = 1e-5, 1.0, 3
_RESTART, _STRETCH, _LEAST_RATE = 50, 2, 0.1


@dataclass(frozen=True)
class _Settings:
    """The options of one training, checked."""

    epochs: int
    learning_rate: float
    accumulation: int
    init: float
    gamma: float
    temperature: float
    hidden_weight: float
    hidden: Hidden
    chunks: float
    kappa: float
    matrices: bool

    @classmethod
    def of(cls, options: Options) -> _Settings:
        init = number(options, "init", 0.0, 1.0)
        if init in (0.0, 1.0):
            raise RecipeError(
                "recipe.options.init", f"found {init:g}, which no sigmoid reaches", "use a number between 0 and 1"
            )
        weight = number(options, "hidden_weight", 0.0)
        return cls(
            int(number(options, "epochs", 0)),
            number(options, "learning_rate", 0.0),
            int(number(options, "accumulation", 1)),
            init,
            number(options, "gamma", 0.0),
            number(options, "temperature", 1e-3),
            weight,
            cast(Hidden, options["hidden_layers"]) if weight else "none",
            number(options, "chunks", 0.0),
            number(options, "kappa", 0.0),
            options["tensors"] == "matrices",
        )


class ExpertMerging(Operator):
    """``base + lambda * sum_i sigmoid(r_i) * delta_i`` with r learned so that the merge acts like each expert.

    On the examples of expert i the loss is ``T^2 * KL`` from the expert's predictions plus ``hidden_weight``
    times the mean squared distance of hidden states, over every token of prompt and completion; labels are not
    needed. ``gamma`` times the distance of the coefficients from ``init``, a mean over parts summed over
    experts, is added. AdamW with cosine warm restarts, gradients clipped to norm 1, stops after 3 epochs
    without a lower loss. The settings are those of the authors' scripts, except that these align the blocks that
    the user lists. Here it is the last one behind the final norm, because the few huge activations of inner
    blocks outweigh the predictions. Every expert's loss counts the same.

    ``chunks`` above 0 is Expert Merging++: after a first training, each tensor is cut into
    ``max(1, floor(B * I^kappa / sum I^kappa))`` parts of whole rows, with ``B = chunks`` times the number of
    tensors and I the tensor's sum of coefficient times L1 norm of the task vector; a second training starts at
    ``init``.

    Needs the model in fp32 and the predictions of ``accumulation`` batches in memory.
    """

    name = "expert_merging"
    summary = "Learns each task vector's share so that the merge predicts like each expert on its own examples."
    paper = "2509.25712"
    linear_flag = "LIN"
    cost = "calibration"
    data = "text"
    seeded = True
    parameters = (LAMBDA,)
    options = (
        *(replace(option, default=5) if option.name == "samples" else option for option in DATA_OPTIONS),
        Option("batch_size", 1, None, "Examples that run through a model at a time."),
        Option("epochs", 1, None, "Passes over the examples; 0 leaves the initial coefficients."),
        Option("accumulation", 8, None, "Batches in one optimizer step."),
        Option("learning_rate", 0.5, None, "Learning rate of AdamW, on the argument of the sigmoid."),
        Option("init", 0.1, None, "Initial coefficient, between 0 and 1."),
        Option("gamma", 5.0, None, "Weight of the coefficients' distance from the initial one."),
        Option("temperature", 1.0, None, "Temperature of the predictions that are compared."),
        Option("hidden_weight", 1.0, None, "Weight of the alignment of hidden states."),
        Option("hidden_layers", "last", ("last", "all"), "Decoder blocks whose hidden states are aligned."),
        Option(
            "tensors", "matrices", ("matrices", "all"),
            "What is merged: linear weights only (the paper; the rest stays the base's), or everything.",
        ),
        Option("chunks", 0.0, None, "Parts per tensor on average (++), about 0.9 to 1.2; 0 keeps tensors whole."),
        Option("kappa", 1.0, None, "Exponent of importance when parts are shared out."),
    )  # fmt: skip

    def survey(self, inputs: MergeInputs, options: Options) -> Learned:
        """Learn the coefficients, or find them in the cache."""
        calibration, settings = Calibration.of(options, inputs.seed), _Settings.of(options)
        return learned(self.name, inputs, options, calibration, lambda: _learn(inputs, calibration, settings))

    def prepare(self, tensor: TensorInputs, options: Options, survey: Learned) -> Parts:
        """Return the tensor's coefficients; nothing where it stays the base's."""
        return survey.tensors.get(tensor.name, ())

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Bind lambda; see :meth:`Operator.kernel`."""
        return learned_kernel(prepared.inputs, prepared.data, values.merge["lambda"])


def chunk_counts(importance: Mapping[str, float], budget: float, kappa: float) -> dict[str, int]:
    """Return how many parts each tensor gets of a budget of parts, by its importance to the power of kappa.

    Without any importance every tensor stays whole.
    """
    top = max(importance.values(), default=0.0) or 1.0
    shares = {name: (one / top) ** kappa if one else 0.0 for name, one in importance.items()}
    total = sum(shares.values()) or 1.0
    return {name: max(1, math.floor(budget * share / total)) for name, share in shares.items()}


def _learn(inputs: MergeInputs, calibration: Calibration, settings: _Settings) -> Learned:
    live = LiveModel(opened(inputs), device=calibration.device)
    examples = calibration.examples(inputs.models)
    turns = list(cycle([calibration.batches(examples[model], live.tokenizer) for model in inputs.models]))
    shapes = {t.name: tuple(t.base.shape) for t in inputs if not settings.matrices or _is_weight(t)}
    counts = dict.fromkeys(shapes, 1)

    def train() -> tuple[dict[str, Parts], list[dict[str, float]]]:
        ends = {name: row_ends(shape, counts[name]) for name, shape in shapes.items()}
        mixture = Mixture(live, inputs, ends)
        coefficients, history = _train(mixture, turns, settings)
        return mixture.parts(coefficients), history

    parts, history = train()
    if settings.chunks:
        counts = chunk_counts(_importance(inputs, parts), settings.chunks * len(shapes), settings.kappa)
        parts, again = train()
        history += again
    return Learned(inputs.models, parts, history)


def _is_weight(tensor: TensorInputs) -> bool:
    return tensor.layout.role == "matrix" and not is_tower(tensor.name)


def _importance(inputs: MergeInputs, parts: Mapping[str, Parts]) -> dict[str, float]:
    """Return coefficient times L1 norm of the task vector, summed over experts, for tensors in one part."""
    found = {}
    for name, ((_, row),) in parts.items():
        deltas = inputs.load(name).deltas
        found[name] = sum(
            abs(weight) * float(delta.abs().sum(dtype=torch.float64))
            for delta, weight in zip(deltas, row, strict=True)
            if delta is not None
        )
    return found


def _train(
    mixture: Mixture, turns: Sequence[tuple[int, Batch]], settings: _Settings
) -> tuple[Tensor, list[dict[str, float]]]:
    """Return the learned coefficients and the loss and penalty of every step."""
    start, rate = settings.init, settings.learning_rate
    raw = torch.full(mixture.shape, math.log(start / (1.0 - start)), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([raw], lr=rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, _RESTART, _STRETCH, eta_min=_LEAST_RATE * rate
    )
    history: list[dict[str, float]] = []
    best, waited = math.inf, 0
    for _ in range(settings.epochs):
        total = 0.0
        for first in range(0, len(turns), settings.accumulation):
            group = turns[first : first + settings.accumulation]
            coefficients = raw.sigmoid()
            objective, loss = linearized(mixture, coefficients, _losses(mixture, group, settings))
            penalty = settings.gamma * (coefficients - start).abs().mean(0).sum()
            optimizer.zero_grad()
            (objective + penalty).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_([raw], _CLIP)
            optimizer.step()
            schedule.step()
            history.append({"loss": loss, "penalty": float(penalty.detach())})
            total += (loss + float(penalty.detach())) * len(group)
        best, waited = (total, 0) if total < best else (best, waited + 1)
        if waited == _PATIENCE:
            break
    return raw.detach().sigmoid() if history else torch.full_like(raw.detach(), start), history


def _losses(mixture: Mixture, group: Sequence[tuple[int, Batch]], settings: _Settings) -> list[Callable[[], Tensor]]:
    """Run the experts on their batches of one group and return the losses of the merged model, a mean over it."""
    losses: list[Callable[[], Tensor]] = []
    for expert in sorted({expert for expert, _ in group}):
        mixture.write_expert(expert)
        for owner, batch in group:
            if owner == expert:
                losses += [_loss(mixture.live, one, settings, 1.0 / len(group)) for one in portions(batch)]
    return losses


def _loss(live: LiveModel, portion: Portion, settings: _Settings, weight: float) -> Callable[[], Tensor]:
    with torch.no_grad():
        teacher = run(live, portion, settings.hidden)

    def loss() -> Tensor:
        student = run(live, portion, settings.hidden)
        found = divergence(teacher.logits, student.logits, settings.temperature)
        if teacher.hidden is not None and student.hidden is not None:
            found = found + settings.hidden_weight * misalignment(teacher.hidden, student.hidden)
        return found * (portion.share * weight)

    return loss
