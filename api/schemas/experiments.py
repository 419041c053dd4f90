"""Experiments: what creates and changes them, and how they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints

from api.schemas.base import Answer, Request
from experiments.entities import Experiment, Progress, Standing
from experiments.quantities import present_budget
from experiments.spec_base import NAME
from experiments.spec_search import BudgetSpec
from experiments.states import CandidateKind, ExperimentState, Split, Wanted

Priority = Annotated[int, Field(ge=-1000, le=1000)]


class NewExperiment(Request):
    """A new experiment."""

    spec: dict[str, Any]
    """The spec, with the same keys as the YAML file; paths are names below the server's directories."""
    priority: Priority = 0
    """Larger goes first."""


class SpecToCheck(Request):
    """A spec that is only checked."""

    spec: dict[str, Any]
    """As that of a new experiment."""


class Clone(Request):
    """What differs from the experiment that is cloned."""

    name: Annotated[str, StringConstraints(pattern=NAME)] | None = None
    """Its name; null for the same."""
    changes: dict[str, Any] = Field(default_factory=dict)
    """Part of a spec, laid over the other's as a JSON merge patch (RFC 7396): null removes a key."""
    priority: Priority = 0
    """Larger goes first."""


class Extension(Request):
    """More budget."""

    budget: BudgetSpec
    """New totals; limits that are left out stay as they are, and none can fall."""


class Injection(Request):
    """A merge that a person proposes."""

    recipe: dict[str, Any]
    """As that of a candidate; method, models, granularity, options and seed are those of the spec where left out."""
    label: Annotated[str, Field(min_length=1, max_length=64)] = "injected"
    """Its name in reports."""


class Injected(Answer):
    """A merge that will be scored beside the search."""

    seq: int
    """Of the event in the ledger."""
    label: str
    recipe: dict[str, Any]
    """In full."""


class DriverView(Answer):
    """The process that drives an experiment."""

    host: str
    pid: int
    heartbeat: datetime


class ProgressView(Answer):
    """Counts of an experiment."""

    candidates: int
    scored: int
    """Candidates that have a fitness."""
    infeasible: int
    """Candidates that cannot be merged or scored."""
    running: int
    """Evaluations that are running."""
    done: int
    """Evaluations that are done, on all splits."""
    lost: int
    """Attempts that were lost, with those that were repeated since."""
    prompt_tokens: int
    generated_tokens: int
    search_items: int
    """Scored items of the search split, over all candidates."""
    best_fitness: float | None


class StandingScore(Answer):
    """A candidate's weighted mean score on the search items, with its 95 % interval; without the reference term."""

    number: int
    label: str
    fitness: float
    """As the search sees it."""
    mean: float
    low: float
    high: float
    items: int


class BudgetUse(Answer):
    """The limit of the budget that is nearest."""

    unit: Literal["evaluations", "items", "generated_tokens", "hours"]
    limit: float
    used: float


class Headline(Answer):
    """An experiment in a line: where it stands against its best parent, and how long it will take."""

    best: StandingScore | None
    """The winner; before there is one, the candidate that is best by the lower end of its interval, of the five with
    the best fitness and the best plain merge."""
    best_parent: StandingScore | None
    """The base or expert with the best fitness."""
    difference: float | None
    """The best minus the best parent, on the items that both were scored on."""
    difference_low: float | None
    """Lower end of the difference's 95 % interval. The search chose the best on these items, which flatters it."""
    difference_high: float | None
    budget: BudgetUse | None
    eta_s: float | None
    """Seconds to the end of the budget at the pace so far; null where it does not run."""
    last_event_at: datetime | None
    sparkline: list[float | None]
    """The best fitness so far in at most 24 equal parts of the candidates."""


class ExperimentView(Answer):
    """An experiment in a list."""

    id: str
    name: str
    state: ExperimentState
    owner: str
    """Who submitted it; empty where that was the command line."""
    priority: int
    wanted: Wanted | None
    """What a person wants of it; null where no server sees to it."""
    revision: int
    """Counts the changes of state, wish, budget and priority; the first part of the ETag."""
    created_at: datetime
    updated_at: datetime
    seconds_spent: float
    error: str | None
    progress: ProgressView
    headline: Headline | None = None
    """Null but in lists and comparisons."""


