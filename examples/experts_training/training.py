"""Supervised fine-tuning of an adapter on question and answer pairs, and exact match in one forward pass."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from experts_training.datasets import Item
from experts_training.lora import LoraLinear
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

QUESTION_FRAME = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
ANSWER_FRAME = "{}<|im_end|>"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast an expert learns: AdamW with a cosine from ``learning_rate`` to zero."""

    steps: int
    learning_rate: float
    batch_tokens: int = 480
    warmup_steps: int = 10


@dataclass(frozen=True)
class Encoded:
    """Token ids of a whole conversation; the answer starts at ``answer_start``."""

    ids: list[int]
    answer_start: int


def encode(tokenizer: Any, items: Sequence[Item]) -> list[Encoded]:
    """Write the items in chat format without a system prompt and tokenize them."""
    encoded = []
    for item in items:
        question = tokenizer.encode(QUESTION_FRAME.format(item.question), add_special_tokens=False)
        answer = tokenizer.encode(ANSWER_FRAME.format(item.answer), add_special_tokens=False)
        encoded.append(Encoded(question + answer, len(question)))
    return encoded


def batches(encoded: Sequence[Encoded], batch_tokens: int) -> list[list[int]]:
    """Group the indices of items of similar length, at most ``batch_tokens`` tokens a group with padding."""
    groups: list[list[int]] = []
    for index in sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids)):
        if not groups or (len(groups[-1]) + 1) * len(encoded[index].ids) > batch_tokens:
            groups.append([])
        groups[-1].append(index)
    return groups


def answer_logits(model: Any, batch: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """Run one batch; return logits (n, vocabulary), targets (n,) and rows (n,) of all its n answer tokens."""
    length = max(len(item.ids) for item in batch)
    ids = torch.stack([pad(torch.tensor(item.ids), (0, length - len(item.ids))) for item in batch])
    places = [(row, t) for row, item in enumerate(batch) for t in range(item.answer_start, len(item.ids))]
    rows, columns = torch.tensor(places).T
    # Padding stands on the right, where a causal model never looks back from, so it needs no mask.
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
    # Only answer positions go through the head: with 49152 tokens it costs as much as eight blocks.
    return model.lm_head(hidden[rows, columns - 1]), ids[rows, columns], rows


def _endless_batches(encoded: Sequence[Encoded], batch_tokens: int, rng: random.Random) -> Iterator[list[Encoded]]:
    while True:
        groups = batches(encoded, batch_tokens)
        rng.shuffle(groups)
        for group in groups:
            yield [encoded[i] for i in group]


def train(
    model: Any, adapters: dict[str, LoraLinear], encoded: Sequence[Encoded], schedule: Schedule, seed: int
) -> None:
    """Train the adapters in place on the answer tokens, printing the loss as it goes."""
    parameters = [p for adapter in adapters.values() for p in adapter.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=schedule.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    stream = _endless_batches(encoded, schedule.batch_tokens, random.Random(seed))
    started, tokens, running = time.monotonic(), 0, 0.0
    for step in range(schedule.steps):
        warmup = min(1.0, (step + 1) / schedule.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * step / schedule.steps))
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * warmup * cosine
        batch = next(stream)
        logits, targets, _ = answer_logits(model, batch)
        loss = cross_entropy(logits.float(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tokens += sum(len(item.ids) for item in batch)
        running += loss.item()
        if (step + 1) % 20 == 0:
            progress = f"step {step + 1}/{schedule.steps}  loss {running / 20:.3f}"
            print(f"  {progress}  {tokens / (time.monotonic() - started):.0f} tokens/s", flush=True)
            running = 0.0


@torch.inference_mode()
def exact_match(model: Any, encoded: Sequence[Encoded], batch_tokens: int = 1024) -> float:
    """Share of items whose whole answer, end marker included, is what greedy decoding would write.

    One teacher-forced pass decides this: greedy decoding writes the reference if and only if the reference
    token is the most probable one at each of its positions.
    """
    right = 0
    for group in batches(encoded, batch_tokens):
        logits, targets, rows = answer_logits(model, [encoded[i] for i in group])
        wrong_rows = set(rows[logits.argmax(-1) != targets].tolist())
        right += len(group) - len(wrong_rows)
    return right / len(encoded)
