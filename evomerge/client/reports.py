"""The call for an experiment's report."""

from __future__ import annotations

from api.schemas.report import ReportView
from evomerge.client.caller import Caller, experiment_path
from evomerge.client.steps import Steps, operation
from optimizer.reporting.document import Document


class ReportCalls(Caller):
    """Experiments are named by id, by the start of one, or by name."""

    @operation
    def report(self, reference: str) -> Steps[Document]:
        """Return the full report of an experiment; ``optimizer.reporting.render`` writes it as Markdown or HTML."""
        return (yield from self._get(experiment_path(reference, "report"), ReportView, format="json")).root
