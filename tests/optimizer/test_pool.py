"""A pool of real workers on a local Ray cluster of several nodes: whatever dies, the work is done, and nothing is left.

The engine is transformers on a tiny model; ``tests/workers/test_worker.py`` has vLLM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import failures
import pytest
import ray

from evals.tasks import TaskDefinition
from evomerge.errors import EngineError
from experiments.states import Split
from merging.models import ModelRef
from merging.recipe import Recipe
from optimizer.cluster import alive_nodes
from optimizer.fleet import Fleet
from optimizer.jobs import Job, Outcome, Work
from optimizer.pool import WorkerPool
from workers.config import WorkerConfig

STALL_S = 3.0
NODE = {"object_store_memory": 100 * 2**20}
# The pool asks the head of the cluster, which has the address of this machine, whether it is there.
pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost", ray.util.get_node_ip_address()])


def recipe(a: float, b: float = 0.5) -> Recipe:
    return Recipe("task_arithmetic", ("a", "b"), coefficients={"weight": {"a": (a,), "b": (b,)}})


def until_free(pool: WorkerPool) -> str:
    failures.wait_until(lambda: pool.next_worker is not None or bool(pool.wait(0.5)), "a free worker", 120)
    return str(pool.next_worker)


def finish(pool: WorkerPool) -> Outcome:
    ended: list[Outcome] = []
    failures.wait_until(lambda: (one := pool.wait(0.5)) is not None and not ended.append(one), "an outcome", 120)
    return ended[0]


def score(pool: WorkerPool, subject: Any, positions: Any = None, number: int = 0) -> Outcome:
    until_free(pool)
    pool.submit(Job(Work(number, Split.SEARCH), subject, positions))
    pool.begin()
    return finish(pool)


@pytest.fixture(scope="module")
def config(tiny_experiment: Any) -> WorkerConfig:
    folder = tiny_experiment.folder
    base, a, b = (ModelRef(name, str(folder / name)) for name in ("base", "a", "b"))
    task = TaskDefinition("words", str(folder / "words.yaml"), "exact_match", search=8, selection=1, test=1)
    return WorkerConfig(
        base, (a, b), (task,), "transformers", dtype="float32", max_model_len=256, stall_seconds=STALL_S
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without room, and whatever nodes a test adds."""
    import logging

    from ray.cluster_utils import Cluster

    arguments = {"num_cpus": 0, "include_dashboard": False, **NODE}
    made = Cluster(initialize_head=True, head_node_args=arguments)
    ray.init(address=made.address, log_to_driver=False, logging_level=logging.ERROR)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def node(cluster: Any) -> Iterator[Callable[[], Any]]:
    """Add nodes with room for one worker; they go when the test is over."""
    added: list[Any] = []

    def add() -> Any:
        added.append(cluster.add_node(num_cpus=1, **NODE))
        return added[-1]

    yield add
    for one in added:
        if one in cluster.worker_nodes:
            # A node that says goodbye is known to be gone at once.
            cluster.remove_node(one)
    failures.wait_until(lambda: len(alive_nodes()) == 1, "the head alone")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def open_pool(cluster: Any, config: WorkerConfig, said: list[str]) -> Iterator[Callable[..., WorkerPool]]:
    pools: list[WorkerPool] = []

    def go(count: int = 1, **changes: Any) -> WorkerPool:
        fleet = changes.pop("fleet", None)
        pools.append(WorkerPool(replace(config, **changes), count, say=said.append, fleet=fleet))
        return pools[-1]

    yield go
    for pool in pools:
        pool.close()


def test_worker_that_hangs_stops_or_dies_is_replaced_and_leaves_nothing(
    node: Callable[[], Any], open_pool: Callable[..., WorkerPool]
) -> None:
    node()
    pool = open_pool()
    expected = score(pool, recipe(0.7))
    assert expected.result is not None
    cases: list[tuple[Any, Any, str]] = [
        (failures.subject(recipe(0.2), failures.hang()), None, "stall_seconds = 3"),
        (recipe(0.2), failures.positions(failures.stop()), "stall_seconds = 3"),
        (recipe(0.2), failures.positions(failures.die()), "the worker died after"),
        (recipe(0.2), failures.positions(failures.fail(MemoryError)), "GiB of memory are free on this node"),
    ]
    for subject, positions, reason in cases:
        processes = failures.family(failures.pid_of(until_free(pool)))
        paths = failures.traces(processes)
        assert len(paths) >= 1
        lost = score(pool, subject, positions)
        assert lost.kind == "lost" and reason in str(lost.reason)
        failures.no_trace(processes, paths)
    again = score(pool, recipe(0.7))
    assert again.result is not None and again.result.items == expected.result.items
    pids = [failures.pid_of(one["worker"]) for one in pool.descriptions]
    assert len(pids) == len({*pids}) == len(cases) + 1
    processes = failures.family(pids[-1])
    paths = failures.traces(processes)
    pool.close()
    failures.no_trace(processes, paths)


