"""One running server: store, application, scheduler, and the sockets."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import structlog
import uvicorn
from fastapi import FastAPI
from filelock import FileLock, Timeout
from sqlalchemy.engine import make_url

from api import logs
from api.app import create_app
from api.launching.exports import Exporter
from api.launching.launcher import Launcher
from api.launching.local import LocalLauncher
from api.launching.ray_jobs import RayJobLauncher
from api.launching.scheduler import Scheduler
from api.settings import Settings
from evomerge.errors import StateConflict
from experiments.states import Scope
from experiments.store import Store

_log = structlog.get_logger(__name__)


def serve(settings: Settings) -> None:
    """Serve until a signal comes.

    Where no token of the store works, as on its first start, an administrator's is made and printed on stderr, once.

    Raises:
        StoreError: the store cannot be opened.
        StateConflict: another server serves this SQLite file, which can have one only.
    """
    logs.configure(settings)
    url = settings.store.get_secret_value()
    with ExitStack() as held:
        held.enter_context(_alone(url))
        store = held.enter_context(Store.open(url))
        app = create_app(settings, store)
        _print_first_token(store, settings)
        launcher = _launcher(settings)
        if launcher is not None:
            exporter = Exporter(store, url)
            drivers = app.state.metrics.drivers

            def report(waiting: int, starting: int, running: int) -> None:
                for state, count in (("wanted", waiting), ("starting", starting), ("running", running)):
                    drivers.labels(state).set(count)
                exporter.tick()

            scheduler = Scheduler(store, launcher, per_owner=settings.max_running_per_owner, report=report)
            held.callback(exporter.close)
            held.callback(scheduler.close)
            scheduler.start()
        # All of this lives as long as the server: looking through it for garbage held requests up for 180 ms each time.
        gc.collect()
        gc.freeze()
        # Once uvicorn has stopped it raises the signal again, which must not end the process before all is let go.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        uvicorn.Server(uvicorn_config(app, settings)).run()


def uvicorn_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how the application is served; our own middleware logs its requests."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # What a stranger says of its own address and scheme is not believed.
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=5,
    )


def _launcher(settings: Settings) -> Launcher | None:
    if settings.launcher == "local":
        return LocalLauncher(settings.store.get_secret_value(), settings.state)
    return RayJobLauncher(settings.ray_jobs_address) if settings.launcher == "ray" else None


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """Hold the right to serve a SQLite file: its schedulers would start everything twice."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        yield
        return
    lock = FileLock(f"{parsed.database}.server.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise StateConflict(
            "store", f"another server serves {parsed.database}", "use that one, or PostgreSQL for several servers"
        ) from error
    with lock:
        yield


def _print_first_token(store: Store, settings: Settings) -> None:
    now = datetime.now(UTC)
    address = f"http://{settings.host}:{settings.port}{settings.root_path}"
    # A run that showed itself in a browser leaves its own token behind, revoked: nobody has that one.
    if any(one.revoked_at is None and (one.expires_at is None or one.expires_at > now) for one in store.tokens()):
        said = f"Log in at {address} with your token; 'evomerge token create NAME' makes another one.\n\n"
    else:
        _, secret = store.create_token("first start", Scope.ADMIN, "admin")
        said = (
            "Nobody has a token for this store. This new one is the administrator's, and is not shown again:\n\n"
            f"  {address}/#token={secret}    (logs a browser in)\n\n"
            f"  export EVOMERGE_SERVER={address} EVOMERGE_TOKEN={secret}\n\n"
        )
    sys.stderr.write(said)
    sys.stderr.flush()
