"""What people do to an experiment while it runs, or waits to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.catalog.recipes import confine_recipe
from api.dependencies import OwnExperimentDep, PlannerDep, PrincipalDep, SettingsDep, StoreDep
from api.idempotency import OnceDep, answered_once
from api.revisions import RevisionDep, etag
from api.schemas.experiments import ExperimentView, Extension, Injected, Injection, experiment_view
from experiments.entities import Event, Experiment, ExperimentSummary
from experiments.states import Wanted

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["experiments"])


class Change:
    """A change of an experiment that the caller may make, if it is as it was seen."""

    def __init__(
        self,
        experiment: OwnExperimentDep,
        store: StoreDep,
        principal: PrincipalDep,
        revision: RevisionDep,
        response: Response,
    ) -> None:
        """Take who changes what."""
        self.experiment = experiment
        self.store = store
        self.by = principal.owner
        self.revision = revision
        self.response = response

    def want(self, wanted: Wanted) -> ExperimentView:
        """Record a wish and show what has come of it."""
        return self.show(self.store.want(self.experiment.id, wanted, by=self.by, revision=self.revision))

    def show(self, experiment: Experiment) -> ExperimentView:
        """Show the experiment with its new ETag."""
        progress = self.store.progress(experiment.id)
        self.response.headers["ETag"] = etag(ExperimentSummary(experiment, progress))
        return experiment_view(experiment, progress)


ChangeDep = Annotated[Change, Depends()]


@router.post("/pause")
def pause_experiment(change: ChangeDep) -> ExperimentView:
    """Stop an experiment at the next moment that loses nothing; it can be resumed."""
    return change.want(Wanted.PAUSE)


@router.post("/resume")
def resume_experiment(change: ChangeDep) -> ExperimentView:
    """Have an experiment run that is paused or was interrupted; nothing finished is scored again."""
    return change.want(Wanted.RUN)


@router.post("/cancel")
def cancel_experiment(change: ChangeDep) -> ExperimentView:
    """End an experiment for good; what was found so far stays."""
    return change.want(Wanted.CANCEL)


@router.post("/extend")
def extend_experiment(change: ChangeDep, extension: Extension, once: OnceDep) -> ExperimentView:
    """Raise limits of the budget while the search runs."""
    budget, store = extension.budget.model_dump(exclude_none=True), change.store

    def make() -> Experiment:
        return store.extend(change.experiment.id, budget, by=change.by, revision=change.revision, once=once)

    return change.show(answered_once(store, once, change.response, make, store.get_experiment))


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
