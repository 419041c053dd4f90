"""Columns for charts: of bounded length, however many candidates there are."""

from __future__ import annotations

from datetime import datetime

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
