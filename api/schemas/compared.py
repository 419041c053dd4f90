"""Candidates side by side on the same items."""

from __future__ import annotations

from api.schemas.base import Answer


class ItemResult(Answer):
    """What a candidate had on an item."""

    number: int
    """Of the candidate."""
    score: float
    reference_logprob: float | None
    output: str | None
    """What the model wrote or chose."""


class ItemComparison(Answer):
    """One item: what was asked, and what the candidates made of it."""

    task: str
    item: str
    """The 16 hex digits of the item's content hash."""
    prompt: str | None
    """What is asked, without examples and chat template; null where it was not recorded."""
    reference: str | None
    """The right answer."""
    choices: list[str] | None
    """The answers to choose from; null where there are none."""
    truncated: bool
    """Whether a text is longer than the part of it that is kept."""
    difference: float | None
    """The candidate's score minus the best of the others'; null where none of them was scored on the item."""
    results: list[ItemResult]
    """The candidate's first, then the others' in the order of the request, without those not scored on the item."""


class ItemCounts(Answer):
    """Items of the split and task, whatever is shown."""

    wins: int
    losses: int
    ties: int
    total: int
    """All that the candidate was scored on, those of no other candidate included."""


class ItemsCompared(Answer):
    """A candidate against others, item by item."""

    rows: list[ItemComparison]
    counts: ItemCounts
    next: str | None
    """Cursor of the next page; null at the end."""
    texts: str | None
    """Why prompts and references are missing; null where they are there."""
    reason: str | None
    """Why there is nothing to compare."""


class PairedDifference(Answer):
    """Two candidates on the items that both were scored on."""

    items: int
    mean: float
    against_mean: float
    difference: float
    low: float
    """Lower end of the difference's 95 % interval, a paired bootstrap."""
    high: float
    p: float
    """Of no difference, by a sign-flip permutation test."""
    wins: int
    losses: int
    ties: int


class PairedTask(PairedDifference):
    """The same on one task."""

    task: str


class PairedView(Answer):
    """A candidate compared with another one."""

    number: int
    against: int
    overall: PairedDifference | None
    """Means weighted by task."""
    tasks: list[PairedTask]
    reason: str | None
    """Why there is nothing to compare."""
