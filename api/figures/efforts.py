"""What workers do and what that costs, each from an even sample of the candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate

from api.schemas.operations import Cost, LaneView, Timeline
from experiments.curves import best_so_far
from experiments.efforts import Effort, Lane
from experiments.entities import Experiment, Progress
from experiments.quantities import budget_use
from experiments.sampling import stride
from experiments.states import EXPERIMENT_STEPS, EvaluationState
from experiments.store import Store

# Candidates whose evaluations are read for the costs.
_READ = 2000


def timeline(
    store: Store, experiment: Experiment, since: datetime | None, until: datetime | None, limit: int
) -> Timeline:
    """Return the workers and their evaluations within some time."""
    lanes = store.lanes(experiment.id, since=since, until=until)
    total = sum(one.evaluations for one in lanes)
    sampled = store.efforts(experiment.id, every=stride(total, limit), since=since, until=until)
    places = {one.worker: place for place, one in enumerate(lanes)}
    began = [(one.started_at, one) for one in sampled if one.started_at is not None and one.worker in places]
    shown = sorted(began[:: stride(len(began), limit)], key=lambda pair: (pair[0], pair[1].number))
    now, start = datetime.now(UTC), experiment.created_at
    return Timeline(
        reason=None if lanes else "No worker has begun yet.",
        start=start,
        end=now if any(one.running for one in lanes) else max((one.until for one in lanes), default=start),
        total=total,
        shown=len(shown),
        workers=[_lane(one, [effort for effort in sampled if effort.worker == one.worker], now) for one in lanes],
        lane=[places[one.worker] for _, one in shown if one.worker is not None],
        number=[one.number for _, one in shown],
        split=[one.split for _, one in shown],
        block=[one.block for _, one in shown],
        state=[one.state for _, one in shown],
        started_s=[(at - start).total_seconds() for at, _ in shown],
        finished_s=[_seconds(one.finished_at, start) for _, one in shown],
        phases=_scaled(_phases(sampled), total / len(began)) if began else {},
    )


def _lane(lane: Lane, efforts: Sequence[Effort], now: datetime) -> LaneView:
    seconds = sum(one.seconds for one in efforts) * lane.evaluations / max(len(efforts), 1)
    span = ((now if lane.running else lane.until) - lane.since).total_seconds()
    return LaneView(
        name=lane.worker,
        busy_s=seconds,
        span_s=span,
        utilisation=seconds / span if efforts and span > 0 else None,
        lost=lane.lost,
    )


def _seconds(moment: datetime | None, start: datetime) -> float | None:
    return None if moment is None else (moment - start).total_seconds()


def cost(store: Store, experiment: Experiment, points: int) -> Cost:
    """Return what the candidates of every bucket cost."""
    progress = store.progress(experiment.id)
    total, every = progress.candidates, stride(progress.candidates, _READ)
    width = max(1, -(-total // points))
    buckets = -(-total // width)
    efforts = [one for one in store.efforts(experiment.id, every=every) if one.number < total]
    done = [one for one in efforts if one.state is EvaluationState.DONE]
    by_bucket: list[list[Effort]] = [[] for _ in range(buckets)]
    for one in done:
        by_bucket[one.number // width].append(one)
    scale = progress.done / len(done) if every > 1 and done else 1.0
    phases = sorted(_phases(done))
    spent = [_scaled(_phases(part), scale) for part in by_bucket]
    seconds = list(accumulate(sum(one.values()) for one in spent))
    bests = store.bests(experiment.id, width)
    return Cost(
        reason=None if done else "No candidate is scored yet.",
        number=[place * width for place in range(buckets)],
        worker_seconds={phase: [one.get(phase, 0.0) for one in spent] for phase in phases},
        cumulative_worker_seconds=seconds,
        best=best_so_far([bests.get(place) for place in range(buckets)]),
        prompt_tokens=_cumulated(by_bucket, lambda one: one.prompt_tokens, progress.prompt_tokens),
        generated_tokens=_cumulated(by_bucket, lambda one: one.generated_tokens, progress.generated_tokens),
        evaluations=[len(part) * scale for part in by_bucket],
        projected_worker_seconds=_projected(experiment, progress, seconds[-1]) if done else None,
        cache_share=sum(one.attempt == 0 for one in done) / len(done) if done else None,
        every=every,
    )


def _phases(efforts: Iterable[Effort]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in efforts:
        for phase, seconds in one.timings_s.items():
            found[phase] = found.get(phase, 0.0) + seconds
    return found


def _scaled(phases: Mapping[str, float], factor: float) -> dict[str, float]:
    return {phase: factor * seconds for phase, seconds in phases.items()}


def _cumulated(by_bucket: Sequence[Sequence[Effort]], count: Callable[[Effort], int], total: int) -> list[float]:
    """Return the sums up to and including each bucket, scaled so that they end at a total that is known."""
    sums = list(accumulate(sum(map(count, part)) for part in by_bucket))
    return [one * total / max(sums[-1], 1) for one in sums]


def _projected(experiment: Experiment, progress: Progress, spent: float) -> float | None:
    use = budget_use(experiment, progress)
    if use is None or not use.used or not EXPERIMENT_STEPS[experiment.state]:
        return None
    return spent * max(use.limit / use.used, 1.0)
