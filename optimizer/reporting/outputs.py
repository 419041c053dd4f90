"""What the answers of models look like: a merge that broke says nothing, or the same thing again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from evals.contamination import WORDS, words
from evals.tasks import ItemScore
from optimizer.reporting.document import Outputs


def describe(items: Mapping[str, Sequence[ItemScore]]) -> tuple[Outputs, ...]:
    """Describe the answers of every model that wrote any, by label."""
    written = {label: [one.output for one in found if one.output is not None] for label, found in items.items()}
    return tuple(_described(label, texts) for label, texts in written.items() if texts)


def _described(label: str, texts: Sequence[str]) -> Outputs:
    return Outputs(
        label=label,
        answers=len(texts),
        empty=fmean(not text.strip() for text in texts),
        characters=fmean(map(len, texts)),
        repetitive=fmean(map(_repeats, texts)),
    )


def _repeats(text: str) -> bool:
    found = words(text)
    grams = [tuple(found[place : place + WORDS]) for place in range(len(found) - WORDS + 1)]
    return len(set(grams)) < len(grams)
