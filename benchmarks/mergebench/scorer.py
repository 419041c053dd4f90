"""Scoring recipes on one engine that stays, with every score in a file; and the driver on that engine."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.tasks import ItemScore
from experiments.states import Split
from merging.recipe import Recipe
from optimizer.jobs import IN_PLACE, Choice, Job, Outcome
from optimizer.plan import Plan
from workers.config import ScoreResult, WorkerConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from machine import machine


@dataclass
class Scorer:
    """Scores recipes on one resident engine, each once; the file has what was scored before.

    It is also the driver's pool of workers: one, which works while it is waited for.
    """

    path: Path
    setup: Mapping[str, Any]
    config: WorkerConfig
    deadline: float
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    worker: Any = None
    choice: Choice | None = IN_PLACE
    provenance: None = None

    def __post_init__(self) -> None:
        """Read the file, or begin it."""
        if not self.path.exists():
            self.path.write_text(json.dumps({**self.setup, **machine()}) + "\n", encoding="utf-8")
        first, *lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        self.header = json.loads(first)
        if any(self.header[name] != value for name, value in self.setup.items()):
            raise SystemExit(f"{self.path} has another set-up: {first.strip()}; give another --rows")
        whole = "".join(line for line in lines if line.endswith("\n"))
        self.path.write_text(first + whole, encoding="utf-8")
        self.known = {row["key"]: row for row in map(json.loads, whole.splitlines())}

    def score(self, recipe: Recipe, split: Split, positions: Sequence[int] | None = None) -> ScoreResult:
        """Return the scores of a recipe on a split, or on some of its items."""
        digest = recipe.digest()
        key = f"{digest} {split.value} {'' if positions is None else ','.join(map(str, positions))}"
        if key not in self.known:
            found = self._run(recipe, split, positions)
            row = {
                "key": key,
                "recipe": digest,
                "split": split.value,
                "items": [(one.task, one.item, one.score, one.reference_logprob) for one in found.items],
                "timings_s": dict(found.timings_s),
            }
            self.known[key] = row
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        row = self.known[key]
        items = tuple(ItemScore(*item, output=None) for item in row["items"])
        return ScoreResult(items, row["timings_s"], 0, 0, "benchmark")

    def _run(self, recipe: Recipe, split: Split, positions: Sequence[int] | None) -> ScoreResult:
        if time.monotonic() > self.deadline:
            raise SystemExit(f"the time is over; {self.path} has {len(self.known)} scorings, start again to go on")
        if self.worker is None:
            from workers.worker import ScoringWorker

            self.worker = ScoringWorker(self.config)
            self.worker.ready()
        result: ScoreResult = self.worker.score(recipe, split.value, positions)
        return result

    def adopt(self, config: WorkerConfig) -> None:
        """Go on with other experts on the same engine."""
        self.config = config
        if self.worker is not None:
            self.worker.adopt(config)

    @property
    def num_running(self) -> int:
        """See ``optimizer.jobs.Pool``, as all that follows."""
        return len(self.jobs)

    @property
    def next_worker(self) -> str | None:
        """Name the one worker while it has nothing to do."""
        return None if self.jobs else "benchmark"

    def submit(self, job: Job) -> None:
        """Take a job."""
        self.jobs.append(job)

    def begin(self) -> None:
        """The job waits until somebody waits for it."""

    def wait(self, timeout_s: float) -> Outcome | None:
        """Do the job."""
        if not self.jobs:
            return None
        job = self.jobs.pop()
        assert isinstance(job.subject, Recipe)
        return Outcome(job, "done", self.score(job.subject, job.work.split, job.positions))

    def follow(self, choice: Choice) -> None:
        """There is no other."""

    def resize(self, count: int) -> None:
        """There is one worker."""

    def close(self) -> None:
        """The engine stays."""


@dataclass(frozen=True)
class ResidentPlan(Plan):
    """A plan whose one worker is in this process."""

    scorer: Scorer | None = None

    def open_pool(self, say: Any) -> Any:
        """See ``Plan``."""
        return self.scorer

    def resources(self) -> AbstractContextManager[None]:
        """See ``Plan``."""
        return nullcontext()
