"""What routes are given: the store, the settings, the metrics and who is asking."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.metrics import Metrics
from api.security.authentication import Authenticator
from api.security.scopes import PrincipalDep, require
from api.settings import Settings
from experiments.store import Store

__all__ = ["AuthenticatorDep", "MetricsDep", "PrincipalDep", "SettingsDep", "StoreDep", "require"]


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


StoreDep = Annotated[Store, Depends(_store)]
SettingsDep = Annotated[Settings, Depends(_settings)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
AuthenticatorDep = Annotated[Authenticator, Depends(_authenticator)]
