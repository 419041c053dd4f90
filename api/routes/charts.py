"""Columns for charts, down-sampled here so that a browser never gets more than it can draw."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import AnsweringDep
from api.dependencies import ExperimentDep, HeadlinesDep, StoreDep
from api.figures.comparison import POINTS, comparison
from api.schemas.charts import Coefficients, Comparison, Points, Series
from experiments.entities import Experiment
from experiments.pages import MatrixOrder
from experiments.store import Store

router = APIRouter(prefix="/experiments", tags=["charts"])
_Points = Annotated[int, Query(ge=1, le=2000, description="Buckets at most.")]


@router.get("/compare", response_model=Comparison)
def compare_experiments(
    store: StoreDep,
    headlines: HeadlinesDep,
    answering: AnsweringDep,
    ids: Annotated[
        str,
        Query(pattern="^[a-z0-9-]{1,64}(,[a-z0-9-]{1,64}){0,5}$", description="Up to six, with commas between them."),
    ],
    points: _Points = POINTS,
) -> Response:
    """Show experiments side by side: curves, the best candidates, what came out."""
    found = [store.get_experiment(reference) for reference in ids.split(",")]
    return answering.about(*found, make=lambda: comparison(store, found, headlines.of, points))


@router.get("/{experiment_id}/series", response_model=Series)
def get_series(experiment: ExperimentDep, store: StoreDep, answering: AnsweringDep, points: _Points = 500) -> Response:
    """Return fitness over the experiment."""
    return answering.about(experiment, make=lambda: Series.model_validate(store.curve(experiment.id, points=points)))


@router.get("/{experiment_id}/points", response_model=Points)
def get_points(
    experiment: ExperimentDep,
    store: StoreDep,
    answering: AnsweringDep,
    limit: Annotated[
        int, Query(ge=1, le=5000, description="Candidates at most, besides those that are always there.")
    ] = 2000,
) -> Response:
    """Return candidates as points over the experiment."""
    return answering.about(experiment, make=lambda: _points(store, experiment, limit))


@router.get("/{experiment_id}/coefficients", response_model=Coefficients)
def get_coefficients(
    experiment: ExperimentDep,
    store: StoreDep,
    answering: AnsweringDep,
    order: Annotated[
        MatrixOrder, Query(description="As of candidates, or one of every few from the first to the last.")
    ] = "-number",
    limit: Annotated[int, Query(ge=1, le=500, description="Candidates at most.")] = 200,
) -> Response:
    """Return the searched points of candidates as a matrix."""
    return answering.about(experiment, make=lambda: _coefficients(store, experiment, order, limit))


def _points(store: Store, experiment: Experiment, limit: int) -> Points:
    found = store.scatter(experiment.id, limit=limit)
    reason = None if found.number else "No candidate was asked for yet."
    return Points.model_validate({**vars(found), "shown": len(found.number), "reason": reason})


def _coefficients(store: Store, experiment: Experiment, order: MatrixOrder, limit: int) -> Coefficients:
    found = store.coefficients(experiment.id, order=order, limit=limit)
    return Coefficients.model_validate({**vars(found), "genes": experiment.resolved["genes"]})
