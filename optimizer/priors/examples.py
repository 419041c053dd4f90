"""Prompts and reference answers of the search items, as the workers' tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evals.loading import load_task
from evals.scoring import PlannedItem, gold_choice, plan
from evals.tasks import TaskDefinition
from merging.calibration.data import Batch, batch_of
from optimizer.search.interface import Vector

_TOKENS = 1024
"""Padded tokens of a batch, whose logits take 4 bytes for each token of the vocabulary, several times."""


def reference_batches(
    tasks: Sequence[TaskDefinition], lm: Any, *, items: int, max_tokens: int
) -> tuple[list[Batch], Vector]:
    """Return search items: the prompt, then the reference answer, which alone is scored.

    Tasks take part in equal numbers, with items evenly spread over their search splits.

    Args:
        tasks: of the experiment.
        lm: a ``TemplateLM`` of lm-eval, for its tokenizer and chat template.
        items: at most so many over all tasks, and at least one for each.
        max_tokens: longer prompts lose their beginning; items whose answer alone is longer are left out.

    Returns:
        Batches of items of similar lengths, and the items' weights in the same order: every task has its own share,
        spread evenly over its items.
    """
    chosen: list[tuple[list[int], int, float]] = []
    for task in tasks:
        pairs = [pair for entry in plan(lm, load_task(task), "search") if (pair := _pair(lm, entry)) is not None]
        fitting = [(prompt, answer) for prompt, answer in pairs if 0 < len(answer) < max_tokens and prompt]
        count = min(len(fitting), max(1, items // len(tasks)))
        for index in np.linspace(0, len(fitting) - 1, count).round().astype(int):
            prompt, answer = fitting[index]
            context = prompt[-(max_tokens - len(answer)) :]
            chosen.append(([*context, *answer], len(context), task.weight / count))
    chosen.sort(key=lambda one: -len(one[0]))
    return _batches([(ids, start) for ids, start, _ in chosen]), np.array([weight for *_, weight in chosen])


def _batches(encoded: Sequence[tuple[list[int], int]]) -> list[Batch]:
    """Group sequences, longest first, into batches of at most 1024 padded tokens, or one sequence each."""
    found, first = [], 0
    while first < len(encoded):
        size = max(1, _TOKENS // len(encoded[first][0]))
        found.append(batch_of(encoded[first : first + size]))
        first += size
    return found


def _pair(lm: Any, entry: PlannedItem) -> tuple[list[int], list[int]] | None:
    """Return the tokens of an item's prompt and reference answer; None where it has no reference."""
    if entry.answers:
        first = entry.answers[0]
        return list(first.prompt_ids), list(first.answer_ids)
    gold: int | None = None
    if entry.loaded.task.OUTPUT_TYPE == "loglikelihood":
        gold = 0
    elif entry.loaded.task.OUTPUT_TYPE == "multiple_choice":
        gold = gold_choice(entry.loaded.task, entry.loaded.docs[entry.item])
    if gold is None:
        return None
    prompt, answer = entry.instances[gold].args
    if not prompt:
        return [lm.prefix_token_id], list(lm.tok_encode(answer, add_special_tokens=False))
    before, after = lm._encode_pair(prompt, answer)
    return list(before), list(after)
