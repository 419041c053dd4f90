"""What routes are given: the store, the settings, the metrics, who is asking, and which experiment is meant."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import Depends, Path, Request
from starlette.concurrency import run_in_threadpool

from api.figures.headlines import Headlines
from api.live.feeds import Feeds
from api.metrics import Metrics
from api.planning import Planner
from api.security.authentication import Authenticator
from api.security.scopes import PrincipalDep, require
from api.settings import Settings
from evomerge.errors import Forbidden
from experiments.entities import Experiment
from experiments.states import Scope
from experiments.store import Store

__all__ = [
    "AuthenticatorDep",
    "ExperimentDep",
    "FeedsDep",
    "HeadlinesDep",
    "MetricsDep",
    "OwnExperimentDep",
    "PlannerDep",
    "PrincipalDep",
    "SettingsDep",
    "StoreDep",
    "require",
]


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _headlines(request: Request) -> Headlines:
    headlines: Headlines = request.app.state.headlines
    return headlines


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


def _planner(request: Request) -> Planner:
    planner: Planner = request.app.state.planner
    return planner


def _feeds(request: Request) -> Feeds:
    feeds: Feeds = request.app.state.feeds
    return feeds


StoreDep = Annotated[Store, Depends(_store)]
SettingsDep = Annotated[Settings, Depends(_settings)]
HeadlinesDep = Annotated[Headlines, Depends(_headlines)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
AuthenticatorDep = Annotated[Authenticator, Depends(_authenticator)]
PlannerDep = Annotated[Planner, Depends(_planner)]
FeedsDep = Annotated[Feeds, Depends(_feeds)]

_Reference = Annotated[
    str, Path(pattern="^[a-z0-9-]{1,64}$", description="Id of the experiment; its name, or a unique start of the id.")
]


async def _experiment(experiment_id: _Reference, store: StoreDep) -> Experiment:
    found = await run_in_threadpool(store.get_experiment, experiment_id)
    structlog.contextvars.bind_contextvars(experiment_id=found.id)
    return found


ExperimentDep = Annotated[Experiment, Depends(_experiment)]


def _own_experiment(experiment: ExperimentDep, principal: PrincipalDep) -> Experiment:
    if experiment.owner != principal.owner and not principal.scope.includes(Scope.ADMIN):
        owner = f"belongs to '{experiment.owner}'" if experiment.owner else "was started on the command line"
        raise Forbidden("token", f"experiment {experiment.id} {owner}", "ask its owner or an admin")
    return experiment


OwnExperimentDep = Annotated[Experiment, Depends(_own_experiment)]
