"""Calls that put candidates side by side, and that show how a search went its way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from api.schemas.compared import ItemComparison, ItemsCompared, PairedView
from api.schemas.search_state import Similarity, Trace
from evomerge.client.caller import Caller, experiment_path
from evomerge.client.steps import Feed, Steps, iteration, operation
from experiments.states import Split

Only = Literal["all", "wins", "losses", "changed"]


class ComparedCalls(Caller):
    """Experiments are named by id, by the start of one, or by name; candidates by number."""

    @operation
    def trace(self, reference: str, *, points: int = 500) -> Steps[Trace]:
        """Return the states of the search's normal distribution at at most ``points`` of its updates."""
        return self._get(experiment_path(reference, "trace"), Trace, points=points)

    @operation
    def similarity(self, reference: str) -> Steps[Similarity]:
        """Return the cosines of the experts' task vectors, and their norms."""
        return self._get(experiment_path(reference, "similarity"), Similarity)

    @operation
    def comparison(
        self, reference: str, number: int, against: int, *, split: Split | str = Split.SEARCH
    ) -> Steps[PairedView]:
        """Compare a candidate with another one on the items that both were scored on, in all and by task."""
        path = experiment_path(reference, "comparison")
        return self._get(path, PairedView, number=number, against=against, split=split)

    @iteration
    def items_compared(
        self,
        reference: str,
        number: int,
        against: Iterable[int] = (),
        *,
        split: Split | str = Split.SEARCH,
        task: str | None = None,
        only: Only = "all",
        limit: int | None = None,
    ) -> Feed[ItemComparison]:
        """Iterate the items that a candidate was scored on, with its results and those of up to four others.

        Args:
            reference: the experiment.
            number: of the candidate.
            against: numbers of the others.
            split: the split that was scored.
            task: only items of this task.
            only: items where the candidate beats the best of the others, loses to it, or either.
            limit: at most so many.
        """
        path = experiment_path(reference, "items-compared")
        others = ",".join(map(str, against))
        asked = {"number": number, "against": others, "split": split, "task": task, "only": only}
        return self._pages(path, ItemsCompared, "rows", limit, **asked)