def test_lost_node_is_replaced_by_one_with_room_or_by_one_that_joins(
    cluster: Any, node: Callable[[], Any], open_pool: Callable[..., WorkerPool], said: list[str]
) -> None:
    first = node()
    pool = open_pool(2)
    until_free(pool)
    failures.wait_until(lambda: pool.wait(0.5) is None and bool(said), "a word on the worker that has no node")
    assert "room for 1 of 2 workers" in said[0]

    second = node()
    failures.wait_until(lambda: pool.wait(0.5) is None and len(pool.descriptions) == 2, "a worker on the new node")
    processes = [one for each in pool.descriptions for one in failures.family(failures.pid_of(each["worker"]))]
    for number in range(2):
        pool.submit(Job(Work(number, Split.SEARCH), recipe(0.1 * number), failures.positions(failures.creep(30))))
    pool.begin()
    cluster.remove_node(first, allow_graceful=False)
    cluster.remove_node(second, allow_graceful=False)
    lost = [finish(pool), finish(pool)]
    assert [one.kind for one in lost] == ["lost", "lost"]
    assert pool.num_running == 0 and pool.next_worker is None
    failures.no_trace(processes, [])

    node()
    again = score(pool, lost[0].job.subject)
    assert again.kind == "done"


def test_next_experiment_on_the_same_base_goes_on_with_the_engine(
    node: Callable[[], Any], config: WorkerConfig, open_pool: Callable[..., WorkerPool]
) -> None:
    node()
    fleet = Fleet()
    first = open_pool(fleet=fleet)
    assert score(first, recipe(0.9)).kind == "done"
    first.close()
    assert len(fleet) == 1

    task = replace(config.tasks[0], search=6)
    changes = {"experts": (replace(config.experts[1], name="c"),), "tasks": (task,)}
    other = Recipe("ties", ("c",), coefficients={"weight": {"c": (0.8,)}, "density": {"c": (0.5,)}})
    second = open_pool(fleet=fleet, **changes)
    adopted = score(second, other)
    assert second.descriptions[0]["worker"] == first.descriptions[0]["worker"]
    second.close()

    third = open_pool(fleet=fleet, dtype="bfloat16", **changes)  # another engine: the old worker makes room
    assert score(third, other).kind == "done"
    assert third.descriptions[0]["worker"] != first.descriptions[0]["worker"]
    third.close()
    fleet.close()

    fresh = score(open_pool(**changes), other)
    assert adopted.result is not None and fresh.result is not None
    assert adopted.result.items == fresh.result.items
    assert len(fresh.result.items) == 6


def test_worker_without_room_in_memory_is_refused_with_the_numbers(
    node: Callable[[], Any], open_pool: Callable[..., WorkerPool], said: list[str]
) -> None:
    node()
    pool = open_pool(engine="vllm", kv_cache_gib=1e6)
    with pytest.raises(EngineError, match=r"needs at least 1000000\.\d GiB .* and \d+\.\d GiB are free on this node"):
        failures.wait_until(lambda: bool(pool.wait(0.5)), "a refusal", 120)
    assert len(said) == 1 and "another one is started" in said[0]
    assert not pool.descriptions


def test_worker_that_hangs_while_it_starts_is_killed_and_refused_the_second_time(
    node: Callable[[], Any], open_pool: Callable[..., WorkerPool], said: list[str]
) -> None:
    node()
    pool = open_pool(warm_recipe=failures.start_up(failures.hang()))
    with pytest.raises(EngineError, match=r"the transformers engine does not start: .*the watchdog"):
        failures.wait_until(lambda: bool(pool.wait(0.5)), "a refusal", 120)
    assert len(said) == 1


def test_next_job_is_begun_at_once_scored_the_same_and_outlives_its_worker(
    node: Callable[[], Any], open_pool: Callable[..., WorkerPool]
) -> None:
    node()
    plain = open_pool()
    expected = [score(plain, recipe(weight)).result for weight in (0.3, 0.6)]
    plain.close()

    pool = open_pool(ahead=True)
    first = until_free(pool)
    pool.submit(Job(Work(0, Split.SEARCH), recipe(0.3), failures.positions(failures.creep(1))))
    assert pool.next_worker == first
    pool.submit(Job(Work(1, Split.SEARCH), recipe(0.6), None))
    assert pool.next_worker is None and pool.num_running == 2
    pool.begin()
    ended = [finish(pool), finish(pool)]
    assert [one.job.work.candidate for one in ended] == [0, 1]
    assert [one.result and one.result.items for one in ended] == [one and one.items for one in expected]

    pool.submit(Job(Work(2, Split.SEARCH), recipe(0.1), failures.positions(failures.die())))
    pool.submit(Job(Work(3, Split.SEARCH), recipe(0.6), None))
    pool.begin()
    lost = finish(pool)
    assert lost.kind == "lost" and lost.job.work.candidate == 2 and pool.num_running == 1
    done = finish(pool)
    assert done.job.work.candidate == 3 and done.result is not None and expected[1] is not None
    assert done.result.items == expected[1].items
    assert done.result.worker != first and pool.num_running == 0
