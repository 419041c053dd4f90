"""Scoring one model after the other on a resident engine: the next one costs writing its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from evomerge.errors import EngineError, EvomergeError
from optimizer.evaluating.results import Evaluated
from optimizer.evaluating.subjects import Subject
from workers.config import ScoreResult, WorkerConfig
from workers.swaps import obstacle


def evaluate(
    subjects: Sequence[Subject], config: WorkerConfig, split: str, say: Callable[[str], None] = lambda message: None
) -> Iterator[Evaluated]:
    """Score models on a split, in the given order.

    A checkpoint that fits the running engine is written into it; others get an engine of their own.

    Args:
        subjects: what is scored.
        config: of the worker; base and experts are those of each model.
        split: name of the split.
        say: told what a person who waits should know.

    Raises:
        EngineError: no engine starts, or it was lost.
        InvalidInput: a model or task turned out to be unusable.
        Infeasible: a model's answers are not finite.
    """
    from optimizer.cluster import ray_cluster

    with ray_cluster(num_cpus=config.cpus), _worker() as worker:
        for number, subject in enumerate(subjects, start=1):
            say(f"scoring {subject.label} ({number} of {len(subjects)})")
            result = worker.score(subject, replace(config, base=subject.base, experts=(subject.expert,)), split, say)
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
        self._config: WorkerConfig | None = None

    def score(self, subject: Subject, config: WorkerConfig, split: str, say: Callable[[str], None]) -> ScoreResult:
        from workers.worker import start_worker

        why = None if self._config is None else obstacle(self._config.base, config.base)
        if why is not None:
            say(f"another engine is started: {why}")
            self.stop()
        if self._actor is None:
            self._actor = start_worker(config)
        else:
            _get(self._actor.adopt.remote(config))
        self._config = config
        result: ScoreResult = _get(self._actor.score.remote(subject.recipe, split))
        return result

    def stop(self) -> None:
        import ray

        if self._actor is not None:
            ray.kill(self._actor)
        self._actor = self._config = None


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
