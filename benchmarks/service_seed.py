"""A store as large as years of use make it, written in bulk."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from service_stores import GENES, ITEMS, WORKERS, new_experiment, some_items, some_recipe
from sqlalchemy import Engine, insert, text, update

from experiments import database
from experiments.entities import Experiment
from experiments.records import (
    CandidateRecord,
    EvaluationRecord,
    EventRecord,
    ExperimentRecord,
    ItemScoreRecord,
    SearchTraceRecord,
)
from experiments.results import summary_of
from experiments.states import CandidateKind, CandidateState, EvaluationState, EventKind, Split
from experiments.store import Store

_CHUNK = 1000
_FEW = 400  # candidates of the experiments beside the large one
_PLAIN = ("base", "expert a", "expert b", "uniform mean", "task arithmetic 0.3", "task arithmetic 0.7")
_SEEDED_ITEMS = some_items(0)


def seed_large(url: str, candidates: int, others: int = 19) -> str:
    """Return the id of an experiment with so many candidates beside small ones: found, or made in bulk and left whole.

    One in 20 is infeasible; one in 25 of the others has its items, as parents, plain merges and the best ones have.
    """
    with Store.open(url) as store:
        known = {found.progress.candidates: found.experiment.id for found in store.list_experiments()}
        if (most := max(known, default=0)) >= candidates:
            return known[most]
        made = [(new_experiment(store), _FEW) for _ in range(others)] + [(new_experiment(store), candidates)]
    engine = database.connect(url).execution_options(**{database.WRITES: True})
    for experiment, number in made:
        _fill(engine, experiment, number)
    if engine.dialect.name == "postgresql":  # what the server itself does within a minute
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    return made[-1][0].id


def _fill(engine: Engine, experiment: Experiment, candidates: int) -> None:
    seq = experiment.last_seq
    counts = dict.fromkeys(("scored", "infeasible"), 0)
    with engine.begin() as connection:
        for first in range(0, candidates, _CHUNK):
            numbers = range(first, min(first + _CHUNK, candidates))
            rows = [_candidate(experiment, number) for number in numbers]
            query = insert(CandidateRecord).returning(CandidateRecord.id, sort_by_parameter_order=True)
            ids = connection.scalars(query, rows).all()
            evaluations = [_evaluation(key, row) for key, row in zip(ids, rows, strict=True)]
            query = insert(EvaluationRecord).returning(EvaluationRecord.id, sort_by_parameter_order=True)
            evaluation_ids = connection.scalars(query, evaluations).all()
            items = [
                {"evaluation_id": key, **vars(item)}
                for key, row in zip(evaluation_ids, rows, strict=True)
                if row["state"] is CandidateState.SCORED and _has_items(row)
                for item in some_items(row["number"])
            ]
            connection.execute(insert(ItemScoreRecord), items)
            events = [event for key, row in zip(ids, rows, strict=True) for event in _events(key, row)]
            connection.execute(
                insert(EventRecord), [{**event, "seq": seq + 1 + place} for place, event in enumerate(events)]
            )
            seq += len(events)
            for row in rows:
                counts[row["state"].value] += 1
        connection.execute(
            insert(SearchTraceRecord), [_update(experiment, one) for one in range(candidates // WORKERS)]
        )
        connection.execute(
            update(ExperimentRecord)
            .where(ExperimentRecord.id == experiment.id)
            .values(
                last_seq=seq,
                num_candidates=candidates,
                num_scored=counts["scored"],
                num_infeasible=counts["infeasible"],
                num_done=counts["scored"],
                num_search_items=ITEMS * counts["scored"],
                prompt_tokens=6400 * counts["scored"],
                generated_tokens=640 * counts["scored"],
            )
        )


def _has_items(row: dict[str, Any]) -> bool:
    return row["number"] % 25 == 0 or row["number"] < len(_PLAIN) or row["fitness"] > 0.999


def _candidate(experiment: Experiment, number: int) -> dict[str, Any]:
    luck = random.Random(number)
    vector = [luck.gauss(0, 1) for _ in range(GENES)]
    infeasible = number % 20 == 17
    plain = number < len(_PLAIN)
    return {
        "experiment_id": experiment.id,
        "number": number,
        "kind": CandidateKind.BASELINE if plain else CandidateKind.SEARCH,
        "label": _PLAIN[number] if plain else "",
        "vector": None if plain else vector,
        "recipe": some_recipe(vector),
        "recipe_digest": f"{number:064x}",
        "state": CandidateState.INFEASIBLE if infeasible else CandidateState.SCORED,
        "reason": "NaN in the weights" if infeasible else None,
        "fitness": None if infeasible else luck.random(),
        "created_at": _moment(number),
    }


def _evaluation(candidate: int, row: dict[str, Any]) -> dict[str, Any]:
    done = row["state"] is CandidateState.SCORED
    return {
        "candidate_id": candidate,
        "split": Split.SEARCH,
        "block": 0,
        "state": EvaluationState.DONE if done else EvaluationState.INFEASIBLE,
        "attempt": 1,
        "worker": f"worker-{row['number'] % WORKERS}",
        "started_at": row["created_at"],
        "finished_at": _moment(row["number"] + 2),
        "timings_s": {"apply": 0.5, "score": 2.25} if done else {},
        "prompt_tokens": 6400 if done else 0,
        "generated_tokens": 640 if done else 0,
        "fitness": row["fitness"],
        "summary": summary_of(_SEEDED_ITEMS) if done else {},
        "num_items": ITEMS if done else 0,
        "items_digest": None,
        "reason": row["reason"],
    }


def _events(candidate: int, row: dict[str, Any]) -> list[dict[str, Any]]:
    subject = {"candidate_id": candidate, "number": row["number"]}
    where = {**subject, "split": "search", "block": 0}
    worker = f"worker-{row['number'] % WORKERS}"
    ended: tuple[EventKind, dict[str, Any]] = (EventKind.TELL, {**where, "fitness": row["fitness"]})
    if row["state"] is CandidateState.INFEASIBLE:
        ended = (EventKind.INFEASIBLE, {**where, "reason": row["reason"]})
    kinds = [
        (EventKind.ASK, {**subject, "kind": row["kind"].value, "block": 0}),
        (EventKind.START, {**where, "attempt": 1, "worker": worker}),
        ended,
    ]
    common = {"experiment_id": row["experiment_id"], "at": row["created_at"]}
    return [{**common, "kind": kind, "payload": payload} for kind, payload in kinds]


def _moment(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)


def _update(experiment: Experiment, number: int) -> dict[str, Any]:
    luck = random.Random(number)
    state = {
        "sigma": luck.random(),
        "axis_ratio": 1 + luck.random(),
        "path_length": 6 * luck.random(),
        "expected_path_length": 6.3,
        "eigenvalues": [round(luck.random(), 6) for _ in range(16)],
        "bound_hits": luck.random(),
        "spread": luck.random(),
        "deviations": [round(luck.random(), 6) for _ in range(GENES)],
    }
    number += 1
    where = {"number": number * WORKERS, "items": number * WORKERS * ITEMS}
    return {"experiment_id": experiment.id, "updates": number, "run": number // 1000, **where, "state": state}
