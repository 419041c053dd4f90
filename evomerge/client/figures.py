"""Calls for what is drawn of an experiment: columns of bounded length, with intervals where they are estimates."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from api.schemas.charts import Coefficients, Points, Series
from api.schemas.lineage import Lineage
from api.schemas.operations import Cost, Timeline, Vitals
from api.schemas.quality import Baselines, Generalisation, Racing, Tradeoffs
from evomerge.client.caller import Caller, experiment_path
from evomerge.client.records import Order
from evomerge.client.steps import Steps, operation


class FigureCalls(Caller):
    """Experiments are named by id, by the start of one, or by name."""

    @operation
    def series(self, reference: str, *, points: int = 500) -> Steps[Series]:
        """Return fitness over an experiment in at most ``points`` buckets of candidates."""
        return self._get(experiment_path(reference, "series"), Series, points=points)

    @operation
    def points(self, reference: str, *, limit: int = 2000) -> Steps[Points]:
        """Return about ``limit`` candidates as points, the ten best and all that were not drawn among them."""
        return self._get(experiment_path(reference, "points"), Points, limit=limit)

    @operation
    def coefficients(
        self, reference: str, *, order: Order | Literal["even"] = "-number", limit: int = 200
    ) -> Steps[Coefficients]:
        """Return the searched points of at most ``limit`` candidates as a matrix, in an order of ``candidates``.

        ``even`` takes one of every few candidates from the first to the last.
        """
        return self._get(experiment_path(reference, "coefficients"), Coefficients, order=order, limit=limit)

    @operation
    def baselines(self, reference: str) -> Steps[Baselines]:
        """Return parents, plain merges and the best merge with their intervals by split and task."""
        return self._get(experiment_path(reference, "baselines"), Baselines)

    @operation
    def generalisation(self, reference: str) -> Steps[Generalisation]:
        """Return who was scored on selection or test items, and what is left of their search scores there."""
        return self._get(experiment_path(reference, "generalisation"), Generalisation)

    @operation
    def racing(self, reference: str, *, limit: int = 2000) -> Steps[Racing]:
        """Return what the first blocks of items said about all of them, of about ``limit`` candidates."""
        return self._get(experiment_path(reference, "racing"), Racing, limit=limit)

    @operation
    def tradeoffs(self, reference: str, *, limit: int = 2000) -> Steps[Tradeoffs]:
        """Return what candidates reach on each task, of about ``limit``, and what their front covers in time."""
        return self._get(experiment_path(reference, "tradeoffs"), Tradeoffs, limit=limit)

    @operation
    def lineage(self, reference: str) -> Steps[Lineage]:
        """Return what the winner, or the best candidate so far, is made of, and what was exported of it."""
        return self._get(experiment_path(reference, "lineage"), Lineage)

    @operation
    def timeline(
        self, reference: str, *, since: datetime | None = None, until: datetime | None = None, limit: int = 2000
    ) -> Steps[Timeline]:
        """Return which worker did what when.

        Args:
            reference: the experiment.
            since: only evaluations that ended after this time, which has a zone.
            until: only evaluations that began before this time.
            limit: evaluations at most, an even sample.
        """
        moments = {name: None if at is None else at.isoformat() for name, at in (("since", since), ("until", until))}
        return self._get(experiment_path(reference, "timeline"), Timeline, **moments, limit=limit)

    @operation
    def cost(self, reference: str, *, points: int = 200) -> Steps[Cost]:
        """Return worker seconds and tokens in at most ``points`` buckets of candidates, and where they end."""
        return self._get(experiment_path(reference, "cost"), Cost, points=points)

    @operation
    def vitals(self, reference: str) -> Steps[Vitals]:
        """Return what is lost, infeasible, late or slow."""
        return self._get(experiment_path(reference, "vitals"), Vitals)
