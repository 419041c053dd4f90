"""How good candidates are and how sure that is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import AnsweringDep
from api.dependencies import ExperimentDep, StoreDep
from api.figures import quality
from api.figures.lineage import lineage
from api.figures.racing import racing
from api.figures.tradeoffs import tradeoffs
from api.schemas.lineage import Lineage
from api.schemas.quality import Baselines, Generalisation, Racing, Tradeoffs

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["charts"])


@router.get("/baselines", response_model=Baselines)
def get_baselines(experiment: ExperimentDep, store: StoreDep, answering: AnsweringDep) -> Response:
    """Return parents, plain merges and the best merge with their intervals by split and task."""
    return answering.about(experiment, make=lambda: quality.baselines(store, experiment))


@router.get("/generalisation", response_model=Generalisation)
def get_generalisation(experiment: ExperimentDep, store: StoreDep, answering: AnsweringDep) -> Response:
    """Return who was scored on selection or test items, and what is left of their search scores there."""

    def make() -> Generalisation:
        return quality.generalisation(store, experiment, store.decisions(experiment.id).get("outcome"))

    return answering.about(experiment, make=make)


@router.get("/racing", response_model=Racing)
def get_racing(
    experiment: ExperimentDep,
    store: StoreDep,
    answering: AnsweringDep,
    limit: Annotated[int, Query(ge=1, le=5000, description="Candidates at most, an even sample.")] = 2000,
) -> Response:
    """Return what the first blocks of items said about all of them."""
    return answering.about(experiment, make=lambda: racing(store, experiment, limit))


@router.get("/tradeoffs", response_model=Tradeoffs)
def get_tradeoffs(
    experiment: ExperimentDep,
    store: StoreDep,
    answering: AnsweringDep,
    limit: Annotated[int, Query(ge=1, le=5000, description="Candidates at most, an even sample.")] = 2000,
) -> Response:
    """Return what candidates reach on each task, and how much the best of them cover as the search goes on."""
    return answering.about(experiment, make=lambda: tradeoffs(store, experiment, limit))


@router.get("/lineage", response_model=Lineage)
def get_lineage(experiment: ExperimentDep, store: StoreDep, answering: AnsweringDep) -> Response:
    """Return what the winner, or the best candidate so far, is made of, and what was exported of it."""
    return answering.about(experiment, make=lambda: lineage(store, experiment))
