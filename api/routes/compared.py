"""Candidates of an experiment side by side on the same items."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ExperimentDep, StoreDep
from api.paging import Cursor, Limit, decode_cursor, encode_cursor
from api.pairing import paired_view
from api.schemas.base import Text
from api.schemas.compared import ItemComparison, ItemCounts, ItemsCompared, PairedView
from evomerge.errors import InvalidInput
from experiments.comparing import ComparedItem, Key, Only
from experiments.entities import Experiment
from experiments.states import Split
from experiments.texts import StoredText, text_sources

router = APIRouter(prefix="/experiments/{experiment_id}", tags=["candidates"])
_Number = Annotated[int, Query(ge=0, lt=2**31, description="Number of the candidate.")]
_Others = Annotated[
    str, Query(pattern=r"^(\d{1,9}(,\d{1,9}){0,3})?$", description="Numbers of up to four others, with commas between.")
]


@router.get("/items-compared")
def compare_items(
    experiment: ExperimentDep,
    store: StoreDep,
    number: _Number,
    against: _Others = "",
    split: Split = Split.SEARCH,
    task: Annotated[Text | None, Query(description="Only items of this task.")] = None,
    only: Annotated[
        Only,
        Query(description="All items, or those where the candidate beats the best of the others, loses, or either."),
    ] = "all",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ItemsCompared:
    """Compare a candidate with others item by item: what was asked, what each wrote, and who was better."""
    numbers = [number, *(int(one) for one in against.split(",") if one)]
    if len(set(numbers)) < len(numbers):
        raise InvalidInput("query.against", "a candidate is named twice", "name each candidate once")
    after: Key | None = None
    if cursor is not None:
        last_task, last_item = decode_cursor(cursor, str, str)
        after = (last_task, last_item)
    found = store.compare_items(experiment.id, numbers, split, task=task, only=only, after=after, limit=limit)
    sources = text_sources(experiment)
    texts = store.texts((sources[one.task], one.item) for one in found.rows if one.task in sources)
    missing = not sources or (found.rows and not texts)
    last = found.rows[-1] if found.more else None
    return ItemsCompared(
        rows=[_row(one, texts.get((sources.get(one.task, ""), one.item))) for one in found.rows],
        counts=ItemCounts.model_validate(found),
        next=None if last is None else encode_cursor(last.task, last.item),
        texts=_without_texts(experiment) if missing else None,
        reason=None if found.total else f"candidate {number} has no scores of such items on {split}",
    )


@router.get("/comparison")
def compare_candidates(
    experiment: ExperimentDep,
    store: StoreDep,
    number: _Number,
    against: Annotated[int, Query(ge=0, lt=2**31, description="Number of the other candidate.")],
    split: Split = Split.SEARCH,
) -> PairedView:
    """Compare two candidates on the items that both were scored on, in all and by task."""
    scores = store.scores_of(experiment.id, [number, against], split)
    tasks = experiment.resolved.get("tasks", {})
    weights = {name: float(task["weight"]) for name, task in tasks.items()}
    return paired_view(number, against, scores[number], scores[against], weights)


def _row(found: ComparedItem, text: StoredText | None) -> ItemComparison:
    words = text or StoredText("", "", None, None, None, False)
    known = {name: getattr(words, name) for name in ("prompt", "reference", "choices", "truncated")}
    return ItemComparison.model_validate({**vars(found), **known, "results": list(found.results)})


def _without_texts(experiment: Experiment) -> str:
    if "blackbox" in experiment.spec:
        return "the items of a black box are names"
    return "they are recorded when an experiment begins, and were not yet when this one did"
