"""A run without models: a deterministic evaluator, workers that finish in a fixed odd order, a store that dies."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine, event

from evals.provenance import Provenance
from evals.tasks import ItemRef, ItemScore
from evals.texts import ItemText
from experiments.entities import Candidate
from experiments.reading import Reader
from experiments.spec_search import SearchSpec
from experiments.states import Split
from experiments.store import Store
from optimizer.baselines import Baseline
from optimizer.driver import Driver, RunResult
from optimizer.jobs import IN_PLACE, Choice, Job, Outcome, Pool
from optimizer.journal import Journal
from optimizer.launch import make_tables
from optimizer.problem import Start
from optimizer.search.interface import Coordinate, Prior, Vector
from optimizer.watch import Watch
from workers.config import ScoreResult

SIZES = {Split.SEARCH: 24, Split.SELECTION: 40, Split.TEST: 30}
TASKS = {"one": 2.0, "two": 1.0}
LOSSES = {"m0": {"truncated": 0.1, "left_out": 0.2}}
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Point:
    """What is scored: the values themselves."""

    values: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        return {"values": list(self.values)}

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.values).encode()).hexdigest()


@dataclass(frozen=True)
class Line:
    """A search space of plain numbers."""

    dimension: int

    @property
    def genes(self) -> tuple[Coordinate, ...]:
        return tuple(Coordinate("weight", f"m{n}", 0.0, 0.25, -1.0, 2.0) for n in range(self.dimension))

    def decode(self, point: Vector) -> Point:
        return Point(tuple(round(0.25 * float(z), 9) for z in point))


def uniform(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but the arguments."""
    digest = hashlib.sha256(json.dumps(parts, default=str).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def right(point: Point, ref: ItemRef) -> float:
    """Whether a point solves an item: likelier near 0.5 in every coordinate."""
    distance = float(np.mean((np.array(point.values) - 0.5) ** 2))
    return float(uniform(ref.item) < 0.9 - 1.5 * distance + 0.1 * (uniform(ref.item, point.values) - 0.5))


@dataclass
class FakePool:
    """Workers that each hold a job until it is their turn; whose turn it is depends on the jobs in flight alone.

    Nobody is ready whom the driver does not wait for, unless it ended with the one before.

    ``accidents`` maps how often a job is about to be finished to how that ends instead.
    """

    workers: int
    score: Callable[[Point, ItemRef], float] = right
    accident: Callable[[Job, int], Outcome | None] = lambda job, attempt: None
    refs: Mapping[Split, tuple[ItemRef, ...]] = field(default_factory=dict)
    order: str = ""
    choice: Choice = IN_PLACE
    batches: list[list[Job]] = field(default_factory=list)
    filling: list[Job] = field(default_factory=list)
    ended: list[Outcome] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    sizes: list[tuple[Split, int]] = field(default_factory=list)
    known: Provenance | None = None
    stand_in: Callable[[Point, ItemRef], float] = right
    descriptions: list[dict[str, Any]] = field(default_factory=lambda: [{"losses": LOSSES}])

    def follow(self, choice: Choice) -> None:
        self.choice = choice

    def resize(self, count: int) -> None:
        self.workers = count

    @property
    def num_running(self) -> int:
        return sum(map(len, self.batches)) + len(self.filling) + len(self.ended)

    @property
    def next_worker(self) -> str | None:
        free = len(self.batches) < self.workers and not self.ended
        return f"fake:{len(self.batches)}" if free else None

    @property
    def provenance(self) -> Provenance | None:
        return self.known if self.next_worker is not None else None

    def submit(self, job: Job) -> None:
        assert len(self.batches) < self.workers
        self.filling.append(job)
        self.jobs.append(job)
        if job.alone or job.in_place or len(self.filling) == self.choice.width:
            self.begin()

    def wait(self, timeout_s: float) -> Outcome | None:
        if not self.ended and self.batches and timeout_s > 0:
            batch = min(self.batches, key=self._turn)
            self.batches.remove(batch)
            self.ended = self._ends(batch)
        return self.ended.pop(0) if self.ended else None

    def close(self) -> None:
        self.batches, self.filling, self.ended = [], [], []

    def begin(self) -> None:
        if self.filling:
            self.batches.append(self.filling)
            self.sizes.append((self.filling[0].work.split, len(self.filling)))
            self.filling = []

    def _turn(self, batch: list[Job]) -> float:
        first = batch[0].work
        return uniform(self.order, first.candidate, first.block, first.split)

    def _ends(self, batch: list[Job]) -> list[Outcome]:
        attempts = [sum(1 for one in self.jobs if one.work == job.work) for job in batch]
        accidents = [self.accident(job, attempt) for job, attempt in zip(batch, attempts, strict=True)]
        lost = next((one for one in accidents if one is not None and one.kind == "lost"), None)
        if lost is not None:
            return [Outcome(job, "lost", reason=lost.reason, shared=len(batch) > 1) for job in batch]
        return [accident or self._done(job) for job, accident in zip(batch, accidents, strict=True)]

    def _done(self, job: Job) -> Outcome:
        if not job.stand_ins:
            return Outcome(job, "done", self._result(job, job.subject, self.score))
        return Outcome(job, "done", stand_ins=tuple(self._result(job, one, self.stand_in) for one in job.stand_ins))

    def _result(self, job: Job, subject: Any, score: Callable[[Point, ItemRef], float]) -> ScoreResult:
        refs = self.refs[job.work.split]
        chosen = refs if job.positions is None else [refs[position] for position in job.positions]
        assert isinstance(subject, Point)
        items = tuple(ItemScore(ref.task, ref.item, score(subject, ref), None, None) for ref in chosen)
        return ScoreResult(items, {"score": 0.0}, len(items), len(items), "fake:0", self.known)


@dataclass
class FakeProblem:
    """See ``optimizer.problem.Problem``."""

    search: SearchSpec
    num_workers: int = 1
    dimension: int = 3
    sizes: Mapping[Split, int] = field(default_factory=lambda: dict(SIZES))
    score: Callable[[Point, ItemRef], float] = right
    accident: Callable[[Job, int], Outcome | None] = lambda job, attempt: None
    start_prior: Prior | None = None
    order: str = ""
    choice: Choice = IN_PLACE
    provenance: Provenance | None = None
    stand_in: Callable[[Point, ItemRef], float] = right
    pools: list[FakePool] = field(default_factory=list)

    @property
    def items(self) -> dict[Split, tuple[ItemRef, ...]]:
        tasks = list(TASKS)
        return {
            split: tuple(ItemRef(tasks[n % 2], f"{split.value}{n}") for n in range(size))
            for split, size in self.sizes.items()
        }

    @property
    def task_weights(self) -> dict[str, float]:
        return dict(TASKS)

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        unit = [tuple(float(n == one) for n in range(self.dimension)) for one in range(2)]
        return (
            Baseline("base", "base", Point((0.0,) * self.dimension)),
            Baseline("expert m0", "expert", Point(unit[0])),
            Baseline("expert m1", "expert", Point(unit[1])),
            Baseline("scale 0.3", "scale", Point((0.3,) * self.dimension)),
        )

    @property
    def parents(self) -> dict[str, str]:
        return {one.recipe.digest(): one.recipe.digest()[:16] for one in self.baselines if one.role != "scale"}

    def start(self, plain: Sequence[Candidate]) -> Start:
        return Start(Line(self.dimension), plain[0])

    def prior(self, start: Start, store: Reader, experiment: str) -> tuple[Prior | None, str]:
        return self.start_prior, "the test says so"

    def texts(self) -> list[ItemText]:
        refs = [ref for items in self.items.values() for ref in items]
        return [ItemText(ref.task, ref.item, f"what is {ref.item}?", "it", None, False) for ref in refs]

    def similarity(self, expired: Callable[[], bool]) -> dict[str, Any]:
        return {"models": ["m0", "m1"], "cosine": [[1, 0], [0, 1]], "norms": [1, 1], "by_block": None, "reason": None}

    def read(self, data: Mapping[str, Any]) -> Point:
        return Point(tuple(data["values"]))

    def open_pool(self, say: Callable[[str], None]) -> Pool:
        pool = FakePool(self.num_workers, self.score, self.accident, self.items, self.order, self.choice)
        pool.known, pool.stand_in = self.provenance, self.stand_in
        self.pools.append(pool)
        return pool


class StoreDied(BaseException):
    """What a process that is killed during a write never sees."""


class DyingStore(Store):
    """Dies before (``after`` False) or after its n-th write of a run; counts the writes."""

    writes = 0
    dies_at: int | None = None
    after = False

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)

        @event.listens_for(engine, "connect")
        def _hurry(connection: Any, _: object) -> None:
            # Nobody cuts the power here, and syncing every write takes most of the time.
            connection.execute("PRAGMA synchronous = OFF")

        engine.dispose()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("record_"):
            return found

        def write(*args: Any, **kwargs: Any) -> Any:
            self.writes += 1
            dies = self.writes == self.dies_at
            if dies and not self.after:
                raise StoreDied
            result = found(*args, **kwargs)
            if dies:
                raise StoreDied
            return result

        return write


