"""What workers do and what that costs, each from an even sample of the candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate

from api.schemas.candidates import WorkerView
from api.schemas.operations import Cost, LaneView, Timeline
from experiments.curves import best_so_far
from experiments.efforts import Effort, Lane
from experiments.entities import Experiment, Progress
from experiments.losses import Loss
from experiments.pages import WorkerActivity
from experiments.quantities import budget_use
from experiments.sampling import stride
from experiments.states import EXPERIMENT_STEPS, EvaluationState, Split
from experiments.store import Store

# Candidates whose evaluations are read for the costs.
_READ = 2000
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _Bar:
    """An attempt that has begun."""

    worker: str
    number: int
    split: Split
    block: int
    attempt: int
    state: EvaluationState
    since: datetime
    until: datetime | None
    reason: str | None = None


def timeline(
    store: Store, experiment: Experiment, since: datetime | None, until: datetime | None, limit: int
) -> Timeline:
    """Return the workers and their attempts within some time."""
    losses = store.losses([experiment.id], since=since, until=until)
    recorded = store.lanes(experiment.id, since=since, until=until)
    lanes = _lanes(recorded, losses)
    evaluations = sum(one.evaluations for one in lanes)
    sampled = store.efforts(experiment.id, every=stride(evaluations, limit), since=since, until=until)
    begun = _begun(sampled)
    # An evaluation that is lost at present is its last loss.
    ended = [one for one in begun if one.state is not EvaluationState.LOST]
    gone = _gone(losses)
    shown = ended[:: stride(len(ended), limit)] + gone[:: stride(len(gone), limit)]
    shown.sort(key=lambda one: (one.since, one.number))
    places = {one.worker: place for place, one in enumerate(lanes)}
    now, start = datetime.now(UTC), experiment.created_at
    return Timeline(
        reason=None if lanes else "No worker has begun yet.",
        start=start,
        end=now if any(one.running for one in lanes) else max((one.until for one in lanes), default=start),
        total=evaluations - sum(one.lost for one in recorded) + len(gone),
        shown=len(shown),
        workers=[_lane(one, [effort for effort in sampled if effort.worker == one.worker], now) for one in lanes],
        lane=[places[one.worker] for one in shown],
        number=[one.number for one in shown],
        split=[one.split for one in shown],
        block=[one.block for one in shown],
        attempt=[one.attempt for one in shown],
        state=[one.state for one in shown],
        started_s=[(one.since - start).total_seconds() for one in shown],
        finished_s=[_seconds(one.until, start) for one in shown],
        lost_because={place: one.reason for place, one in enumerate(shown) if one.reason is not None},
        phases=_scaled(_phases(sampled), evaluations / len(begun)) if begun else {},
    )


def _begun(efforts: Iterable[Effort]) -> list[_Bar]:
    return [
        _Bar(one.worker, one.number, one.split, one.block, one.attempt, one.state, one.started_at, one.finished_at)
        for one in efforts
        if one.worker is not None and one.started_at is not None
    ]


def _gone(losses: Iterable[Loss]) -> list[_Bar]:
    state = EvaluationState.LOST
    return [
        _Bar(one.worker, one.number, one.split, one.block, one.attempt, state, one.started_at, one.lost_at, one.reason)
        for one in losses
        if one.worker is not None and one.started_at is not None
    ]


def _lanes(lanes: Iterable[Lane], losses: Sequence[Loss]) -> list[Lane]:
    """Return lanes with all attempts that their workers lost, and one for each worker that did nothing else."""
    found = {one.worker: replace(one, lost=0) for one in lanes}
    for bar in _gone(losses):
        until = bar.until or bar.since
        lane = found.get(bar.worker) or Lane(bar.worker, 0, 0, 0, bar.since, until)
        since, until = min(lane.since, bar.since), max(lane.until, until)
        found[bar.worker] = replace(lane, lost=lane.lost + 1, since=since, until=until)
    return sorted(found.values(), key=lambda one: (one.since, one.worker))


def _lane(lane: Lane, efforts: Sequence[Effort], now: datetime) -> LaneView:
    seconds = sum(one.seconds for one in efforts) * lane.evaluations / max(len(efforts), 1)
    span = ((now if lane.running else lane.until) - lane.since).total_seconds()
    known = span > 0 and (len(efforts) > 0 or lane.evaluations == 0)
    return LaneView(
        name=lane.worker,
        busy_s=seconds,
        span_s=span,
        utilisation=seconds / span if known else None,
        lost=lane.lost,
    )


def _seconds(moment: datetime | None, start: datetime) -> float | None:
    return None if moment is None else (moment - start).total_seconds()


def workers(store: Store, experiment_ids: Sequence[str]) -> dict[str, list[WorkerView]]:
    """Return what each worker of some experiments did, the last seen first, by experiment."""
    found = {
        key: {one.worker: replace(one, lost=0) for one in activities}
        for key, activities in store.worker_activity(experiment_ids).items()
    }
    for loss in store.losses(experiment_ids):
        if loss.worker is None:
            continue
        mine = found[loss.experiment_id]
        seen = loss.started_at or loss.lost_at
        before = mine.get(loss.worker) or WorkerActivity(loss.worker, 0, 0, 0, 0, 0, 0, seen)
        mine[loss.worker] = replace(
            before, lost=before.lost + 1, last_seen=max(one for one in (before.last_seen, seen) if one is not None)
        )
    return {
        key: [
            WorkerView.model_validate(one)
            for one in sorted(mine.values(), key=lambda one: one.last_seen or _NEVER, reverse=True)
        ]
        for key, mine in found.items()
    }


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
