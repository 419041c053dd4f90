"""Columns for charts, down-sampled here so that a browser never gets more than it can draw."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ExperimentDep, StoreDep
from api.figures.headlines import headlines
from api.schemas.charts import Coefficients, Compared, Comparison, Points, Series
from api.schemas.experiments import Headline, experiment_view, standing_view
from experiments.entities import ExperimentSummary
from experiments.pages import MatrixOrder
from experiments.store import Store
from optimizer.mixed import mixed_between

router = APIRouter(prefix="/experiments", tags=["charts"])
_Points = Annotated[int, Query(ge=1, le=2000, description="Buckets at most.")]


@router.get("/compare")
def compare_experiments(
    store: StoreDep,
    ids: Annotated[
        str,
        Query(pattern="^[a-z0-9-]{1,64}(,[a-z0-9-]{1,64}){0,5}$", description="Up to six, with commas between them."),
    ],
    points: _Points = 200,
) -> Comparison:
    """Show experiments side by side: curves, the best candidates, what came out."""
    found = [store.get_experiment(reference) for reference in ids.split(",")]
    summaries = [ExperimentSummary(one, store.progress(one.id)) for one in found]
    lines = headlines(store, summaries)
    compared = [_compared(store, one, lines[one.experiment.id], points) for one in summaries]
    return Comparison(experiments=compared, warnings=mixed_between(store, found))


@router.get("/{experiment_id}/series")
def get_series(experiment: ExperimentDep, store: StoreDep, points: _Points = 500) -> Series:
    """Return fitness over the experiment."""
    return Series.model_validate(store.curve(experiment.id, points=points))


@router.get("/{experiment_id}/points")
def get_points(
    experiment: ExperimentDep,
    store: StoreDep,
    limit: Annotated[
        int, Query(ge=1, le=5000, description="Candidates at most, besides those that are always there.")
    ] = 2000,
) -> Points:
    """Return candidates as points over the experiment."""
    found = store.scatter(experiment.id, limit=limit)
    reason = None if found.number else "No candidate was asked for yet."
    return Points.model_validate({**vars(found), "shown": len(found.number), "reason": reason})


@router.get("/{experiment_id}/coefficients")
def get_coefficients(
    experiment: ExperimentDep,
    store: StoreDep,
    order: Annotated[
        MatrixOrder, Query(description="As of candidates, or one of every few from the first to the last.")
    ] = "-number",
    limit: Annotated[int, Query(ge=1, le=500, description="Candidates at most.")] = 200,
) -> Coefficients:
    """Return the searched points of candidates as a matrix."""
    found = store.coefficients(experiment.id, order=order, limit=limit)
    return Coefficients.model_validate({**vars(found), "genes": experiment.resolved["genes"]})


def _compared(store: Store, summary: ExperimentSummary, headline: Headline, points: int) -> Compared:
    key = summary.experiment.id
    return Compared.model_validate(
        {
            "experiment": experiment_view(summary.experiment, summary.progress, headline),
            "series": store.curve(key, points=points),
            "standings": [standing_view(one) for one in store.leaderboard(key, limit=10)],
            "outcome": store.decisions(key).get("outcome"),
        }
    )
