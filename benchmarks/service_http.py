"""The server as people run it, under people who watch and people who ask, while an experiment is recorded."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
from service_stores import record_steadily

from api.paging import encode_cursor
from experiments.states import Scope
from experiments.store import Store

VIEWERS = 200
RESULTS_PER_S = 8.0
CLIENTS = 4
_PROCESSES = multiprocessing.get_context("spawn")
_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Address:
    """Where a server listens, and a token for it."""

    host: str
    port: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What a request needs."""
        return {"Authorization": f"Bearer {self.token}", "Host": f"{self.host}:{self.port}"}


@contextmanager
def server(url: str, folder: Path) -> Iterator[Address]:
    """Run ``evomerge serve`` on a store as a process; it starts no drivers."""
    with Store.open(url) as store:
        _, token = store.create_token("load", Scope.ADMIN, "load")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EVOMERGE_")}
    command = [sys.executable, "-m", "evomerge", "serve", "--port", str(port), "--store", url, "--launcher", "none"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        address = Address("127.0.0.1", port, token)
        _wait_until_ready(address, process)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(address: Address, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            if httpx.get(f"http://{address.host}:{address.port}/readyz").is_success:
                return
        except httpx.TransportError:
            if process.poll() is not None:
                raise
        time.sleep(0.1)


@contextmanager
def recorder(url: str, experiment: str) -> Iterator[list[tuple[int, float]]]:
    """Record on an experiment in a process; the list holds its commits once the context is left."""
    commits: list[tuple[int, float]] = []
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_record, args=(url, experiment, theirs))
    process.start()
    ours.recv()
    try:
        yield commits
    finally:
        ours.send(None)
        commits += ours.recv()
        process.join()


def _record(url: str, experiment: str, pipe: Connection) -> None:
    pipe.send(None)
    pipe.send(record_steadily(url, experiment, RESULTS_PER_S, pipe.poll))


@contextmanager
def viewers(address: Address, experiment: str, after: int) -> Iterator[dict[int, list[float]]]:
    """Connect all viewers; the dictionary holds the moments at which each event reached them, once it is left."""
    arrivals: dict[int, list[float]] = {}
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_view, args=(address, experiment, after, theirs))
    process.start()
    ours.recv()
    try:
        yield arrivals
    finally:
        ours.send(None)
        arrivals |= ours.recv()
        process.join()


def _view(address: Address, experiment: str, after: int, pipe: Connection) -> None:
    pipe.send(asyncio.run(_watch_all(address, experiment, after, pipe)))


async def _watch_all(address: Address, experiment: str, after: int, pipe: Connection) -> dict[int, list[float]]:
    arrivals: dict[int, list[float]] = {}
    opened = [asyncio.Event() for _ in range(VIEWERS)]
    tasks = [asyncio.create_task(_watch(address, experiment, after, arrivals, one)) for one in opened]
    await asyncio.gather(*(one.wait() for one in opened))
    pipe.send(None)
    while not pipe.poll():
        await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    return arrivals


async def _watch(
    address: Address, experiment: str, after: int, arrivals: dict[int, list[float]], opened: asyncio.Event
) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    lines = [f"GET /api/v1/experiments/{experiment}/events?after={after} HTTP/1.1", "Accept: text/event-stream"]
    lines += [f"{name}: {value}" for name, value in address.headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"the server answers a viewer with {status!r}")
    opened.set()
    rest = b""
    while chunk := await reader.read(65536):
        moment = time.monotonic()
        whole, _, rest = (rest + chunk).rpartition(b"\n")
        for found in _ID.findall(whole):
            arrivals.setdefault(int(found), []).append(moment)


def reads(experiment: str, candidates: int) -> Mapping[str, str]:
    """Return the addresses that are read, by what they are."""
    one = f"/api/v1/experiments/{experiment}"
    some = candidates // 2 // 25 * 25  # one that has its items
    middle, middle_best = encode_cursor("number", None, candidates // 2), encode_cursor("-fitness", 0.5, 0)
    return {
        "list of 20 experiments": "/api/v1/experiments?limit=20",
        "experiment": one,
        "candidates, first page": f"{one}/candidates?limit=100",
        "candidates, page in the middle": f"{one}/candidates?limit=100&cursor={middle}",
        "candidates, best first": f"{one}/candidates?limit=100&order=-fitness",
        "candidates, best first, in the middle": f"{one}/candidates?limit=100&order=-fitness&cursor={middle_best}",
        "candidate": f"{one}/candidates/{candidates // 2}",
        "items of a candidate": f"{one}/candidates/{some}/items",
        "evaluations, latest": f"{one}/evaluations",
        "workers": f"{one}/workers",
        "series, 500 points": f"{one}/series",
        "points, 2,000": f"{one}/points",
        "baselines": f"{one}/baselines",
        "generalisation": f"{one}/generalisation",
        "racing": f"{one}/racing",
        "lineage": f"{one}/lineage",
        "timeline, 2,000": f"{one}/timeline",
        "cost, 200 points": f"{one}/cost",
        "vitals": f"{one}/vitals",
        "trace of the search, 500 updates": f"{one}/trace",
        "comparison of two": f"{one}/comparison?number=0&against={some}",
        "items compared, 50": f"{one}/items-compared?number=0&against={some}",
        "all workers": "/api/v1/workers",
        "metrics": "/metrics",
        "coefficients, latest 200": f"{one}/coefficients",
        "coefficients, best 200": f"{one}/coefficients?order=-fitness",
        "compare": f"/api/v1/experiments/compare?ids={experiment}",
        "events, page in the middle": f"{one}/events?after={3 * candidates // 2}",
    }


def measure_reads(
    address: Address, paths: Mapping[str, str], seconds: float, clients: int = CLIENTS
) -> dict[str, list[float]]:
    """Ask for all paths in turn from several clients; return the seconds that each answer took.

    The clients begin with the same one at the same moment, as dashboards do that were told of the same event.
    """
    deadline = time.monotonic() + seconds
    names = list(paths)

    def ask(_: int) -> list[tuple[str, float]]:
        taken = []
        url = f"http://{address.host}:{address.port}"
        with httpx.Client(base_url=url, headers=address.headers, timeout=60) as client:
            for name in cycle(names):
                began = time.perf_counter()
                client.get(paths[name]).raise_for_status()
                taken.append((name, time.perf_counter() - began))
                if time.monotonic() > deadline and len(taken) >= len(names):
                    return taken
        return taken

    found: dict[str, list[float]] = {name: [] for name in names}
    with ThreadPoolExecutor(clients) as pool:
        for taken in pool.map(ask, range(clients)):
            for name, seconds_taken in taken:
                found[name].append(seconds_taken)
    return found


def delays(commits: list[tuple[int, float]], arrivals: Mapping[int, list[float]]) -> list[float]:
    """Return the seconds from the commit of each event to its arrival at each viewer.

    Raises:
        RuntimeError: a viewer missed one.
    """
    found, before = [], commits[0][0]
    last = max(arrivals, default=0)
    for seq, moment in commits[1:]:
        for one in range(before + 1, min(seq, last) + 1):
            if len(arrivals.get(one, ())) != VIEWERS and one < last - 100:
                raise RuntimeError(f"event {one} reached {len(arrivals.get(one, ()))} of {VIEWERS} viewers")
            found += [arrival - moment for arrival in arrivals.get(one, ())]
        before = seq
    return found
