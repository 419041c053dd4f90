"""Workers: who scores candidates, and how much each has done."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response

from api.answers import AnsweringDep
from api.dependencies import ExperimentDep, StoreDep
from api.figures.efforts import workers
from api.schemas.candidates import PlacedWorker, PlacedWorkerList, WorkerList
from experiments.entities import Experiment
from experiments.states import ExperimentState
from experiments.store import Store

router = APIRouter(tags=["workers"])
_MAX_EXPERIMENTS = 50


@router.get("/experiments/{experiment_id}/workers", response_model=WorkerList)
def list_experiment_workers(experiment: ExperimentDep, store: StoreDep, answering: AnsweringDep) -> Response:
    """List the workers that an experiment has had, as its evaluations name them."""
    return answering.about(experiment, make=lambda: WorkerList(workers=workers(store, [experiment.id])[experiment.id]))


@router.get("/workers", response_model=PlacedWorkerList)
def list_workers(store: StoreDep, answering: AnsweringDep) -> Response:
    """List the workers of the experiments that run, the 50 newest of them."""
    running = [one.experiment for one in store.list_experiments(state=ExperimentState.RUNNING, limit=_MAX_EXPERIMENTS)]
    return answering.about(*running, make=lambda: _placed(store, running))


def _placed(store: Store, running: Sequence[Experiment]) -> PlacedWorkerList:
    found = workers(store, [one.id for one in running])
    return PlacedWorkerList(
        workers=[
            PlacedWorker.model_validate({**vars(worker), "experiment_id": one.id, "experiment_name": one.name})
            for one in running
            for worker in found[one.id]
        ]
    )
