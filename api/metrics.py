"""What Prometheus is told: requests and the store as they happen, counts of experiments when it asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from experiments.store import Store

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STORED = {
    "evomerge_experiments": "Experiments by state.",
    "evomerge_candidates": "Candidates of all experiments by state.",
    "evomerge_evaluations": "Evaluations of all experiments; lost ones are counted once per lost attempt.",
}


class Metrics:
    """The metrics of one server.

    Attributes:
        sse_clients: open event streams.
        drivers: drivers by ``state``: wanted (no driver yet), starting, running.
    """

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "evomerge_http_requests", "Answered requests.", ["method", "route", "status"], registry=self.registry
        )
        self._latency = Histogram(
            "evomerge_http_request_seconds",
            "From a request to the head of its answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._statements = Histogram(
            "evomerge_store_statement_seconds", "One SQL statement.", buckets=_SECONDS, registry=self.registry
        )
        self.sse_clients = Gauge("evomerge_sse_clients", "Open event streams.", registry=self.registry)
        self.drivers = Gauge("evomerge_drivers", "Drivers by state.", ["state"], registry=self.registry)
        self.registry.register(_Stored(store))
        store.on_statement(self._statements.observe)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; ``route`` is the template, so that there are as many series as routes."""
        verb = method if method in _METHODS else "other"
        self._requests.labels(verb, route, status).inc()
        self._latency.labels(verb, route).observe(seconds)

    def render(self) -> bytes:
        """Return everything in the text format of Prometheus.

        Raises:
            StoreError: the store cannot be counted.
        """
        return generate_latest(self.registry)


class _Stored(Collector):
    """Counts what is stored, in one query per scrape."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return the names alone: a registration is no reason to ask the store."""
        return [_family(name, text) for name, text in _STORED.items()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the counts."""
        census = self._store.census()
        counts: list[Mapping[Any, int]] = [census.experiments, census.candidates, census.evaluations]
        for (name, text), by_state in zip(_STORED.items(), counts, strict=True):
            family = _family(name, text)
            for state, count in by_state.items():
                family.add_metric([state], count)
            yield family


def _family(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["state"])
