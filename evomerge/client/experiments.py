"""Calls that check, create, list, show and change experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from api.schemas.catalog import Plan
from api.schemas.charts import Comparison
from api.schemas.experiments import ExperimentDetail, ExperimentPage, ExperimentView, Injected
from evomerge.client.caller import CHECKING_S, Caller, experiment_path
from evomerge.client.retry import fetched
from evomerge.client.specs import spec_to_send
from evomerge.client.steps import Ask, Feed, Steps, iteration, operation
from experiments.states import ExperimentState


class ExperimentCalls(Caller):
    """Experiments are named by id, by the start of one, or by name."""

    @operation
    def submit(self, spec: Mapping[str, Any] | str | Path, priority: int = 0) -> Steps[ExperimentView]:
        """Have a spec checked in full and run as soon as there is room for it.

        Args:
            spec: of an experiment, as data or as the path of a YAML file. Paths in a file start at its directory; a
                server on another machine knows no path of this one, only the names of its own models and tasks.
            priority: larger goes first.

        Raises:
            InvalidInput: the spec cannot work; the message names field, problem and fix.
        """
        data = yield from spec_to_send(self._connection, spec)
        body = {"spec": data, "priority": priority}
        return (yield from self._create("/experiments", ExperimentView, body, timeout_s=CHECKING_S))

    @operation
    def validate(self, spec: Mapping[str, Any] | str | Path) -> Steps[Plan]:
        """Have a spec checked in full and return what a run of it would take; arguments and errors as of ``submit``."""
        data = yield from spec_to_send(self._connection, spec)
        ask = Ask("POST", "/experiments/validate", body={"spec": data}, timeout_s=CHECKING_S)
        return (yield from fetched(self._connection, ask, Plan))

    @iteration
    def experiments(
        self,
        *,
        state: ExperimentState | str | None = None,
        owner: str | None = None,
        text: str | None = None,
        limit: int | None = None,
    ) -> Feed[ExperimentView]:
        """Iterate experiments, newest first.

        Args:
            state: only those in this state.
            owner: only those of this owner.
            text: only those with this in their name, or at the start of their id.
            limit: at most so many.
        """
        return self._pages("/experiments", ExperimentPage, "experiments", limit, state=state, owner=owner, q=text)

    @operation
    def experiment(self, reference: str) -> Steps[ExperimentDetail]:
        """Return an experiment in full: state, counts, the ten best candidates, and what came out."""
        return self._get(experiment_path(reference), ExperimentDetail)

    @operation
    def pause(self, reference: str, *, revision: int | None = None) -> Steps[ExperimentView]:
        """Stop an experiment at the next moment that loses nothing.

        Args:
            reference: the experiment.
            revision: what it must be at (``ExperimentView.revision``), else PreconditionFailed; None for any.
        """
        return self._change(reference, "pause", revision)

    @operation
    def resume(self, reference: str, *, revision: int | None = None) -> Steps[ExperimentView]:
        """Have an experiment run that is paused or was interrupted; arguments as of ``pause``."""
        return self._change(reference, "resume", revision)

    @operation
    def cancel(self, reference: str, *, revision: int | None = None) -> Steps[ExperimentView]:
        """End an experiment for good; arguments as of ``pause``."""
        return self._change(reference, "cancel", revision)

    @operation
    def extend(self, reference: str, budget: Mapping[str, float]) -> Steps[ExperimentView]:
        """Raise limits of an experiment's budget.

        Args:
            reference: the experiment.
            budget: limit (evaluations, items, generated_tokens, hours) -> new total.
        """
        return self._create(experiment_path(reference, "extend"), ExperimentView, {"budget": dict(budget)})

    @operation
    def clone(
        self, reference: str, *, name: str | None = None, changes: Mapping[str, Any] | None = None, priority: int = 0
    ) -> Steps[ExperimentView]:
        """Create an experiment from another one's spec, with the budget that it has now.

        Args:
            reference: the other one.
            name: of the new one; None for the same.
            changes: part of a spec, laid over the other's as a JSON merge patch (RFC 7396): None removes a key.
            priority: larger goes first.
        """
        body = {"name": name, "changes": dict(changes or {}), "priority": priority}
        return self._create(experiment_path(reference, "clone"), ExperimentView, body, timeout_s=CHECKING_S)

    @operation
    def inject(self, reference: str, recipe: Mapping[str, Any], *, label: str = "injected") -> Steps[Injected]:
        """Have a merge scored beside the search; it can win like any other candidate.

        Args:
            reference: the experiment.
            recipe: as that of a candidate; what is left out is as the spec has it.
            label: its name in reports.
        """
        body = {"recipe": dict(recipe), "label": label}
        return self._create(experiment_path(reference, "candidates"), Injected, body, timeout_s=CHECKING_S)

    @operation
    def compare(self, references: Sequence[str], *, points: int = 200) -> Steps[Comparison]:
        """Return up to six experiments side by side, their curves in at most ``points`` buckets."""
        return self._get("/experiments/compare", Comparison, ids=",".join(references), points=points)

    def _change(self, reference: str, action: str, revision: int | None) -> Steps[ExperimentView]:
        headers = None if revision is None else {"If-Match": f'"{revision}"'}
        # Had it taken effect, a repetition would be refused because of the revision.
        ask = Ask("POST", experiment_path(reference, action), headers=headers, repeatable=revision is None)
        return fetched(self._connection, ask, ExperimentView)
