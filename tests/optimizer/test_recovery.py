"""Nothing is lost when anything dies: driver, worker, node, or the user's patience."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import failures
import psutil
import pytest

from experiments.states import CandidateKind, CandidateState, EvaluationState, EventKind, Split
from runs import Background, Record, TinyExperiment, read_record, run_cold, wait_for

BUDGET = 24


def trajectory(record: Record) -> list[tuple[int, str, tuple[float, ...] | None, float | None]]:
    """Everything that the search asked and heard, by candidate."""
    return [(one.number, one.recipe_digest, one.vector, one.fitness) for one in record.candidates]


def finished_attempts(record: Record) -> dict[tuple[int, Split], int]:
    return {
        (one.candidate_id, one.split): one.attempt for one in record.evaluations if one.state is EvaluationState.DONE
    }


@pytest.fixture
def undisturbed(reference: dict[str, Any], tiny_experiment: TinyExperiment) -> Record:
    record = read_record(tiny_experiment.store("reference"))
    assert record is not None and record.state == "finished"
    return record


def test_lost_head_and_killed_driver_are_followed_by_the_same_trajectory(
    tiny_experiment: TinyExperiment, undisturbed: Record, start: Callable[..., Background]
) -> None:
    url = tiny_experiment.store("head")
    running = start("run", tiny_experiment.spec("head"), "--store", url)
    record = wait_for(url, lambda record: record.done() >= 9, running)
    (label,) = {str(one.worker) for one in record.evaluations if one.worker}
    worker = psutil.Process(failures.pid_of(label))
    worker.suspend()  # Nothing that runs needs the head, so the run could end before it is missed.
    (head,) = (one for one in psutil.Process(running.process.pid).children() if one.name() == "gcs_server")
    head.kill()
    code, _, err = running.finish()
    assert code == 1
    assert "the head of the Ray cluster" in err and f"evomerge resume {record.id}" in err
    failures.no_trace([worker], [])

    running = start("resume", record.id, "--store", url)
    before = wait_for(url, lambda record: record.done() >= 13, running)
    workers = {int(one.worker.rpartition(":")[2]) for one in before.evaluations if one.worker}
    assert len(workers) == 2
    running.kill()
    left = read_record(url)
    assert left is not None and left.state == "running"
    finished_before = finished_attempts(left)
    done = run_cold("resume", "head", "--store", url, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["experiment"]["state"] == "finished"

    after = read_record(url)
    assert after is not None
    assert len(after.candidates) == BUDGET
    assert trajectory(after) == trajectory(undisturbed)
    attempts = finished_attempts(after)
    assert {key: attempts[key] for key in finished_before} == finished_before
    assert not [pid for pid in workers if psutil.pid_exists(pid)]


def test_killed_worker_costs_nothing_and_an_interrupt_stops_cleanly_and_says_how_to_resume(
    tiny_experiment: TinyExperiment, undisturbed: Record, start: Callable[..., Background]
) -> None:
    url = tiny_experiment.store("interrupted")
    running = start("run", tiny_experiment.spec("interrupted"), "--store", url, "--format", "json")

    def in_mid_search(record: Record) -> bool:
        return record.done() >= 9 and any(one.state is EvaluationState.RUNNING for one in record.evaluations)

    record = wait_for(url, in_mid_search, running)
    (victim,) = {str(one.worker) for one in record.evaluations if one.state is EvaluationState.RUNNING}
    os.kill(failures.pid_of(victim), signal.SIGKILL)
    wait_for(url, lambda record: len({one.worker for one in record.evaluations if one.finished_at}) == 2, running)
    running.process.send_signal(signal.SIGINT)
    code, out, err = running.finish()
    assert code == 130
    stopped = read_record(url)
    assert stopped is not None and stopped.state == "interrupted"
    assert f"evomerge resume {stopped.id}" in err
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert not [one for one in stopped.evaluations if one.state is EvaluationState.RUNNING]
    assert stopped.count(EventKind.LOST) == 1

    code, _, err = start("resume", stopped.id, "--store", url).finish()
    assert code == 0, err
    after = read_record(url)
    assert after is not None
    assert after.count(EventKind.LOST) == 1
    assert trajectory(after) == trajectory(undisturbed)
    assert all(one.state is EvaluationState.DONE for one in after.evaluations)


def test_second_driver_is_refused_while_the_first_lives_and_can_take_over_by_force(
    tiny_experiment: TinyExperiment, start: Callable[..., Background]
) -> None:
    url = tiny_experiment.store("twice")
    budget = 6 * BUDGET  # longer than it takes to start the others
    spec = tiny_experiment.spec("twice", lambda one: one["search"].update(budget={"evaluations": budget}))
    running = start("run", spec, "--store", url)
    record = wait_for(url, lambda record: record.state == "running", running)
    code, _, err = start("resume", record.id, "--store", url).finish()
    assert code == 2
    assert f"process {running.process.pid}" in err
    assert "--force" in err

    code, _, err = start("resume", record.id, "--force", "--store", url).finish()
    assert code == 0, err
    replaced, _, err = running.finish()
    assert replaced == 2
    assert record.id in err
    after = read_record(url)
    assert after is not None
    assert after.state == "finished"
    assert len(after.candidates) == budget


def test_changed_model_is_not_resumed(
    tiny_experiment: TinyExperiment, make_lora: Callable[..., Any], start: Callable[..., Background]
) -> None:
    url = tiny_experiment.store("changed")
    expert = tiny_experiment.folder / "changing"
    make_lora(expert, tiny_experiment.folder / "base", seed=5)
    spec = tiny_experiment.spec("changed", lambda one: one["models"].update(b="changing"))
    running = start("run", spec, "--store", url)
    wait_for(url, lambda record: record.state == "running", running)
    running.process.send_signal(signal.SIGTERM)
    assert running.finish()[0] == 130
    make_lora(expert, tiny_experiment.folder / "base", seed=6)
    code, _, err = start("resume", "changed", "--store", url).finish()
    assert code == 2
    assert "models have changed" in err


def test_lost_node_is_replaced(tiny_experiment: TinyExperiment, start: Callable[..., Background]) -> None:
    """Two workers on two nodes of a cluster; one node goes away and a new one joins."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        doomed = cluster.add_node(num_cpus=1)
        url = tiny_experiment.store("nodes")
        spec = tiny_experiment.spec("nodes", lambda one: one["workers"].update(count=2))
        running = start("run", spec, "--store", url, RAY_ADDRESS=cluster.address)
        wait_for(url, lambda record: record.done() >= 9, running)
        cluster.remove_node(doomed, allow_graceful=False)
        cluster.add_node(num_cpus=1)
        code, _, err = running.finish()
        assert code == 0, err
    finally:
        cluster.shutdown()
    record = read_record(url)
    assert record is not None
    assert len(record.candidates) == BUDGET
    assert {one.state for one in record.evaluations} == {EvaluationState.DONE}
    searched = [one for one in record.candidates if one.kind is CandidateKind.SEARCH]
    assert len({one.recipe_digest for one in searched}) == len(searched)


def test_candidates_that_cannot_be_scored_rank_last_and_the_search_goes_on(
    tiny_experiment: TinyExperiment, make_lora: Callable[..., Any], start: Callable[..., Background]
) -> None:
    """An expert of absurd size: whatever gives it weight overflows, and only merges without it can be scored."""
    make_lora(tiny_experiment.folder / "absurd", tiny_experiment.folder / "base", scale=1e18)
    url = tiny_experiment.store("absurd")
    spec = tiny_experiment.spec("absurd", lambda one: one["models"].update(b="absurd"))
    code, out, err = start("run", spec, "--store", url, "--format", "json").finish()
    assert code == 0, err
    outcome = json.loads(out)
    assert outcome["counts"]["candidates"] == BUDGET
    assert outcome["counts"]["infeasible"] > 0
    assert outcome["winner"]["recipe"]["coefficients"]["weight"]["b"] == [0.0]
    record = read_record(url)
    assert record is not None
    reasons = [one.reason for one in record.candidates if one.state is CandidateState.INFEASIBLE]
    assert all(reason and reason.startswith("the m") and ("nan" in reason or "finite" in reason) for reason in reasons)
