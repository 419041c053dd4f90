"""Candidates of an experiment, their evaluations, and their scores item by item."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from api.dependencies import ExperimentDep, StoreDep
from api.paging import Cursor, Limit, decode_cursor, encode_cursor
from api.schemas.candidates import (
    CandidateDetail,
    CandidatePage,
    CandidateView,
    EvaluationPage,
    ItemPage,
    ItemView,
    StartedEvaluation,
)
from evomerge.errors import InvalidInput
from experiments.states import CandidateKind, CandidateState, Split

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["candidates"])

Order = Annotated[
    Literal["number", "-number", "-fitness"],
    Query(description="By number, the latest first, or the best first; the last leaves out what is not scored."),
]
_Number = Annotated[int, Path(ge=0, lt=2**31, description="Number of the candidate.")]
_NUMBER_OR_NONE: tuple[type[Any], ...] = (int, float, type(None))


@router.get("/candidates")
def list_candidates(
    experiment: ExperimentDep,
    store: StoreDep,
    kind: CandidateKind | None = None,
    state: CandidateState | None = None,
    order: Order = "number",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> CandidatePage:
    """List candidates."""
    after = None if cursor is None else _mark(cursor, order)
    found = store.candidates_page(experiment.id, kind=kind, state=state, order=order, after=after, limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    return CandidatePage(
        candidates=[CandidateView.model_validate(one) for one in found[:limit]],
        next=None if last is None else encode_cursor(order, last.fitness, last.number),
    )


@router.get("/candidates/{number}")
def get_candidate(experiment: ExperimentDep, number: _Number, store: StoreDep) -> CandidateDetail:
    """Show a candidate: its recipe and all its evaluations."""
    found = store.candidate(experiment.id, number)
    return CandidateDetail.model_validate({**vars(found), "evaluations": store.evaluations_of(found.id)})


@router.get("/candidates/{number}/items")
def list_items(
    experiment: ExperimentDep,
    number: _Number,
    store: StoreDep,
    split: Split = Split.SEARCH,
    outputs: Annotated[bool, Query(description="Whether to send what the model wrote.")] = False,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> ItemPage:
    """List a candidate's scores on the items of a split."""
    candidate = store.candidate(experiment.id, number)
    after = None
    if cursor is not None:
        task, item = decode_cursor(cursor, str, str)
        after = (task, item)
    found = store.items_page(candidate, split, after=after, limit=limit + 1, outputs=outputs)
    last = found[limit - 1] if len(found) > limit else None
    return ItemPage(
        items=[ItemView.model_validate(one) for one in found[:limit]],
        next=None if last is None else encode_cursor(last.task, last.item),
    )


@router.get("/evaluations")
def list_evaluations(
    experiment: ExperimentDep, store: StoreDep, limit: Limit = 100, cursor: Cursor = None
) -> EvaluationPage:
    """List evaluations, those that were started last first; a page holds fewer where attempts were repeated."""
    before = None if cursor is None else int(decode_cursor(cursor, int)[0])
    found = store.started_evaluations(experiment.id, before=before, limit=limit + 1)
    return EvaluationPage(
        evaluations=[
            StartedEvaluation.model_validate({**vars(one), "number": number})
            for _, number, one in found[:limit]
            if one is not None
        ],
        next=encode_cursor(found[limit - 1][0]) if len(found) > limit else None,
    )


def _mark(cursor: str, order: str) -> tuple[float | None, int]:
    found, fitness, number = decode_cursor(cursor, str, _NUMBER_OR_NONE, int)
    if found != order or (order == "-fitness" and fitness is None):
        raise InvalidInput("query.cursor", "it belongs to another order", "repeat the parameters of the page before")
    return fitness, number
