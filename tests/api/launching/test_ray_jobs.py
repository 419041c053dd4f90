"""Drivers as Ray jobs of a real cluster with a dashboard, submitted by the scheduler and killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

import psutil
import pytest
from crashes import BlackBox, submit
from service import free_port, wait_until

from api.launching.ray_jobs import RayJobLauncher
from api.launching.scheduler import Scheduler
from evomerge.errors import EngineError
from experiments.states import ExperimentState, Wanted
from experiments.store import Store


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), BlackBox) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/score/slow"
        server.shutdown()


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('jobs')}/store.db"


@contextmanager
def head(port: int, store_url: str) -> Iterator[str]:
    """A head with a dashboard, whose jobs find the store and the command line in their environment."""
    import sys
    from pathlib import Path

    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOMERGE_STORE", store_url)
        patch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 3,
                "include_dashboard": True,
                "dashboard_port": port,
                # Another Ray on this machine may have the usual one.
                "dashboard_agent_listen_port": free_port(),
            },
        )
        yield f"http://127.0.0.1:{port}"
        cluster.shutdown()


@pytest.fixture(scope="module")
def address(store_url: str) -> Iterator[str]:
    with head(free_port(), store_url) as found:
        yield found


def test_a_job_drives_an_experiment_and_a_killed_one_is_followed(address: str, store_url: str, url: str) -> None:
    with Store.open(store_url) as store:
        launcher = RayJobLauncher(address)
        capacity = wait_until(launcher.capacity, 60)
        assert (capacity.cpus, capacity.gpus) == (3.0, 0.0)
        scheduler = Scheduler(store, launcher, per_owner=4)
        one = submit(store, url)

        def ticked(condition: ExperimentState | int) -> bool:
            scheduler.tick()
            if isinstance(condition, ExperimentState):
                return store.get_experiment(one).state is condition
            return store.progress(one).done >= condition

        wait_until(lambda: ticked(4), 120)
        driver = store.get_experiment(one).driver
        assert driver is not None
        os.kill(driver.pid, signal.SIGKILL)
        wait_until(lambda: ticked(ExperimentState.FINISHED), 120)
        successor = [e.payload["driver"] for e in store.ledger(one) if e.payload.get("to") == "running"]
        assert len(successor) == 2 and len(set(successor)) == 2
        launch = store.get_experiment(one).launch
        assert launch is not None
        wait_until(lambda: not launcher.is_alive(launch.handle), 60)
        assert not launcher.is_alive("evomerge-of-another-head")
        assert store.audit() == []


def test_a_job_that_is_submitted_by_hand_needs_nothing_else(address: str, store_url: str, url: str) -> None:
    from ray.job_submission import JobSubmissionClient

    with Store.open(store_url) as store:
        one = submit(store, url)
        JobSubmissionClient(address).submit_job(entrypoint=f"evomerge driver --experiment {one}")
        wait_until(lambda: store.get_experiment(one).state is ExperimentState.FINISHED, 120)
        assert store.get_experiment(one).wanted is Wanted.RUN


def test_a_head_that_dies_and_comes_back_finds_the_experiment_where_it_was(store_url: str, url: str) -> None:
    port = free_port()
    with Store.open(store_url) as store:
        scheduler = Scheduler(store, RayJobLauncher(f"http://127.0.0.1:{port}"), per_owner=4)
        one = submit(store, url)

        def ticked(done: int, state: ExperimentState = ExperimentState.RUNNING) -> bool:
            scheduler.tick()
            return store.progress(one).done >= done and store.get_experiment(one).state is state

        with head(port, store_url):
            wait_until(lambda: ticked(4), 120)
            driver = store.get_experiment(one).driver
            assert driver is not None
        # Without a head nothing can be started, and nothing is given up.
        if psutil.pid_exists(driver.pid):
            os.kill(driver.pid, signal.SIGKILL)
        before = store.progress(one).done
        scheduler.tick()
        assert store.get_experiment(one).wanted is Wanted.RUN
        with head(port, store_url):
            wait_until(lambda: ticked(before, ExperimentState.FINISHED), 180)
        assert store.audit() == []


def test_a_cluster_that_is_not_there_says_so() -> None:
    launcher = RayJobLauncher(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(EngineError, match="takes no job"):
        launcher.start("abcdefgh", "evomerge-abcdefgh-1")
    with pytest.raises(EngineError, match="does not answer"):
        launcher.is_alive("evomerge-abcdefgh-1")
    with pytest.raises(EngineError, match="does not answer"):
        launcher.capacity()
