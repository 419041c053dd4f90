"""Calls that have checkpoints exported, and bring them here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from api.schemas.artifacts import ArtifactList, ArtifactView
from api.schemas.candidates import CandidateView
from evomerge.client.caller import Caller, experiment_path
from evomerge.client.download import download
from evomerge.client.retry import pauses
from evomerge.client.steps import Steps, Wait, operation
from evomerge.errors import ServerError
from experiments.states import ArtifactState

_LONGEST_POLL_S = 5.0


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was written here.

    Attributes:
        path: its directory.
        files: SHA-256 of every file, by name.
        candidate: what was merged.
    """

    path: Path
    files: dict[str, str]
    candidate: CandidateView


class ArtifactCalls(Caller):
    """Exports are made by the server and downloaded file by file."""

    @operation
    def export(self, reference: str, candidate: int | None = None) -> Steps[ArtifactView]:
        """Have a candidate (None: the winner) written as a checkpoint; return the artifact once it is ready.

        Raises:
            StateConflict: there is no winner yet.
            ServerError: it cannot be written.
        """
        return self._exported(reference, candidate)

    @operation
    def artifacts(self, reference: str) -> Steps[list[ArtifactView]]:
        """Return what was exported of an experiment, newest first."""
        return (yield from self._get(experiment_path(reference, "artifacts"), ArtifactList)).artifacts

    @operation
    def artifact(self, artifact_id: str) -> Steps[ArtifactView]:
        """Return an artifact with its files."""
        return self._get(f"/artifacts/{artifact_id}", ArtifactView)

    @operation
    def download(self, artifact: ArtifactView, out: str | Path) -> Steps[Path]:
        """Download an artifact that is ready; return its directory.

        What is there already with the right checksum is kept, and a file that was cut is continued, also by another
        process later on.

        Args:
            artifact: of ``export``.
            out: directory that its files are written to.

        Raises:
            StateConflict: the artifact is not ready.
            InvalidInput: ``out`` cannot be written to.
            ServerError: a file is not what the server says that it is.
        """
        return download(self._connection, artifact, Path(out))

    @operation
    def save(self, reference: str, out: str | Path, candidate: int | None = None) -> Steps[Saved]:
        """Export a candidate (None: the winner) and download it; errors as of ``export`` and ``download``."""
        artifact = yield from self._exported(reference, candidate)
        path = yield from download(self._connection, artifact, Path(out))
        merged = experiment_path(artifact.experiment_id, "candidates", artifact.number)
        shown = yield from self._get(merged, CandidateView)
        return Saved(path, {name: one.sha256 for name, one in artifact.files.items()}, shown)

    def _exported(self, reference: str, candidate: int | None) -> Steps[ArtifactView]:
        found = yield from self._create(experiment_path(reference, "exports"), ArtifactView, {"candidate": candidate})
        for pause in pauses():
            if found.state is ArtifactState.READY:
                return found
            if found.state is ArtifactState.FAILED:
                raise ServerError(f"the export of candidate {found.number} failed: {found.error}")
            yield Wait(min(pause, _LONGEST_POLL_S))
            found = yield from self._get(f"/artifacts/{found.id}", ArtifactView)
        raise AssertionError("pauses end")
