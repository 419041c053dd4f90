"""Exported checkpoints: asked for, listed, downloaded."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse

from api.dependencies import ExperimentDep, OwnExperimentDep, PrincipalDep, SettingsDep, StoreDep
from api.idempotency import OnceDep, answered_once
from api.revisions import IfNoneMatch, matches
from api.schemas.artifacts import ArtifactList, ArtifactView, NewExport
from evomerge.errors import NotFound, StateConflict, nearest
from experiments.entities import Artifact, Experiment
from experiments.store import Store

router = APIRouter(tags=["artifacts"])
_Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Id of the artifact.")]
_BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", **_BYTES},
    206: {"description": "The part of the file that the Range header asks for.", **_BYTES},
    304: {"description": "It is as the ETag says."},
}


@router.post("/experiments/{experiment_id}/exports", status_code=202)
def export_candidate(
    experiment: OwnExperimentDep,
    new: NewExport,
    store: StoreDep,
    settings: SettingsDep,
    principal: PrincipalDep,
    response: Response,
    once: OnceDep,
) -> ArtifactView:
    """Have a candidate written as a Hugging Face checkpoint; the artifact is ready when its state says so."""

    def make() -> Artifact:
        number = _chosen(experiment, new.candidate, store)
        folder = str(settings.artifact_root.resolve())
        return store.ask_export(experiment.id, number, folder, by=principal.owner, once=once)

    artifact = answered_once(store, once, response, make, store.artifact)
    response.headers["Location"] = f"/api/v1/artifacts/{artifact.id}"
    return ArtifactView.model_validate(artifact)


@router.get("/experiments/{experiment_id}/artifacts")
def list_artifacts(experiment: ExperimentDep, store: StoreDep) -> ArtifactList:
    """List what was exported of an experiment."""
    return ArtifactList(artifacts=[ArtifactView.model_validate(one) for one in store.artifacts(experiment.id)])


@router.get("/artifacts/{artifact_id}")
def get_artifact(artifact_id: _Id, store: StoreDep) -> ArtifactView:
    """Show an artifact and its files."""
    return ArtifactView.model_validate(store.artifact(artifact_id))


@router.get("/artifacts/{artifact_id}/files/{name}", response_class=FileResponse, responses=_FILE)
def download_file(
    artifact_id: _Id,
    name: Annotated[
        str, Path(max_length=255, pattern="^[A-Za-z0-9_.-]+$", description="A file that the artifact lists.")
    ],
    store: StoreDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Download a file; Range asks for a part of it."""
    artifact = store.artifact(artifact_id)
    path = FilePath(artifact.path, name)
    if name not in artifact.files or not path.is_file():
        raise NotFound("file", f"artifact {artifact_id} has no file '{name}'", nearest(name, artifact.files))
    tag = f'"{artifact.files[name]["sha256"]}"'
    if matches(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    # Always as a download: what a model card holds must not become a page of this server.
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=name,
        content_disposition_type="attachment",
        headers={"ETag": tag, "X-Content-Type-Options": "nosniff"},
    )


def _chosen(experiment: Experiment, number: int | None, store: Store) -> int:
    subject = f"experiment {experiment.id}"
    if "blackbox" in experiment.spec:
        raise StateConflict(subject, "a black box has no weights to export", "read the winner's coefficients")
    if number is not None:
        return store.candidate(experiment.id, number).number
    winner = store.decisions(experiment.id).get("winner")
    if winner is None:
        raise StateConflict(subject, f"it is {experiment.state} and has no winner yet", "name a candidate, or wait")
    return int(winner["number"])
