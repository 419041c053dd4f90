"""Experiments: checked, created, listed, shown and cloned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.catalog.confine import confine
from api.dependencies import ExperimentDep, PlannerDep, PrincipalDep, SettingsDep, StoreDep
from api.idempotency import OnceDep, answered_once
from api.merge_patch import clone_spec
from api.paging import Cursor, Limit, decode_cursor, encode_cursor
from api.planning import Checked, Planner
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
from api.security.authentication import Principal
from api.settings import Settings
from evomerge.errors import Forbidden, TooManyRequests
from experiments.entities import ExperimentSummary, Once
from experiments.states import ExperimentState, Scope, Wanted
from experiments.store import Store

router = APIRouter(prefix="/experiments", tags=["experiments"])
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as the ETag says."}}


@router.post("/validate")
def validate_spec(new: SpecToCheck, planner: PlannerDep, settings: SettingsDep) -> Plan:
    """Check a spec in full and say what a run of it would take; nothing is created."""
    checked = _check(new.spec, planner, settings)
    return Plan.model_validate({**vars(checked), "genes": checked.resolved["genes"]})


@router.post("", status_code=201)
def create_experiment(
    new: NewExperiment,
    response: Response,
    store: StoreDep,
    planner: PlannerDep,
    settings: SettingsDep,
    principal: PrincipalDep,
    once: OnceDep,
) -> ExperimentView:
    """Check a spec in full and create an experiment; it runs as soon as there is room for it."""

    def make() -> ExperimentView:
        return _submit(new.spec, new.priority, once, principal, store, planner, settings)

    shown = answered_once(store, once, response, make, lambda found: _view(store, found))
    response.headers["Location"] = f"/api/v1/experiments/{shown.id}"
    return shown


@router.get("")
def list_experiments(
    store: StoreDep,
    state: Annotated[ExperimentState | None, Query(description="Only experiments in this state.")] = None,
    owner: Annotated[Text | None, Query(description="Only experiments of this owner.")] = None,
    q: Annotated[
        Text | None, Query(description="Only experiments with this in their name, or at the start of their id.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ExperimentPage:
    """List experiments, newest first."""
    before = None if cursor is None else str(decode_cursor(cursor, str)[0])
    found = store.list_experiments(state=state, owner=owner, text=q, limit=limit + 1, before=before)
    page = [experiment_view(one.experiment, one.progress) for one in found[:limit]]
    return ExperimentPage(experiments=page, next=encode_cursor(page[-1].id) if len(found) > limit else None)


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
    response: Response,
    store: StoreDep,
    planner: PlannerDep,
    settings: SettingsDep,
    principal: PrincipalDep,
    once: OnceDep,
) -> ExperimentView:
    """Create an experiment from another one's spec, with the budget that it has now, and changes."""

    def make() -> ExperimentView:
        spec = clone_spec(experiment, clone.changes, clone.name)
        return _submit(spec, clone.priority, once, principal, store, planner, settings)

    shown = answered_once(store, once, response, make, lambda found: _view(store, found))
    response.headers["Location"] = f"/api/v1/experiments/{shown.id}"
    return shown


def _check(spec: Mapping[str, Any], planner: Planner, settings: Settings) -> Checked:
    confined = confine(spec, settings, planner)
    return planner.check(confined, settings.model_roots[0].resolve())


def _submit(
    spec: Mapping[str, Any],
    priority: int,
    once: Once | None,
    principal: Principal,
    store: Store,
    planner: Planner,
    settings: Settings,
) -> ExperimentView:
    _check_quota(priority, principal, store, settings)
    checked = _check(spec, planner, settings)
    created = store.create_experiment(
        checked.spec,
        str(settings.model_roots[0].resolve()),
        checked.resolved,
        owner=principal.owner,
        priority=priority,
        wanted=Wanted.RUN,
        once=once,
    )
    return experiment_view(created, store.progress(created.id))


def _check_quota(priority: int, principal: Principal, store: Store, settings: Settings) -> None:
    if principal.scope.includes(Scope.ADMIN):
        return
    if priority > settings.max_priority:
        raise Forbidden("priority", f"{priority} is for admins", f"give {settings.max_priority} or less")
    count = store.count_open(principal.owner)
    if count >= settings.max_open_experiments:
        problem = f"'{principal.owner}' has {count} experiments that have not ended"
        raise TooManyRequests("experiments", problem, "wait for one to end, or cancel one", retry_after_s=60)


def _view(store: Store, experiment_id: str) -> ExperimentView:
    return experiment_view(store.get_experiment(experiment_id), store.progress(experiment_id))
