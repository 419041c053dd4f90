"""Exported checkpoints: asked for, made by a process of the server, kept under an id that nobody can guess."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import select

from evomerge.errors import NotFound, StateConflict
from experiments.entities import Artifact, Once
from experiments.ledger import Ledger
from experiments.recording import Recorder
from experiments.records import ArtifactRecord
from experiments.requests import check_once, record_once
from experiments.states import ArtifactState, EventKind


class ArtifactBook(Recorder):
    """The artifacts of all experiments."""

    def ask_export(
        self, experiment_id: str, number: int, folder: str, *, by: str, once: Once | None = None
    ) -> Artifact:
        """Record that a candidate is to be exported; the artifact is ``pending``.

        Args:
            experiment_id: the experiment.
            number: of the candidate.
            folder: directory that the artifact's own directory will be in.
            by: who asks.
            once: the request.

        Raises:
            NotFound: there is no such experiment.
            AlreadyDone: the request took effect before.
        """
        with self._writing() as session:
            check_once(session, once)
            ledger = Ledger.lock(session, experiment_id)
            key = secrets.token_hex(16)
            row = ArtifactRecord(
                id=key,
                experiment_id=experiment_id,
                number=number,
                state=ArtifactState.PENDING,
                path=f"{folder}/{key}",
                files={},
                error=None,
                created_at=ledger.now,
                finished_at=None,
            )
            session.add(row)
            session.flush()
            ledger.experiment.control_seq = self._report(ledger, row, by)
            record_once(session, once, key)
            return _artifact(row)

    def finish_export(
        self, artifact_id: str, files: Mapping[str, Mapping[str, Any]], *, error: str | None = None
    ) -> Artifact:
        """Record that an export is ready, or with ``error`` that it failed.

        Raises:
            NotFound: there is no such artifact.
            StateConflict: it has ended already.
        """
        found = self.artifact(artifact_id)
        with self._writing() as session:
            ledger = Ledger.lock(session, found.experiment_id)
            row = session.get_one(ArtifactRecord, artifact_id)
            if row.state is not ArtifactState.PENDING:
                raise StateConflict(f"artifact {artifact_id}", f"it is {row.state}", "ask for a new export")
            row.state = ArtifactState.READY if error is None else ArtifactState.FAILED
            row.files, row.error, row.finished_at = dict(files), error, ledger.now
            self._report(ledger, row, None)
            return _artifact(row)

    def artifact(self, artifact_id: str) -> Artifact:
        """Return an artifact.

        Raises:
            NotFound: there is none with this id.
        """
        with self._session() as session:
            row = session.get(ArtifactRecord, artifact_id)
            if row is None:
                raise NotFound("artifact", f"there is none with id '{artifact_id[:64]}'", "list the experiment's")
            return _artifact(row)

    def artifacts(self, experiment_id: str | None = None, *, state: ArtifactState | None = None) -> list[Artifact]:
        """Return artifacts, of one experiment or in one state, newest first."""
        query = select(ArtifactRecord).order_by(ArtifactRecord.created_at.desc(), ArtifactRecord.id)
        if experiment_id is not None:
            query = query.where(ArtifactRecord.experiment_id == experiment_id)
        if state is not None:
            query = query.where(ArtifactRecord.state == state)
        with self._session() as session:
            return [_artifact(row) for row in session.scalars(query)]

    @staticmethod
    def _report(ledger: Ledger, row: ArtifactRecord, by: str | None) -> int:
        data = {"artifact": row.id, "number": row.number, "state": row.state, "error": row.error, "by": by}
        return ledger.append(EventKind.EXPORT, data)


def _artifact(row: ArtifactRecord) -> Artifact:
    return Artifact(**{field.name: getattr(row, field.name) for field in fields(Artifact)})
