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


def reference_batches(
    tasks: Sequence[TaskDefinition], lm: Any, *, items: int, max_tokens: int
) -> tuple[list[Batch], Vector]:
    """Return search items, each as a batch of one: the prompt, then the reference answer, which alone is scored.

    Tasks take part in equal numbers, with items evenly spread over their search splits.

    Args:
        tasks: of the experiment.
        lm: a ``TemplateLM`` of lm-eval, for its tokenizer and chat template.
        items: at most so many over all tasks, and at least one for each.
        max_tokens: longer prompts lose their beginning; items whose answer alone is longer are left out.

    Returns:
        The batches, and their weights: every task has its own share, spread evenly over its items.
    """
    batches: list[Batch] = []
    weights: list[float] = []
    for task in tasks:
        pairs = [pair for entry in plan(lm, load_task(task), "search") if (pair := _pair(lm, entry)) is not None]
        fitting = [(prompt, answer) for prompt, answer in pairs if 0 < len(answer) < max_tokens and prompt]
        count = min(len(fitting), max(1, items // len(tasks)))
        for index in np.linspace(0, len(fitting) - 1, count).round().astype(int):
            prompt, answer = fitting[index]
            context = prompt[-(max_tokens - len(answer)) :]
            batches.append(batch_of([([*context, *answer], len(context))]))
            weights.append(task.weight / count)
    return batches, np.array(weights)


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
