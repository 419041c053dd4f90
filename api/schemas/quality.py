"""How good candidates are and how sure that is: intervals by split, what is left on fresh items, racing by blocks."""

from __future__ import annotations

from typing import Any, Literal

from api.schemas.base import Answer
from api.schemas.charts import Plot
from experiments.states import CandidateKind, Split

Role = Literal["base", "expert", "baseline", "mean", "injected", "merge"]


class Scored(Answer):
    """A mean score with its 95 % interval, without the reference term; several tasks by their weights."""

    mean: float
    low: float
    high: float
    items: int


class SplitScored(Scored):
    """What a candidate reached on a split, and on each of its tasks."""

    tasks: dict[str, Scored]


class RoleView(Answer):
    """A candidate to compare others with."""

    number: int
    label: str
    role: Role
    """merge: the winner, or the best searched candidate so far; baseline: a plain merge."""
    fitness: float | None
    splits: dict[Split, SplitScored]
    """Where it was scored."""


class Baselines(Plot):
    """What the search has to beat: all candidates that it did not draw, and its own best."""

    models: list[RoleView]


class GeneralisationView(Answer):
    """A candidate on all splits; null where it was not scored."""

    number: int
    label: str
    kind: CandidateKind
    search: Scored | None
    selection: Scored | None
    test: Scored | None


class BestSoFar(Answer):
    """The candidates that were the best by their fitness when they were scored, in order; the last 200 of them."""

    number: list[int]
    search: list[float]
    """Their fitness on the search items."""


class Generalisation(Plot):
    """What is left of search scores on items that were not searched on."""

    candidates: list[GeneralisationView]
    """Everybody with a score on the selection or test items."""
    test_uses: int | None
    """Experiments that were tested on the same test items, this one included; null before the outcome."""
    gap: dict[str, Any] | None
    """The winner's score by split; null before the outcome."""
    incumbents: BestSoFar


class Rung(Answer):
    """Candidates that came as far as this number of blocks."""

    blocks: int
    items: float
    """Search items that they had been scored on by then, on average."""
    candidates: int
    """How many came so far, of those that are shown."""
    stopped: int
    """How many of them have no further block."""
    kendall_tau: float | None
    """How their order by then agrees with that on all their items, for those with all blocks; null for fewer than 3."""


class Racing(Plot):
    """What the first blocks of items say about all of them."""

    blocks: int
    """Blocks that the search items are cut into; 0 before that is decided."""
    total: int
    """Candidates in all."""
    shown: int
    rungs: list[Rung]
    number: list[int]
    first: list[float]
    """Fitness on the first block that was scored."""
    full: list[float]
    """Fitness on all items that the candidate was scored on."""
    blocks_scored: list[int]


class Hypervolumes(Answer):
    """What the candidates that had been asked by then cover of the scores above the reference, step by step."""

    asked: list[int]
    """Candidates of the experiment that were asked by then."""
    update: list[int]
    """Updates of the search's distribution by then, one less than steps; empty where the algorithm has none."""
    volume: list[float]
    """Volume of scores that are above the reference on every task and that somebody reaches."""
    baselines: float
    """That of the base, the experts and the plain merges alone."""


class Tradeoffs(Plot):
    """Candidates that were scored on all search items, by task.

    Where there are many, an even sample that always has the ten best, the outcome's front, and all that the search did
    not draw.
    """

    total: int
    """Candidates in all, of which those with all items are shown."""
    every: int
    """One candidate of so many was looked at; 1: all."""
    number: list[int]
    kind: list[CandidateKind]
    label: list[str]
    mean: dict[str, list[float]]
    """By task, one entry per candidate; likewise the ends of the 95 % intervals."""
    low: dict[str, list[float]]
    high: dict[str, list[float]]
    reference: dict[str, float]
    """Score of the base by task; 0 where it was not scored on all items."""
    base: int | None
    """Number of the base; null where the reference is 0."""
    hypervolumes: Hypervolumes | None
    """Of the candidates that are shown; null of one task, and of more than six."""
