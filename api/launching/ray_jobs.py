"""Drivers as jobs of a Ray cluster (Ray Jobs API)."""

from __future__ import annotations

from typing import Any

from api.launching.launcher import Capacity
from evomerge.errors import EngineError

_OVER = frozenset({"STOPPED", "SUCCEEDED", "FAILED"})


class RayJobLauncher:
    """Submits one job per driver; the nodes know the store themselves (``EVOMERGE_STORE``), so no secret is sent.

    Args:
        address: of the cluster's dashboard, ``http://ray-head:8265``; with token authentication on, Ray takes the token
            from the environment.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def start(self, experiment_id: str, handle: str, *, workers: bool = True) -> None:
        """See ``Launcher``."""
        try:
            self._client().submit_job(
                entrypoint=f"evomerge driver --experiment {experiment_id}",
                submission_id=handle,
                metadata={"evomerge_experiment": experiment_id},
            )
        except Exception as error:  # whatever Ray's client raises: no cluster, no answer, no permission
            raise EngineError(f"the Ray cluster at {self._address} takes no job: {error}") from error

    def is_alive(self, handle: str) -> bool:
        """See ``Launcher``; a job that a new head knows nothing of has ended."""
        try:
            jobs = {job.submission_id: job.status for job in self._client().list_jobs()}
        except Exception as error:
            raise EngineError(f"the Ray cluster at {self._address} does not answer: {error}") from error
        return handle in jobs and str(getattr(jobs[handle], "value", jobs[handle])) not in _OVER

    def capacity(self) -> Capacity | None:
        """See ``Launcher``."""
        from optimizer.machine import nodes_behind

        nodes = nodes_behind(self._address)
        return Capacity(sum(one.cpus or 0.0 for one in nodes), sum(one.gpus for one in nodes))

    def close(self) -> None:
        """See ``Launcher``: the jobs live on without this server."""

    def _client(self) -> Any:
        from ray.job_submission import JobSubmissionClient

        return JobSubmissionClient(self._address)
