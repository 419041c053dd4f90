"""Columns for charts: of bounded length, however many candidates there are."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.schemas.base import Answer
from api.schemas.experiments import ExperimentView, Outcome, StandingView
from experiments.states import CandidateKind


class Series(Answer):
    """Fitness over an experiment in buckets of candidates; every list has one entry per bucket."""

    width: int
    """Candidates per bucket."""
    total: int
    """Candidates in all."""
    number: list[int]
    """The bucket's first candidate."""
    at: list[datetime]
    """When its last candidate was asked."""
    scored: list[int]
    infeasible: list[int]
    low: list[float | None]
    mean: list[float | None]
    high: list[float | None]
    best: list[float | None]
    """The best fitness up to and including the bucket."""
    q10: list[float | None] = Field(default_factory=list)
    """The fitness that a tenth of the bucket's scored candidates is below, interpolated."""
    median: list[float | None] = Field(default_factory=list)
    q90: list[float | None] = Field(default_factory=list)
    items: list[float] = Field(default_factory=list)
    """Search items that were scored up to and including the bucket's candidates."""
    seconds: list[float] = Field(default_factory=list)
    """From the experiment's creation to ``at``."""
    worker_seconds: list[float] = Field(default_factory=list)
    """Seconds that workers spent up to and including the bucket's candidates, on all splits."""
    every: int = 1
    """``items`` and ``worker_seconds`` are counted on one candidate of so many, and scaled to all; 1: exact."""


class Plot(Answer):
    """What a chart is drawn of."""

    reason: str | None = None
    """Why there is nothing to draw, in a sentence; the lists are empty then."""


class Points(Plot):
    """Candidates as points: an even sample that always has the ten best and all that the search did not draw."""

    total: int
    """Candidates in all."""
    shown: int
    number: list[int]
    kind: list[CandidateKind]
    fitness: list[float | None]
    """Null where the candidate is not scored yet, or infeasible."""
    items: list[int]
    """Search items that it was scored on."""


class Coefficients(Answer):
    """Searched points as a dense matrix; the rows of ``values`` are in the order of ``number``."""

    genes: list[str]
    """Name of each column."""
    number: list[int]
    kind: list[CandidateKind]
    fitness: list[float | None]
    values: list[list[float]]
    """In standardized units: 0 is where the search starts."""


class Compared(Answer):
    """One of the experiments that are compared."""

    experiment: ExperimentView
    series: Series
    standings: list[StandingView]
    outcome: Outcome | None


class Comparison(Answer):
    """Experiments side by side, in the order that was asked for."""

    experiments: list[Compared]
    warnings: tuple[str, ...] = ()
    """What must be known before test scores are compared: in which experiments they were made in another way."""
