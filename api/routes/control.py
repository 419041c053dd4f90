"""What people do to an experiment while it runs, or waits to."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.catalog.recipes import confine_recipe
from api.dependencies import OwnExperimentDep, PlannerDep, PrincipalDep, SettingsDep, StoreDep
from api.idempotency import OnceDep, answered_once
from api.revisions import RevisionDep, etag
from api.schemas.experiments import ExperimentView, Extension, Injected, Injection, experiment_view
from experiments.entities import Event, Experiment, ExperimentSummary
from experiments.states import Wanted
from experiments.store import Store

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["experiments"])


@router.post("/pause")
def pause_experiment(
    experiment: OwnExperimentDep, store: StoreDep, principal: PrincipalDep, response: Response, revision: RevisionDep
) -> ExperimentView:
    """Stop an experiment at the next moment that loses nothing; it can be resumed."""
    return _shown(store.want(experiment.id, Wanted.PAUSE, by=principal.owner, revision=revision), store, response)


@router.post("/resume")
def resume_experiment(
    experiment: OwnExperimentDep, store: StoreDep, principal: PrincipalDep, response: Response, revision: RevisionDep
) -> ExperimentView:
    """Have an experiment run that is paused or was interrupted; nothing finished is scored again."""
    return _shown(store.want(experiment.id, Wanted.RUN, by=principal.owner, revision=revision), store, response)


@router.post("/cancel")
def cancel_experiment(
    experiment: OwnExperimentDep, store: StoreDep, principal: PrincipalDep, response: Response, revision: RevisionDep
) -> ExperimentView:
    """End an experiment for good; what was found so far stays."""
    return _shown(store.want(experiment.id, Wanted.CANCEL, by=principal.owner, revision=revision), store, response)


@router.post("/extend")
def extend_experiment(
    experiment: OwnExperimentDep,
    extension: Extension,
    store: StoreDep,
    principal: PrincipalDep,
    response: Response,
    revision: RevisionDep,
    once: OnceDep,
) -> ExperimentView:
    """Raise limits of the budget while the search runs."""
    budget = extension.budget.model_dump(exclude_none=True)

    def make() -> Experiment:
        return store.extend(experiment.id, budget, by=principal.owner, revision=revision, once=once)

    return _shown(answered_once(store, once, response, make, store.get_experiment), store, response)


@router.post("/candidates", status_code=202)
def inject_candidate(
    experiment: OwnExperimentDep,
    injection: Injection,
    store: StoreDep,
    planner: PlannerDep,
    settings: SettingsDep,
    principal: PrincipalDep,
    response: Response,
    once: OnceDep,
) -> Injected:
    """Have a merge scored beside the search; it can win like any other candidate."""

    def make() -> Event:
        recipe = confine_recipe(injection.recipe, experiment, settings, planner)
        return store.inject(experiment.id, recipe, label=injection.label, by=principal.owner, once=once)

    def recall(resource: str) -> Event:
        return store.events(experiment.id, after=int(resource.rpartition("/")[2]) - 1, limit=1)[0]

    event = answered_once(store, once, response, make, recall)
    return Injected.model_validate({**event.payload, "seq": event.seq})


def _shown(experiment: Experiment, store: Store, response: Response) -> ExperimentView:
    progress = store.progress(experiment.id)
    response.headers["ETag"] = etag(ExperimentSummary(experiment, progress))
    return experiment_view(experiment, progress)
