"""Fairness between owners and experiments, for any demands."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from api.launching.launcher import Capacity
from api.launching.shares import Demand, admit, share

BIG = Capacity(64.0, 8.0)


def demand(name: str, owner: str = "ann", priority: int = 0, workers: int = 4, cpus: float = 1.0, gpus: float = 0.0):
    return Demand(name, owner, priority, workers, cpus, gpus)


demands = st.lists(
    st.builds(
        demand,
        name=st.uuids().map(str),
        owner=st.sampled_from(["ann", "bob", "cid"]),
        priority=st.integers(0, 2),
        workers=st.integers(1, 9),
        cpus=st.sampled_from([0.0, 1.0, 2.0]),
        gpus=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    ),
    max_size=8,
)


def used(running: list[Demand], given_: dict[str, int]) -> tuple[float, float]:
    cpus = sum(one.cpus * given_[one.id] for one in running)
    return cpus, sum(one.gpus * given_[one.id] for one in running)


@given(waiting=demands, per_owner=st.integers(1, 3))
def test_what_is_admitted_fits_and_gets_its_share(waiting: list[Demand], per_owner: int) -> None:
    running = admit([], waiting, BIG, per_owner)
    assert all(count <= per_owner for count in Counter(one.owner for one in running).values())
    cpus, gpus = used(running, {one.id: 1 for one in running})
    assert len(running) <= 1 or (cpus <= BIG.cpus and gpus <= BIG.gpus)
    found = share(running, BIG)
    assert all(1 <= found[one.id] <= one.workers for one in running)
    cpus, gpus = used(running, found)
    assert cpus <= BIG.cpus and gpus <= BIG.gpus
    # Nothing that somebody could use is left over.
    for one in running:
        full = found[one.id] == one.workers
        assert full or cpus + one.cpus > BIG.cpus or gpus + one.gpus > BIG.gpus


def test_owners_share_alike_however_many_experiments_they_have() -> None:
    running = [demand(f"a{n}", "ann", workers=8) for n in range(3)] + [demand("b", "bob", workers=8)]
    found = share(running, Capacity(12.0, 0.0))
    assert found["b"] == 6 and sorted(found[f"a{n}"] for n in range(3)) == [2, 2, 2]


def test_a_larger_priority_takes_what_is_left_and_nobody_loses_the_last_worker() -> None:
    found = share([demand("low", workers=8), demand("high", "bob", priority=1, workers=6)], Capacity(8.0, 0.0))
    assert found == {"high": 6, "low": 2}
    found = share([demand("low", workers=8), demand("high", "bob", priority=1, workers=16)], Capacity(8.0, 0.0))
    assert found == {"high": 7, "low": 1}


def test_the_line_is_by_priority_then_by_who_has_least_then_by_age() -> None:
    waiting = [demand("a1"), demand("a2"), demand("b1", "bob"), demand("c1", "cid", priority=3)]
    assert [one.id for one in admit([], waiting, BIG, 4)] == ["c1", "a1", "b1", "a2"]
    assert [one.id for one in admit([demand("a0")], waiting, BIG, 2)] == ["c1", "b1", "a1"]


def test_nobody_is_let_past_the_first_in_line() -> None:
    running = [demand("r", "bob", gpus=4.0)]
    waiting = [demand("large", gpus=6.0), demand("small", "cid", gpus=1.0)]
    assert admit(running, waiting, BIG, 4) == []
    assert [one.id for one in admit([], waiting, BIG, 4)] == ["large", "small"]


def test_an_unknown_cluster_takes_one() -> None:
    waiting = [demand("a"), demand("b", "bob")]
    assert [one.id for one in admit([], waiting, None, 4)] == ["a"]
    assert admit([demand("r")], waiting, None, 4) == []
