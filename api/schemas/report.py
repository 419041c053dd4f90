"""The full report of an experiment."""

from __future__ import annotations

from pydantic import RootModel

from optimizer.reporting.document import Document


class ReportView(RootModel[Document]):
    """The full report: scores, comparisons, costs, what limits them, and how they were made."""
