"""Calls that read an experiment's record."""

from __future__ import annotations

from typing import Literal

from api.schemas.candidates import (
    CandidateDetail,
    CandidatePage,
    CandidateView,
    EvaluationPage,
    ItemPage,
    ItemView,
    PlacedWorker,
    PlacedWorkerList,
    StartedEvaluation,
    WorkerList,
    WorkerView,
)
from evomerge.client.caller import Caller, experiment_path
from evomerge.client.steps import Feed, Steps, iteration, operation
from experiments.states import CandidateKind, CandidateState, Split

Order = Literal["number", "-number", "-fitness"]


class RecordCalls(Caller):
    """Experiments are named by id, by the start of one, or by name."""

    @iteration
    def candidates(
        self,
        reference: str,
        *,
        kind: CandidateKind | str | None = None,
        state: CandidateState | str | None = None,
        order: Order = "number",
        limit: int | None = None,
    ) -> Feed[CandidateView]:
        """Iterate an experiment's candidates.

        Args:
            reference: the experiment.
            kind: only of this kind.
            state: only in this state.
            order: by number, the latest first, or the best first; the last leaves out what is not scored.
            limit: at most so many.
        """
        path = experiment_path(reference, "candidates")
        return self._pages(path, CandidatePage, "candidates", limit, kind=kind, state=state, order=order)

    @operation
    def candidate(self, reference: str, number: int) -> Steps[CandidateDetail]:
        """Return a candidate with its recipe and all its evaluations."""
        return self._get(experiment_path(reference, "candidates", number), CandidateDetail)

    @iteration
    def items(
        self,
        reference: str,
        number: int,
        *,
        split: Split | str = Split.SEARCH,
        outputs: bool = False,
        limit: int | None = None,
    ) -> Feed[ItemView]:
        """Iterate a candidate's scores on the items of a split, with what the model wrote where ``outputs`` is set."""
        path = experiment_path(reference, "candidates", number, "items")
        return self._pages(path, ItemPage, "items", limit, split=split, outputs=outputs)

    @iteration
    def evaluations(self, reference: str, *, limit: int | None = None) -> Feed[StartedEvaluation]:
        """Iterate the evaluations that were started, the latest first."""
        return self._pages(experiment_path(reference, "evaluations"), EvaluationPage, "evaluations", limit)

    @operation
    def workers(self, reference: str) -> Steps[list[WorkerView]]:
        """Return the workers that an experiment has had."""
        return (yield from self._get(experiment_path(reference, "workers"), WorkerList)).workers

    @operation
    def running_workers(self) -> Steps[list[PlacedWorker]]:
        """Return the workers of the experiments that run."""
        return (yield from self._get("/workers", PlacedWorkerList)).workers
