"""The routes, one file per resource.

Those of ``ROUTERS`` are under /api/v1 and need the scope read, or run where the method is not safe; what needs admin
says so itself. A new resource is one file and one name here.
"""

from __future__ import annotations

from fastapi import APIRouter

from api.routes import (
    artifacts,
    candidates,
    catalog,
    charts,
    compared,
    control,
    events,
    experiments,
    operations,
    quality,
    report,
    search_state,
    tokens,
    workers,
)

ROUTERS: tuple[APIRouter, ...] = (
    charts.router,  # before experiments, whose names could be "compare"
    experiments.router,
    quality.router,
    operations.router,
    control.router,
    candidates.router,
    compared.router,
    search_state.router,
    report.router,
    workers.router,
    events.router,
    artifacts.router,
    catalog.router,
    tokens.router,
)
