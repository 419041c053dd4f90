"""The way of a spec into the store: confined, checked in full, within its owner's quota."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends

from api.catalog.confine import confine
from api.dependencies import PlannerDep, PrincipalDep, SettingsDep, StoreDep
from api.planning import Checked
from evomerge.errors import Forbidden, TooManyRequests
from experiments.entities import Experiment, Once
from experiments.states import Scope, Wanted


class Submission:
    """What one caller submits; made anew for every request."""

    def __init__(self, store: StoreDep, planner: PlannerDep, settings: SettingsDep, principal: PrincipalDep) -> None:
        """Take whom and where the spec is from."""
        self._store = store
        self._planner = planner
        self._settings = settings
        self._principal = principal
        # Confined specs have absolute paths, so that it does not matter where relative ones would start.
        self._source_dir = settings.model_roots[0].resolve()

    def check(self, spec: Mapping[str, Any]) -> Checked:
        """Check a spec in full.

        Raises:
            InvalidInput: it cannot work, or names what it may not.
            Unavailable: there was no time to check it.
        """
        return self._planner.check(confine(spec, self._settings, self._planner), self._source_dir)

    def create(self, spec: Mapping[str, Any], priority: int, once: Once | None) -> Experiment:
        """Check a spec in full and record it as an experiment that wants to run.

        Raises:
            Forbidden: the priority is for admins.
            TooManyRequests: the owner has too many experiments that have not ended.
            InvalidInput, Unavailable: as :meth:`check`.
            AlreadyDone: the request took effect before.
        """
        self._check_quota(priority)
        checked = self.check(spec)
        return self._store.create_experiment(
            checked.spec,
            str(self._source_dir),
            checked.resolved,
            owner=self._principal.owner,
            priority=priority,
            wanted=Wanted.RUN,
            once=once,
        )

    def _check_quota(self, priority: int) -> None:
        owner, settings = self._principal.owner, self._settings
        if self._principal.scope.includes(Scope.ADMIN):
            return
        if priority > settings.max_priority:
            raise Forbidden("priority", f"{priority} is for admins", f"give {settings.max_priority} or less")
        count = self._store.count_open(owner)
        if count >= settings.max_open_experiments:
            problem = f"'{owner}' has {count} experiments that have not ended"
            raise TooManyRequests("experiments", problem, "wait for one to end, or cancel one", retry_after_s=60)


SubmissionDep = Annotated[Submission, Depends()]
