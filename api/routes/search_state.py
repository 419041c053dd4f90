"""The state of the search over an experiment, and how the models that it merges are related."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.answers import AnsweringDep
from api.dependencies import ExperimentDep, StoreDep
from api.schemas.search_state import Similarity, Trace
from experiments.entities import Experiment
from experiments.states import EXPERIMENT_STEPS
from experiments.store import Store

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["charts"])
_COLUMNS = ("sigma", "axis_ratio", "path_length", "eigenvalues", "bound_hits", "spread")
_TRACED = "merge-cma"


@router.get("/trace", response_model=Trace)
def get_trace(
    experiment: ExperimentDep,
    store: StoreDep,
    answering: AnsweringDep,
    points: Annotated[int, Query(ge=1, le=2000, description="Updates at most.")] = 500,
) -> Response:
    """Return the states of the search's normal distribution, update by update."""
    return answering.about(experiment, make=lambda: _trace(store, experiment, points))


@router.get("/similarity")
def get_similarity(experiment: ExperimentDep, store: StoreDep) -> Similarity:
    """Return the cosines of the experts' task vectors, and their norms."""
    found = store.decisions(experiment.id).get("similarity")
    if found is not None:
        return Similarity.model_validate(found)
    if "blackbox" in experiment.spec:
        reason = "a black box has no task vectors"
    elif not EXPERIMENT_STEPS[experiment.state]:
        reason = "it ran with a version that did not compare its models"
    else:
        reason = "the models are compared while the experiment begins"
    return Similarity(models=[], cosine=[], norms=[], by_block=None, reason=reason)


def _trace(store: Store, experiment: Experiment, points: int) -> Trace:
    found = store.trace(experiment.id, points=points)
    states = [row.state for row in found.rows]
    columns: dict[str, list[Any]] = {name: [state[name] for state in states] for name in _COLUMNS}
    deviations = [state["deviations"] for state in states]
    return Trace(
        genes=list(experiment.resolved["genes"]),
        update=[row.updates for row in found.rows],
        number=[row.number for row in found.rows],
        items=[row.items for row in found.rows],
        **columns,
        expected_path_length=states[0]["expected_path_length"] if states else None,
        deviations=[] if None in deviations else deviations,
        restarts=found.restarts,
        reason=None if states else _without_trace(store.decisions(experiment.id).get("search"), experiment),
    )


def _without_trace(design: Any, experiment: Experiment) -> str:
    if design is None:
        return "the search has not begun"
    if design["algorithm"] != _TRACED:
        return f"'{design['algorithm']}' keeps no normal distribution; {_TRACED} does"
    return "the distribution has not been updated, or the experiment ran with a version that did not record it"
