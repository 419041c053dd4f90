"""Makes the checkpoints that a server was asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

from evomerge.errors import EvomergeError
from evomerge.failpoints import failpoint
from experiments.entities import Artifact
from experiments.store import Store
from optimizer.outcome import export


def make_artifact(store: Store, artifact_id: str) -> Artifact:
    """Write the checkpoint of a pending artifact and record its files, or why there are none.

    What an attempt that was killed has left is replaced.

    Raises:
        NotFound: there is no such artifact.
        StateConflict: it has ended already.
    """
    artifact = store.artifact(artifact_id)
    out = Path(artifact.path)
    try:
        if out.exists():
            shutil.rmtree(out)
        result, _ = export(store, store.get_experiment(artifact.experiment_id), out, number=artifact.number)
    except (EvomergeError, OSError) as error:
        return store.finish_export(artifact_id, {}, error=str(error))
    files = {
        name: {"bytes": (result.path / name).stat().st_size, "sha256": digest} for name, digest in result.files.items()
    }
    failpoint("export.written_not_recorded")
    return store.finish_export(artifact_id, files)