def search_spec(**changes: Any) -> SearchSpec:
    """A search of 16 passes over the items."""
    return SearchSpec.model_validate({"budget": {"evaluations": 16}, "seed": 3, "finalists": 3, **changes})


def spec_data(search: SearchSpec) -> dict[str, Any]:
    """What the store keeps of a fake problem's spec."""
    tasks = [{"name": name, "weight": weight} for name, weight in TASKS.items()]
    return {"name": "fake", "tasks": tasks, "search": search.model_dump(mode="json", exclude_none=True)}


def drive(store: Store, experiment_id: str, problem: FakeProblem, notes: list[str] | None = None) -> RunResult:
    """Claim the experiment and drive it to its end, as a process of its own would."""
    claimed = store.claim_driver(experiment_id, force=True)
    journal = Journal(store, claimed, make_tables(problem))

    def observe(progress: Any) -> None:
        if notes is not None:
            notes.extend(progress.notes)
            notes.append(progress.message)

    watch = Watch("fake", problem.task_weights, (0, 1, 2), observe)
    return Driver(journal, problem, watch, threading.Event()).run()


def record(store: Store, experiment_id: str) -> list[Any]:
    """Everything that a run decided: candidates with their scores, in order."""
    candidates = store.candidates(experiment_id)
    items = [store.items(experiment_id, split) for split in Split]
    decisions = [event.payload for event in store.ledger(experiment_id) if event.kind == "decision"]
    trace = store.trace(experiment_id, points=10**6)
    plain = [replace(one, id=0, experiment_id="", created_at=_SOME_TIME) for one in candidates]
    scores = [[(one.number, one.task, one.item, one.score) for one in split] for split in items]
    return [plain, scores, decisions, trace]
