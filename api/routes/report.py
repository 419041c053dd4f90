"""The full report of an experiment, as data or to read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from api.dependencies import ExperimentDep, StoreDep
from api.schemas.report import ReportView
from optimizer.reporting.formats import MEDIA_TYPES, ReportFormat

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["report"])
_TEXTS = {MEDIA_TYPES[one]: {"schema": {"type": "string"}} for one in (ReportFormat.MARKDOWN, ReportFormat.HTML)}
_ANSWER: dict[int | str, dict[str, Any]] = {200: {"description": "The report.", "content": _TEXTS}}


@router.get("/report", response_model=ReportView, responses=_ANSWER)
def get_report(
    experiment: ExperimentDep,
    store: StoreDep,
    format: Annotated[ReportFormat | None, Query(description="json where nothing asks for another one.")] = None,
    accept: Annotated[str, Header(description="text/markdown or text/html, where no format is given.")] = "",
) -> Response:
    """Return the full report: scores, comparisons, costs, what limits them, and how they were made.

    HTML comes as a download, one file without scripts.
    """
    # Statistics and templates are loaded with the first report.
    from optimizer.reporting.build import build_document
    from optimizer.reporting.render import render

    chosen = format or _accepted(accept)
    headers = {"Vary": "Accept"}
    if chosen is ReportFormat.HTML:
        # What models wrote must not become a page of this server.
        headers["Content-Disposition"] = f'attachment; filename="report-{experiment.id}.html"'
    text = render(build_document(store, experiment), chosen)
    return Response(text, media_type=MEDIA_TYPES[chosen], headers=headers)


def _accepted(accept: str) -> ReportFormat:
    kinds = [part.partition(";")[0].strip() for part in accept.split(",")]
    known = {media.partition(";")[0]: one for one, media in MEDIA_TYPES.items()}
    return next((known[kind] for kind in kinds if kind in known), ReportFormat.JSON)
