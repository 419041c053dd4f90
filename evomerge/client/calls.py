"""Every call of the client, by what it is about."""

from evomerge.client.artifacts import ArtifactCalls
from evomerge.client.catalog import CatalogCalls
from evomerge.client.compared import ComparedCalls
from evomerge.client.experiments import ExperimentCalls
from evomerge.client.figures import FigureCalls
from evomerge.client.following import FollowingCalls
from evomerge.client.records import RecordCalls
from evomerge.client.reports import ReportCalls


class Calls(
    ExperimentCalls, RecordCalls, FigureCalls, ComparedCalls, ReportCalls, FollowingCalls, ArtifactCalls, CatalogCalls
):
    """All calls; each raises the server's errors as they were raised there, see :mod:`evomerge.errors`."""
