"""The application: its layers from the socket inwards, and its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware

from api import problems
from api.answers import Answers
from api.figures.headlines import Headlines
from api.live.feeds import Feeds
from api.metrics import Metrics
from api.openapi import PROBLEM_RESPONSES, openapi_document
from api.pages import Pages
from api.planning import Planner
from api.request_log import RequestLog
from api.root_path import RootPath
from api.routes import ROUTERS, health, session
from api.security.authentication import Authentication, Authenticator
from api.security.csrf import CsrfGuard
from api.security.headers import SecurityHeaders
from api.security.hosts import HostGuard
from api.security.limits import SizeLimits
from api.security.parameters import refuse_unknown_parameters
from api.security.scopes import default_scope, require
from api.settings import Settings
from evomerge import __version__
from experiments.states import Scope
from experiments.store import Store

PREFIX = "/api/v1"


def create_app(settings: Settings, store: Store | None = None) -> FastAPI:
    """Return the service on a store. Call ``api.logs.configure`` before: it is what keeps secrets out of the log.

    Args:
        settings: what the operator has set.
        store: an open store, which the caller closes; None opens that of the settings until the server ends.

    Raises:
        StoreError: the store cannot be opened.
        InvalidInput: traces are asked for and their package is not installed.
    """
    opened = Store.open(settings.store.get_secret_value()) if store is None else store
    metrics = Metrics(opened)
    authenticator = Authenticator(opened, settings.failed_logins)
    tracing, shut_down_tracing = _tracing(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            shut_down_tracing()
            app.state.planner.close()
            if store is None:
                opened.close()

    app = FastAPI(
        title="evomerge",
        version=__version__,
        # Its pages load scripts from elsewhere, and its own route for the document knows no guard of ours.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,  # what generated clients call their functions
        lifespan=lifespan,
        dependencies=[Depends(refuse_unknown_parameters)],
        middleware=_layers(settings, metrics, authenticator, tracing),
        responses=PROBLEM_RESPONSES,
    )
    app.state.store = opened
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.authenticator = authenticator
    app.state.planner = Planner(
        settings.check_seconds,
        settings.ray_jobs_address if settings.launcher == "ray" else None,
        settings.store.get_secret_value(),
    )
    app.state.feeds = Feeds(opened, metrics, settings.max_streams)
    app.state.headlines = Headlines(opened)
    app.state.answers = Answers(app.state.feeds)
    problems.install(app)
    _add_routes(app)
    return app


def _layers(
    settings: Settings, metrics: Metrics, authenticator: Authenticator, tracing: list[Middleware]
) -> list[Middleware]:
    """Return the layers from the socket inwards. What one raises, the first Problems before it answers."""
    return [
        Middleware(RootPath, root_path=settings.root_path),
        Middleware(RequestLog, metrics=metrics),
        *tracing,
        Middleware(SecurityHeaders),
        Middleware(problems.Problems),
        Middleware(HostGuard, hosts=settings.hosts),
        Middleware(SizeLimits, max_body_bytes=settings.max_body_bytes, max_query_bytes=settings.max_query_bytes),
        Middleware(Pages, root_path=settings.root_path),
        Middleware(CsrfGuard),
        Middleware(Authentication, authenticator=authenticator, root_path=settings.root_path),
    ]


def _add_routes(app: FastAPI) -> None:
    app.include_router(health.router)
    app.include_router(session.router, prefix=PREFIX)
    guarded = APIRouter(prefix=PREFIX, dependencies=[Depends(default_scope)])
    for router in ROUTERS:
        guarded.include_router(router)
    app.include_router(guarded)
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False, dependencies=[Depends(require(Scope.READ))])
    def openapi() -> dict[str, Any]:
        """Return the description of this API."""
        return app.openapi()


def _tracing(settings: Settings) -> tuple[list[Middleware], Callable[[], None]]:
    if settings.otlp_endpoint is None:
        return [], lambda: None
    from api.tracing import Tracing, make_tracer_provider

    provider = make_tracer_provider(settings.otlp_endpoint)
    return [Middleware(Tracing, provider=provider)], provider.shutdown
