"""Makes the checkpoints that a server was asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock

from evomerge.errors import EvomergeError
from evomerge.failpoints import failpoint
from experiments.entities import Artifact
from experiments.states import ArtifactState
from experiments.store import Store
from optimizer.outcome import export


def make_artifact(store: Store, artifact_id: str) -> Artifact:
    """Write the checkpoint of a pending artifact and record its files, or why there are none.

    What an attempt that was killed has left is replaced; an artifact that has ended stays as it is. Processes with the
    same artifact folder take turns, also with one whose server was killed and which is still at it.

    Raises:
        NotFound: there is no such artifact.
    """
    folder = Path(store.artifact(artifact_id).path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".export.lock"):
            artifact = store.artifact(artifact_id)
            return _make(store, artifact) if artifact.state is ArtifactState.PENDING else artifact
    except OSError as error:
        return store.finish_export(artifact_id, {}, error=str(error))


def _make(store: Store, artifact: Artifact) -> Artifact:
    out = Path(artifact.path)
    try:
        if out.exists():
            shutil.rmtree(out)
        result, _ = export(store, store.get_experiment(artifact.experiment_id), out, number=artifact.number)
    except (EvomergeError, OSError) as error:
        return store.finish_export(artifact.id, {}, error=str(error))
    files = {
        name: {"bytes": (result.path / name).stat().st_size, "sha256": digest} for name, digest in result.files.items()
    }
    failpoint("export.written_not_recorded")
    return store.finish_export(artifact.id, files)
