"""Experiments: checked, created, listed, shown and cloned."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.answers import AnsweringDep
from api.dependencies import ExperimentDep, HeadlinesDep, StoreDep
from api.idempotency import OnceDep, answered_once
from api.merge_patch import clone_spec
from api.paging import Cursor, Limit, decode_cursor, encode_cursor
from api.revisions import IfNoneMatch, etag, matches
from api.schemas.base import Text
from api.schemas.catalog import Plan
from api.schemas.experiments import (
    Clone,
    ExperimentDetail,
    ExperimentPage,
    ExperimentView,
    NewExperiment,
    SpecToCheck,
    experiment_detail,
    experiment_view,
)
from api.submission import SubmissionDep
from experiments.entities import Experiment, ExperimentSummary
from experiments.states import ExperimentState
from experiments.store import Store

router = APIRouter(prefix="/experiments", tags=["experiments"])
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as the ETag says."}}


@router.post("/validate")
def validate_spec(new: SpecToCheck, submission: SubmissionDep) -> Plan:
    """Check a spec in full and say what a run of it would take; nothing is created."""
    checked = submission.check(new.spec)
    return Plan.model_validate({**vars(checked), "genes": checked.resolved["genes"]})


@router.post("", status_code=201)
def create_experiment(
    new: NewExperiment, submission: SubmissionDep, store: StoreDep, once: OnceDep, response: Response
) -> ExperimentView:
    """Check a spec in full and create an experiment; it runs as soon as there is room for it."""

    def make() -> Experiment:
        return submission.create(new.spec, new.priority, once)

    return _created(answered_once(store, once, response, make, store.get_experiment), store, response)


@router.get("", response_model=ExperimentPage)
def list_experiments(
    store: StoreDep,
    headlines: HeadlinesDep,
    answering: AnsweringDep,
    state: Annotated[ExperimentState | None, Query(description="Only experiments in this state.")] = None,
    owner: Annotated[Text | None, Query(description="Only experiments of this owner.")] = None,
    q: Annotated[
        Text | None, Query(description="Only experiments with this in their name, or at the start of their id.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List experiments, newest first."""
    before = None if cursor is None else str(decode_cursor(cursor, str)[0])
    found = store.list_experiments(state=state, owner=owner, text=q, limit=limit + 1, before=before)

    def make() -> ExperimentPage:
        lines = headlines.of(found[:limit])
        page = [experiment_view(one.experiment, one.progress, lines[one.experiment.id]) for one in found[:limit]]
        return ExperimentPage(experiments=page, next=encode_cursor(page[-1].id) if len(found) > limit else None)

    return answering.about(*(one.experiment for one in found), make=make)


@router.get("/{experiment_id}", response_model=ExperimentDetail, responses=_NOT_MODIFIED)
def get_experiment(
    experiment: ExperimentDep, response: Response, store: StoreDep, if_none_match: IfNoneMatch = None
) -> Response | ExperimentDetail:
    """Show an experiment: state, progress, the best candidates, and what came out."""
    progress = store.progress(experiment.id)
    tag = etag(ExperimentSummary(experiment, progress))
    if matches(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    standings = store.leaderboard(experiment.id, limit=10)
    return experiment_detail(experiment, progress, standings, store.decisions(experiment.id).get("outcome"))


@router.post("/{experiment_id}/clone", status_code=201)
def clone_experiment(
    experiment: ExperimentDep,
    clone: Clone,
    submission: SubmissionDep,
    store: StoreDep,
    once: OnceDep,
    response: Response,
) -> ExperimentView:
    """Create an experiment from another one's spec, with the budget that it has now, and changes."""

    def make() -> Experiment:
        return submission.create(clone_spec(experiment, clone.changes, clone.name), clone.priority, once)

    return _created(answered_once(store, once, response, make, store.get_experiment), store, response)


def _created(experiment: Experiment, store: Store, response: Response) -> ExperimentView:
    response.headers["Location"] = f"/api/v1/experiments/{experiment.id}"
    return experiment_view(experiment, store.progress(experiment.id))
