"""For machines that watch the server: is it alive, can it work, what does it do."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.dependencies import MetricsDep, StoreDep, require
from api.schemas.base import Answer
from experiments.states import Scope

router = APIRouter(tags=["health"])


class Health(Answer):
    """An answer that is all good."""

    status: str = "ok"


@router.get("/livez")
def livez() -> Health:
    """Say that the process lives; needs no token."""
    return Health()


@router.get("/readyz")
def readyz(store: StoreDep) -> Health:
    """Say that the store answers and has the schema of this version (503 otherwise); needs no token."""
    store.check()
    return Health()


@router.get(
    "/metrics",
    dependencies=[Depends(require(Scope.READ))],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(metrics: MetricsDep) -> Response:
    """Return the metrics in the text format of Prometheus."""
    return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)
