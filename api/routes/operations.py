"""How an experiment is run: what its workers do, what that costs, and what is wrong."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.dependencies import ExperimentDep, StoreDep
from api.schemas.operations import Cost, Timeline, Vitals

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["operations"])


@router.get("/timeline")
def get_timeline(
    experiment: ExperimentDep,
    store: StoreDep,
    since: Annotated[AwareDatetime | None, Query(description="Only evaluations that ended after this time.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Only evaluations that began before this time.")] = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="Evaluations at most, an even sample.")] = 2000,
) -> Timeline:
    """Return which worker did what when."""
    return Timeline(
        reason="Not yet.",
        start=experiment.created_at,
        end=experiment.created_at,
        total=0,
        shown=0,
        workers=[],
        lane=[],
        number=[],
        split=[],
        block=[],
        state=[],
        started_s=[],
        finished_s=[],
        phases={},
    )


@router.get("/cost")
def get_cost(
    experiment: ExperimentDep,
    store: StoreDep,
    points: Annotated[int, Query(ge=1, le=2000, description="Buckets at most.")] = 200,
) -> Cost:
    """Return worker seconds and tokens over the search, and where they end."""
    return Cost(
        reason="Not yet.",
        number=[],
        worker_seconds={},
        cumulative_worker_seconds=[],
        best=[],
        prompt_tokens=[],
        generated_tokens=[],
        evaluations=[],
        projected_worker_seconds=None,
        cache_share=None,
        every=1,
    )


@router.get("/vitals")
def get_vitals(experiment: ExperimentDep, store: StoreDep) -> Vitals:
    """Return what is lost, infeasible, late or slow."""
    return Vitals(
        running=0,
        waiting=0,
        lost=0,
        lost_reasons=[],
        infeasible_reasons=[],
        driver_heartbeat_at=None,
        last_event_at=None,
        store_ms=0,
        candidates_per_minute=None,
        warnings=[],
    )
