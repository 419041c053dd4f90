"""Scoring one model after the other on a resident engine: the next one costs writing its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from evals.provenance import Provenance
from evomerge.errors import EngineError, EvomergeError
from optimizer.evaluating.results import Evaluated
from optimizer.evaluating.subjects import Subject
from workers.config import ScoreResult, WorkerConfig
from workers.swaps import obstacle

Known = Callable[[Subject, Provenance], Evaluated | None]


def evaluate(
    subjects: Sequence[Subject],
    config: WorkerConfig,
    split: str,
    say: Callable[[str], None] = lambda message: None,
    known: Known = lambda subject, provenance: None,
) -> Iterator[Evaluated]:
    """Score models on a split, in the given order.

    A checkpoint that fits the running engine is written into it; others get an engine of their own. Task files are
    read once for each engine.

    Args:
        subjects: what is scored.
        config: of the worker; base and experts are those of each model.
        split: name of the split.
        say: told what a person who waits should know.
        known: returns what need not be scored, by what a score of this engine would depend on.

    Raises:
        EngineError: no engine starts, or it was lost.
        InvalidInput: a model or task turned out to be unusable.
        Infeasible: a model's answers are not finite.
    """
    from optimizer.cluster import ray_cluster

    with ray_cluster(num_cpus=config.cpus), _worker() as worker:
        for number, subject in enumerate(subjects, start=1):
            count = f"({number} of {len(subjects)})"
            provenance = worker.prepare(replace(config, base=subject.base, experts=(subject.expert,)), say)
            if (found := known(subject, provenance)) is not None:
                say(f"{subject.label} {count}: the store has its scores")
                yield found
                continue
            say(f"scoring {subject.label} {count}")
            result = worker.score(subject, split)
            assert result.provenance is not None
            yield Evaluated(
                label=subject.label,
                model=subject.named,
                weights=subject.weights,
                split=split,
                provenance=result.provenance,
                items=result.items,
                seconds=dict(result.timings_s),
                prompt_tokens=result.prompt_tokens,
                generated_tokens=result.generated_tokens,
            )


class _Worker:
    """One worker at a time, started again where the next model does not fit its engine."""

    def __init__(self) -> None:
        self._actor: Any = None
        self._wanted: WorkerConfig | None = None
        self._resident: WorkerConfig | None = None
        self._provenance: Provenance | None = None

    def prepare(self, config: WorkerConfig, say: Callable[[str], None]) -> Provenance:
        """Have an engine that can score a model; return what its scores would depend on."""
        why = None if self._resident is None else obstacle(self._resident.base, config.base)
        if why is not None:
            say(f"another engine is started: {why}")
            self.stop()
        self._wanted = config
        if self._provenance is None:
            from workers.worker import start_worker

            self._actor, self._resident = start_worker(config), config
            self._provenance = _get(self._actor.ready.remote())["provenance"]
        # Of models that can take each other's place, nothing differs that scores depend on besides the weights.
        return self._provenance

    def score(self, subject: Subject, split: str) -> ScoreResult:
        """Score the model that was prepared for."""
        if self._wanted != self._resident:
            _get(self._actor.adopt.remote(self._wanted, same_tasks=True))
            self._resident = self._wanted
        result: ScoreResult = _get(self._actor.score.remote(subject.recipe, split))
        return result

    def stop(self) -> None:
        """End the worker and its engine."""
        import ray

        if self._actor is not None:
            ray.kill(self._actor)
        self._actor = self._wanted = self._resident = self._provenance = None


@contextmanager
def _worker() -> Iterator[_Worker]:
    worker = _Worker()
    try:
        yield worker
    finally:
        worker.stop()


def _get(future: Any) -> Any:
    """Wait for a worker's answer; its errors come as it raised them."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(future)
    except RayTaskError as error:
        if isinstance(error.cause, EvomergeError):
            raise error.cause from None
        raise EngineError(f"the worker raised {type(error.cause).__name__}: {error.cause}") from error
    except RayError as error:
        lines = str(error).strip().splitlines()
        raise EngineError(f"the worker was lost: {lines[-1] if lines else type(error).__name__}") from error
