"""How an experiment is run: what its workers do, what that costs, and what is wrong."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from api.answers import AnsweringDep
from api.dependencies import ExperimentDep, StoreDep
from api.figures.efforts import cost, timeline
from api.figures.vitals import vitals
from api.schemas.operations import Cost, Timeline, Vitals

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["operations"])


@router.get("/timeline", response_model=Timeline)
def get_timeline(
    experiment: ExperimentDep,
    store: StoreDep,
    answering: AnsweringDep,
    since: Annotated[AwareDatetime | None, Query(description="Only evaluations that ended after this time.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Only evaluations that began before this time.")] = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="Evaluations at most, an even sample.")] = 2000,
) -> Response:
    """Return which worker did what when."""
    return answering.about(experiment, make=lambda: timeline(store, experiment, since, until, limit))


@router.get("/cost", response_model=Cost)
def get_cost(
    experiment: ExperimentDep,
    store: StoreDep,
    answering: AnsweringDep,
    points: Annotated[int, Query(ge=1, le=2000, description="Buckets at most.")] = 200,
) -> Response:
    """Return worker seconds and tokens over the search, and where they end."""
    return answering.about(experiment, make=lambda: cost(store, experiment, points))


@router.get("/vitals")
def get_vitals(experiment: ExperimentDep, store: StoreDep) -> Vitals:
    """Return what is lost, infeasible, late or slow."""
    return vitals(store, experiment)
