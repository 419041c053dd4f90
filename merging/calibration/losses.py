"""Losses of a merged model on calibration text, as sums over predicted positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from merging.calibration.data import Batch
from merging.calibration.model import LiveModel

Hidden = Literal["none", "all", "last"]

_TOKENS = 2048


@dataclass(frozen=True)
class Portion:
    """Some sequences of a batch, few enough that their logits fit.

    Args:
        batch: the sequences.
        mask: whether a position's prediction counts; bool, shape (sequences, tokens).
        share: one over the number of positions that count in the whole batch, so that sums over positions
            times the share add up to the batch's mean.
    """

    batch: Batch
    mask: Tensor
    share: float


@dataclass(frozen=True)
class Outputs:
    """What a model says at the positions that count.

    Args:
        logits: fp32, shape (positions, vocabulary).
        hidden: fp32 outputs of the chosen decoder blocks, shape (blocks, positions, width); None where nobody
            asked. The last block's is taken behind the final norm.
    """

    logits: Tensor
    hidden: Tensor | None


def portions(batch: Batch, *, last: bool = False) -> list[Portion]:
    """Split a batch into portions of at most 2048 padded tokens, or one sequence each.

    Args:
        batch: whole texts; every token's prediction of the next counts.
        last: only the prediction behind each text's last token counts.
    """
    mask = batch.attention_mask.bool()
    if last:
        mask = mask & (batch.attention_mask.cumsum(1) == batch.attention_mask.sum(1, keepdim=True))
    sequences, length = batch.input_ids.shape
    size, share = max(1, _TOKENS // max(1, length)), 1.0 / int(mask.sum())
    return [
        Portion(
            Batch(batch.input_ids[rows], batch.attention_mask[rows], batch.labels[rows]),
            mask[rows],
            share,
        )
        for rows in (slice(first, first + size) for first in range(0, sequences, size))
    ]


def run(live: LiveModel, portion: Portion, hidden: Hidden = "none") -> Outputs:
    """Run the live model as it is."""
    batch, mask = portion.batch.to(live.device), portion.mask.to(live.device)
    output = live.model(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        use_cache=False,
        output_hidden_states=hidden != "none",
    )
    logits = output.logits[mask].float()
    if hidden == "none":
        return Outputs(logits, None)
    states: Sequence[Tensor] = output.hidden_states[1:] if hidden == "all" else output.hidden_states[-1:]
    return Outputs(logits, torch.stack([state[mask].float() for state in states]))


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy of next-token predictions in nats, summed over positions."""
    logs = log_softmax(logits, dim=-1)
    return -(logs.exp() * logs).sum()


def divergence(teacher: Tensor, student: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``T^2 * KL(teacher || student)`` of predictions at temperature T, summed over positions.

    Its gradient is that of the cross-entropy with the teacher's predictions, and it is zero where both agree.
    """
    wanted, found = (log_softmax(logits / temperature, dim=-1) for logits in (teacher, student))
    return kl_div(found, wanted, reduction="sum", log_target=True) * temperature**2


def misalignment(teacher: Tensor, student: Tensor) -> Tensor:
    """Return the squared difference of hidden states, a mean over blocks and width, summed over positions."""
    return (student - teacher).square().mean(dim=(0, 2)).sum()


def cycle(lists: Sequence[Sequence[Batch]]) -> Iterator[tuple[int, Batch]]:
    """Yield the batches of several experts in turns, each with the expert's index, until all are used."""
    for turn in range(max(len(one) for one in lists)):
        for expert, one in enumerate(lists):
            if turn < len(one):
                yield expert, one[turn]
