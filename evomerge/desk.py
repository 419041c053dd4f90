"""Where verbs find experiments: a server, or the store of this machine, behind the same calls."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from evomerge.errors import InvalidInput
from evomerge.options import DEFAULT_STORE, open_store

if TYPE_CHECKING:
    from api.schemas.candidates import CandidateDetail
    from api.schemas.catalog import AlgorithmView, MethodView, ModelView, Plan, TaskView
    from api.schemas.charts import Comparison
    from api.schemas.events import EventView
    from api.schemas.experiments import ExperimentDetail, ExperimentView, Injected
    from evomerge.client.artifacts import Saved
    from optimizer.reporting.document import Document


class Desk(Protocol):
    """What verbs ask for; see :class:`evomerge.Client` for what each call does."""

    # What a client has more, such as filters and revisions, no verb needs.
    def experiments(self, *, limit: int | None = None) -> Iterator[ExperimentView]: ...  # noqa: D102
    def experiment(self, reference: str) -> ExperimentDetail: ...  # noqa: D102
    def candidate(self, reference: str, number: int) -> CandidateDetail: ...  # noqa: D102
    def submit(self, spec: Path, priority: int = 0) -> ExperimentView: ...  # noqa: D102
    def validate(self, spec: Path) -> Plan: ...  # noqa: D102
    def pause(self, reference: str) -> ExperimentView: ...  # noqa: D102
    def cancel(self, reference: str) -> ExperimentView: ...  # noqa: D102
    def extend(self, reference: str, budget: Mapping[str, float]) -> ExperimentView: ...  # noqa: D102
    def clone(  # noqa: D102
        self, reference: str, *, name: str | None = None, changes: Mapping[str, Any] | None = None, priority: int = 0
    ) -> ExperimentView: ...
    def inject(self, reference: str, recipe: Mapping[str, Any], *, label: str = "injected") -> Injected: ...  # noqa: D102
    def compare(self, references: Sequence[str]) -> Comparison: ...  # noqa: D102
    def events(self, reference: str, *, after: int = 0) -> Iterator[EventView]: ...  # noqa: D102
    def last_seq(self, reference: str) -> int: ...  # noqa: D102
    def report(self, reference: str) -> Document: ...  # noqa: D102
    def save(self, reference: str, out: Path, candidate: int | None = None) -> Saved: ...  # noqa: D102
    def models(self) -> list[ModelView]: ...  # noqa: D102
    def tasks(self) -> list[TaskView]: ...  # noqa: D102
    def methods(self) -> list[MethodView]: ...  # noqa: D102
    def method(self, name: str) -> MethodView: ...  # noqa: D102
    def algorithms(self) -> list[AlgorithmView]: ...  # noqa: D102
    def algorithm(self, name: str) -> AlgorithmView: ...  # noqa: D102


@contextmanager
def open_desk(server: str | None, store: str | None, *, patience_s: float = 10.0) -> Iterator[Desk]:
    """Open the server or the store that an option names, else that of EVOMERGE_SERVER, else that of EVOMERGE_STORE.

    Args:
        server: its address.
        store: its URL, or the path of a SQLite file.
        patience_s: how long to wait for a server that does not answer.

    Raises:
        InvalidInput: both are given as options.
    """
    if server and store:
        raise InvalidInput("--server", "it is given together with --store", "give one of the two")
    if not store and (url := server or os.environ.get("EVOMERGE_SERVER")):
        from evomerge.client import Client

        with Client(url, patience_s=patience_s) as client:
            yield client
        return
    from evomerge.local_desk import LocalDesk

    with open_store(store or os.environ.get("EVOMERGE_STORE") or DEFAULT_STORE) as opened:
        yield LocalDesk(opened)
