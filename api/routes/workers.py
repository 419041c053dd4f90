"""Workers: who scores candidates, and how much each has done."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import ExperimentDep, StoreDep
from api.figures.efforts import workers
from api.schemas.candidates import PlacedWorker, PlacedWorkerList, WorkerList
from experiments.states import ExperimentState

router = APIRouter(tags=["workers"])
_MAX_EXPERIMENTS = 50


@router.get("/experiments/{experiment_id}/workers")
def list_experiment_workers(experiment: ExperimentDep, store: StoreDep) -> WorkerList:
    """List the workers that an experiment has had, as its evaluations name them."""
    return WorkerList(workers=workers(store, [experiment.id])[experiment.id])


@router.get("/workers")
def list_workers(store: StoreDep) -> PlacedWorkerList:
    """List the workers of the experiments that run, the 50 newest of them."""
    running = [one.experiment for one in store.list_experiments(state=ExperimentState.RUNNING, limit=_MAX_EXPERIMENTS)]
    found = workers(store, [one.id for one in running])
    return PlacedWorkerList(
        workers=[
            PlacedWorker.model_validate({**vars(worker), "experiment_id": one.id, "experiment_name": one.name})
            for one in running
            for worker in found[one.id]
        ]
    )
