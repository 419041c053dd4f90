"""Who may run, and with how many workers: fair between owners, larger priorities first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.launching.launcher import Capacity

# Sums of fractions of a GPU are not exact.
_SLACK = 1e-9


@dataclass(frozen=True)
class Demand:
    """What one experiment asks for.

    Attributes:
        id: of the experiment.
        owner: whose it is.
        priority: larger goes first.
        workers: how many it can use.
        cpus: cores of one worker.
        gpus: GPUs of one worker.
    """

    id: str
    owner: str
    priority: int
    workers: int
    cpus: float
    gpus: float


def admit(
    running: Sequence[Demand], waiting: Sequence[Demand], capacity: Capacity | None, per_owner: int
) -> list[Demand]:
    """Return which of the waiting ones to start now, in order.

    Everybody who runs keeps at least one worker, so there are never more than there is room for. The first in line is
    who has the largest priority, then whose owner has the fewest running, then who waits longest; nobody behind it is
    let past, or an experiment with large workers would wait for ever.

    Args:
        running: with a driver, or one that is being started.
        waiting: oldest first.
        capacity: what there is; None while that is not known, when nothing more is started beside others.
        per_owner: how many of one owner may run at a time.
    """
    active = Counter(one.owner for one in running)
    held = list(running)
    line, admitted = list(waiting), []
    while line:
        allowed = [one for one in line if active[one.owner] < per_owner]
        if not allowed:
            break
        first = min(allowed, key=lambda one: (-one.priority, active[one.owner], line.index(one)))
        if held and not _fits([*held, first], capacity):
            break
        line.remove(first)
        held.append(first)
        active[first.owner] += 1
        admitted.append(first)
    return admitted


def share(running: Sequence[Demand], capacity: Capacity) -> dict[str, int]:
    """Return how many workers each experiment may have.

    Everybody has one. What is left goes round, one worker at a time: to the largest priority first, among those to the
    owner who has the fewest, and of that owner to the experiment that has the fewest.
    """
    given = {one.id: min(1, one.workers) for one in running}
    left_cpus = capacity.cpus - sum(one.cpus * given[one.id] for one in running)
    left_gpus = capacity.gpus - sum(one.gpus * given[one.id] for one in running)
    while True:
        open_ = [
            one
            for one in running
            if given[one.id] < one.workers and one.cpus <= left_cpus + _SLACK and one.gpus <= left_gpus + _SLACK
        ]
        if not open_:
            return given
        by_owner = _sums(running, given)
        chosen = min(open_, key=lambda one: (-one.priority, by_owner[one.owner], given[one.id], one.id))
        given[chosen.id] += 1
        left_cpus -= chosen.cpus
        left_gpus -= chosen.gpus


def _sums(running: Iterable[Demand], given: dict[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in running:
        found[one.owner] += given[one.id]
    return found


def _fits(demands: Sequence[Demand], capacity: Capacity | None) -> bool:
    if capacity is None:
        return False
    cpus, gpus = sum(one.cpus for one in demands), sum(one.gpus for one in demands)
    return cpus <= capacity.cpus + _SLACK and gpus <= capacity.gpus + _SLACK
