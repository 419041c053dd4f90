"""What a report says: plain data, the same for JSON, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from optimizer.reporting.spending import Spending


@dataclass(frozen=True)
class Subject:
    """Which experiment.

    Attributes:
        id: of the experiment.
        name: of the experiment.
        state: when the report was made.
        created_at: when it was created.
        base_model: as the spec names it.
        models: experts as the spec names them, by short name; empty for a black box.
        method: merge method.
        granularity: of the merge.
        algorithm: of the search, as decided.
        genes: number of searched coefficients.
        versions: of what can change a score.
    """

    id: str
    name: str
    state: str
    created_at: datetime
    base_model: str | None
    models: Mapping[str, str]
    method: str | None
    granularity: str | None
    algorithm: str | None
    genes: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Score:
    """A mean over items with its standard error (None of one item) and 95 % interval."""

    mean: float
    stderr: float | None
    low: float
    high: float
    items: int


@dataclass(frozen=True)
class Row:
    """One model on the test items; ``overall`` is the weighted mean over tasks."""

    number: int
    label: str
    role: str
    overall: Score
    tasks: Mapping[str, Score]


@dataclass(frozen=True)
class Versus:
    """The merge minus another model on the same items; ``task`` is None for all tasks together.

    ``p`` is that of a two-sided paired permutation test, ``adjusted_p`` is corrected by Holm: of all tasks together for
    the models, of single tasks for models and tasks.
    """

    against: str
    task: str | None
    difference: float
    low: float
    high: float
    p: float
    adjusted_p: float
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True)
class NormalizedRow:
    """A model's scores divided by the best expert's of each task; None where that scores less than 0.05."""

    label: str
    role: str
    tasks: Mapping[str, float | None]
    mean: float | None
    lowest: float | None
    harmonic: float | None


@dataclass(frozen=True)
class Denominator:
    """The best expert of a task on the test items."""

    task: str
    expert: str
    score: float


@dataclass(frozen=True)
class Forgotten:
    """What the merge has lost of the base on one task.

    Attributes:
        task: where the base scores at least 0.05, or has a negated metric of which less is better.
        base: score of the base.
        merge: score of the merge.
        forgotten: base minus merge; negative where the merge is better.
        low: lower end of its 95 % interval.
        high: upper end.
        adjusted_p: of the difference, as in ``Versus``.
        retained: merge divided by base; None of a negated metric.
        of_the_base: whether no expert beats the base there (paired, Holm, p < 0.05), so that it was there to be kept.
    """

    task: str
    base: float
    merge: float
    forgotten: float
    low: float
    high: float
    adjusted_p: float
    retained: float | None
    of_the_base: bool


@dataclass(frozen=True)
class DomainRow:
    """One model by domain: the plain mean over the domain's tasks, whatever their weights in the search.

    Attributes:
        label: of the model.
        role: of the model.
        domains: score by domain.
        mean: of the domains.
        lowest: of the domains, since a mean hides one that has collapsed.
        harmonic: harmonic mean of the domains; None where a score is negative.
    """

    label: str
    role: str
    domains: Mapping[str, Score]
    mean: float
    lowest: float
    harmonic: float | None


@dataclass(frozen=True)
class Interaction:
    """What an expert, or the merge, does to a domain: its score minus the base's, paired by item.

    Attributes:
        label: of the model.
        role: expert or merge.
        domain: name of the domain.
        difference: of the plain means over the domain's tasks.
        low: lower end of its 95 % interval.
        high: upper end.
        adjusted_p: corrected by Holm over models and domains.
        effect: collaboration or conflict where the difference is significant, else none.
    """

    label: str
    role: str
    domain: str
    difference: float
    low: float
    high: float
    adjusted_p: float
    effect: Literal["collaboration", "conflict", "none"]


@dataclass(frozen=True)
class Outputs:
    """What the answers of a model to the test items look like, of those that are texts.

    Attributes:
        label: of the model.
        answers: number of them.
        empty: share without any word.
        characters: mean length.
        repetitive: share in which one of three words or more stands in a word 3-gram that has come before.
    """

    label: str
    answers: int
    empty: float
    characters: float
    repetitive: float


@dataclass(frozen=True)
class Twin:
    """Two items of different splits that ask the same or nearly so; ``similarity`` 1 is the same words."""

    task: str
    item: str
    text: str
    other_task: str
    other_item: str
    other_text: str
    similarity: float


@dataclass(frozen=True)
class SplitOverlap:
    """Items of the later split that are in the earlier one, see ``evals.contamination.Overlap``."""

    earlier: str
    later: str
    items: int
    exact: int
    near: int
    examples: tuple[Twin, ...]


@dataclass(frozen=True)
class Contamination:
    """Whether splits share items; ``reason`` says why nothing, or not everything, could be compared."""

    overlaps: tuple[SplitOverlap, ...]
    reason: str | None


@dataclass(frozen=True)
class ProvenanceUse:
    """One provenance, and how many evaluations of each split have it."""

    digest: str
    evaluations: Mapping[str, int]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Document:
    """The full report of an experiment.

    Attributes:
        subject: which experiment.
        verdict: whether the merge beats the best other model; None before the test items are scored.
        reason: why there are no test scores; None where there are.
        warnings: what must be known before any number is used.
        notes: how the search went and what limits the result.
        winner: label of what the experiment recommends; None before it is chosen.
        rows: every model on the test items.
        versus: the merge compared with every other model, on all tasks together and on each.
        denominators: the best expert of each task.
        normalized: every model relative to these.
        domains: every model by domain; empty where no task has one.
        domain_denominators: the best expert of each domain.
        domain_normalized: every model relative to these.
        interactions: what every expert and the merge do to each domain.
        forgetting: what the merge has lost of the base.
        mean_forgetting: mean over the tasks of the base; None where there are none.
        gap: score of the winner by split.
        generalisation_gap: its search score minus that on the test (else selection) items.
        cost: what it took.
        outputs: what the models' answers look like.
        contamination: whether splits share items.
        test_uses: experiments of the store that were tested on these test items, this one included.
        provenance: how the scores were made.
    """

    subject: Subject
    verdict: str | None
    reason: str | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    winner: str | None
    rows: tuple[Row, ...]
    versus: tuple[Versus, ...]
    denominators: tuple[Denominator, ...]
    normalized: tuple[NormalizedRow, ...]
    domains: tuple[DomainRow, ...]
    domain_denominators: tuple[Denominator, ...]
    domain_normalized: tuple[NormalizedRow, ...]
    interactions: tuple[Interaction, ...]
    forgetting: tuple[Forgotten, ...]
    mean_forgetting: float | None
    gap: Mapping[str, Score]
    generalisation_gap: float | None
    cost: Spending
    outputs: tuple[Outputs, ...]
    contamination: Contamination
    test_uses: int
    provenance: tuple[ProvenanceUse, ...]
