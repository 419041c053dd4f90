"""How good candidates are and how sure that is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ExperimentDep, StoreDep
from api.figures import quality
from api.figures.lineage import lineage
from api.figures.racing import racing
from api.figures.tradeoffs import tradeoffs
from api.schemas.lineage import Lineage
from api.schemas.quality import Baselines, Generalisation, Racing, Tradeoffs

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["charts"])


@router.get("/baselines")
def get_baselines(experiment: ExperimentDep, store: StoreDep) -> Baselines:
    """Return parents, plain merges and the best merge with their intervals by split and task."""
    return quality.baselines(store, experiment)


@router.get("/generalisation")
def get_generalisation(experiment: ExperimentDep, store: StoreDep) -> Generalisation:
    """Return who was scored on selection or test items, and what is left of their search scores there."""
    return quality.generalisation(store, experiment, store.decisions(experiment.id).get("outcome"))


@router.get("/racing")
def get_racing(
    experiment: ExperimentDep,
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=5000, description="Candidates at most, an even sample.")] = 2000,
) -> Racing:
    """Return what the first blocks of items said about all of them."""
    return racing(store, experiment, limit)


@router.get("/tradeoffs")
def get_tradeoffs(
    experiment: ExperimentDep,
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=5000, description="Candidates at most, an even sample.")] = 2000,
) -> Tradeoffs:
    """Return what candidates reach on each task, and how much the best of them cover as the search goes on."""
    return tradeoffs(store, experiment, limit)


@router.get("/lineage")
def get_lineage(experiment: ExperimentDep, store: StoreDep) -> Lineage:
    """Return what the winner, or the best candidate so far, is made of, and what was exported of it."""
    return lineage(store, experiment)