class ExperimentPage(Answer):
    """Experiments, newest first."""

    experiments: list[ExperimentView]
    next: str | None
    """Cursor of the next page; null at the end."""


class TaskScores(Answer):
    """What a candidate reached on one task."""

    items: int
    score: float
    stderr: float | None = None
    """Standard error of the score; null of one item, and where an older version recorded it."""
    reference_logprob: float | None
    """Mean log-likelihood of the reference answers in nats."""


class SplitScoreView(Answer):
    """What a candidate reached on one split, by task."""

    items: int
    tasks: dict[str, TaskScores] = Field(validation_alias=AliasChoices("tasks", "summary"))


class StandingView(Answer):
    """A line of the leaderboard."""

    number: int
    kind: CandidateKind
    label: str
    fitness: float | None
    """Of the search items that the candidate was scored on."""
    splits: dict[Split, SplitScoreView]


class Winner(Answer):
    """The candidate that the experiment chose."""

    number: int
    label: str


class Estimate(Answer):
    """A score on all search items of a task, as far as it is known."""

    mean: float
    deviation: float
    """Standard deviation of what the score may be; 0 where all items were scored."""


class TradeoffView(Answer):
    """A candidate of the front, by task."""

    number: int
    label: str
    search: dict[str, Estimate]
    selection: dict[str, float] | None
    """Mean scores on the selection items; null for who did not race to the end."""


class TradeoffsView(Answer):
    """What the front reaches."""

    reference: dict[str, float]
    """Score of the base on the search items of each task, 0 where it could not be scored."""
    hypervolume: float
    """Volume of scores that are better than the base's on every task and within the front's reach."""
    members: list[TradeoffView]
    confirmed: list[int]
    """Members that no other one beats on the selection items, of those that were scored on them."""


class Outcome(Answer):
    """What came out, once the experiment is finished."""

    winner: Winner | None
    report: dict[str, Any] | None
    """The comparison with the parents on the test items."""
    gap: dict[str, Any] | None
    """The winner's score by split: how much better it looked on the items that chose it than on untouched ones."""
    front: list[int]
    """Candidates that no other one beats on every task, by their estimated scores on all search items."""
    tradeoffs: TradeoffsView | None = None
    """What they reach; null with one task."""
    test_uses: int
    """Experiments that were tested on the same test items, this one included."""
    notes: list[str]
    """What limits the result, in sentences."""


class ExperimentDetail(ExperimentView):
    """An experiment in full."""

    spec: dict[str, Any]
    resolved: dict[str, Any]
    """Provenance: versions, hashes of models and items, names of the searched coefficients."""
    budget: dict[str, Any]
    """The budget that holds, extensions included."""
    workers: int | None
    """At most so many of the spec's workers at present, as the server shares them out; null for all."""
    driver: DriverView | None
    standings: list[StandingView]
    """The ten best candidates on the search items."""
    outcome: Outcome | None
    """Null before the experiment is finished."""


def experiment_view(experiment: Experiment, progress: Progress, headline: Headline | None = None) -> ExperimentView:
    """Return how a list shows an experiment."""
    return ExperimentView.model_validate({**vars(experiment), "progress": progress, "headline": headline})


def experiment_detail(
    experiment: Experiment, progress: Progress, standings: list[Standing], outcome: Any
) -> ExperimentDetail:
    """Return an experiment in full; ``outcome`` is what the driver recorded, or None."""
    shown = {
        "progress": progress,
        "standings": [standing_view(one) for one in standings],
        "outcome": outcome,
        "budget": present_budget(experiment),
    }
    return ExperimentDetail.model_validate({**vars(experiment), **shown})


def standing_view(standing: Standing) -> StandingView:
    """Return a line of the leaderboard."""
    return StandingView.model_validate({**vars(standing.candidate), "splits": standing.splits})
