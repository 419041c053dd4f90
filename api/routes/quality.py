"""How good candidates are and how sure that is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ExperimentDep, StoreDep
from api.schemas.lineage import Lineage
from api.schemas.quality import Baselines, BestSoFar, Generalisation, Racing

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["charts"])


@router.get("/baselines")
def get_baselines(experiment: ExperimentDep, store: StoreDep) -> Baselines:
    """Return parents, plain merges and the best merge with their intervals by split and task."""
    return Baselines(reason="Not yet.", models=[])


@router.get("/generalisation")
def get_generalisation(experiment: ExperimentDep, store: StoreDep) -> Generalisation:
    """Return who was scored on selection or test items, and what is left of their search scores there."""
    return Generalisation(
        reason="Not yet.", candidates=[], test_uses=None, gap=None, incumbents=BestSoFar(number=[], search=[])
    )


@router.get("/racing")
def get_racing(
    experiment: ExperimentDep,
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=5000, description="Candidates at most, an even sample.")] = 2000,
) -> Racing:
    """Return what the first blocks of items said about all of them."""
    return Racing(
        reason="Not yet.", blocks=0, total=0, shown=0, rungs=[], number=[], first=[], full=[], blocks_scored=[]
    )


@router.get("/lineage")
def get_lineage(experiment: ExperimentDep, store: StoreDep) -> Lineage:
    """Return what the winner, or the best candidate so far, is made of, and what was exported of it."""
    return Lineage(reason="Not yet.", nodes=[], edges=[])
