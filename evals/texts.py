"""The words of an item as its task puts them: what is asked, what is right, and what there is to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evals.answers import reference_text
from evals.loading import LoadedTask
from evals.scoring import gold_choice

# What is kept of one text, in characters, and of the choices of one item.
LONGEST_TEXT, MOST_CHOICES = 8192, 64


@dataclass(frozen=True)
class ItemText:
    """What an item asks.

    Attributes:
        task: name of the task definition.
        item: 16 hex digits of the item's content hash.
        prompt: the question without worked examples and chat template; None where the task has none.
        reference: the right answer, the first of several; None where the task has none.
        choices: the answers to choose from; None where there are none.
        truncated: whether a text is longer than 8192 characters, or more than 64 choices, and cut there.
    """

    task: str
    item: str
    prompt: str | None
    reference: str | None
    choices: tuple[str, ...] | None
    truncated: bool


def item_text(loaded: LoadedTask, item: str) -> ItemText:
    """Render one item of a loaded task."""
    task, doc = loaded.task, loaded.docs[item]
    prompt, reference, choices = task.doc_to_text(doc), None, None
    if task.OUTPUT_TYPE == "multiple_choice":
        choices = [str(choice) for choice in task.doc_to_choice(doc)]
        right = gold_choice(task, doc)
        reference = None if right is None else choices[right]
        if task.multiple_input:  # the contexts are what is chosen from, and the text is the number of the right one
            prompt = task.doc_to_target(doc)
    elif task.OUTPUT_TYPE == "generate_until":
        reference = reference_text(task, doc)
    else:
        reference = task.doc_to_target(doc)
    whole = (_text(prompt), _text(reference), *(choices or ()))
    cut = [None if text is None else text[:LONGEST_TEXT] for text in whole]
    kept = None if choices is None else tuple(str(text) for text in cut[2 : 2 + MOST_CHOICES])
    truncated = cut != list(whole) or len(choices or ()) > MOST_CHOICES
    return ItemText(loaded.definition.name, item, cut[0], cut[1], kept, truncated)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
