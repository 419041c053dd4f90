"""The store of this machine, asked as a server is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from api.figures.comparison import comparison
from api.figures.headlines import headlines
from api.schemas.candidates import CandidateDetail, CandidateView
from api.schemas.catalog import AlgorithmView, MethodView, ModelView, NeedsView, Plan, TaskView
from api.schemas.charts import Comparison
from api.schemas.events import EventView
from api.schemas.experiments import (
    ExperimentDetail,
    ExperimentView,
    Injected,
    experiment_detail,
    experiment_view,
)
from evomerge.client.artifacts import Saved
from evomerge.errors import InvalidInput
from experiments.entities import Experiment
from experiments.spec import AnySpec, BlackboxExperiment, load_any, parse_any
from experiments.states import EXPERIMENT_STEPS, Wanted
from experiments.store import Store
from optimizer.reporting.document import Document

BY = "command line"
_TICK_S = 0.5
_ALL = 2**31 - 1


class LocalDesk:
    """See :class:`evomerge.desk.Desk`; there is no owner, no quota and no confinement on one's own machine."""

    def __init__(self, store: Store) -> None:
        """Work on an open store."""
        self.store = store

    def experiments(self, *, limit: int | None = None) -> Iterator[ExperimentView]:
        """See ``Client.experiments``."""
        found = self.store.list_experiments(limit=_ALL if limit is None else limit)
        lines = headlines(self.store, found)
        for one in found:
            yield experiment_view(one.experiment, one.progress, lines[one.experiment.id])

    def experiment(self, reference: str) -> ExperimentDetail:
        """See ``Client.experiment``."""
        store, found = self.store, self.store.get_experiment(reference)
        standings = store.leaderboard(found.id, limit=10)
        return experiment_detail(found, store.progress(found.id), standings, store.decisions(found.id).get("outcome"))

    def candidate(self, reference: str, number: int) -> CandidateDetail:
        """See ``Client.candidate``."""
        found = self.store.candidate(self.store.get_experiment(reference).id, number)
        return CandidateDetail.model_validate({**vars(found), "evaluations": self.store.evaluations_of(found.id)})

    def submit(self, spec: Path, priority: int = 0) -> ExperimentView:
        """Record a checked experiment for a server of this store to run; see ``Client.submit``."""
        loaded = load_any(spec)
        return self._create(loaded.spec, loaded.source_dir, priority)

    def validate(self, spec: Path) -> Plan:
        """See ``Client.validate``."""
        plan, refusal = self.plan(spec)
        if refusal is not None:
            raise refusal
        return plan

    def plan(self, spec: Path) -> tuple[Plan, InvalidInput | None]:
        """Return what a run of a spec would take, and why this machine has no room for it."""
        from api.planning import needs_view
        from optimizer.blackbox import make_blackbox_plan
        from optimizer.needs import check_fits, find_needs
        from optimizer.preflight import make_plan

        loaded = load_any(spec)
        if isinstance(loaded.spec, BlackboxExperiment):
            box = make_blackbox_plan(loaded.spec, loaded.source_dir, allow_code=True)
            genes = list(box.provenance["genes"])
            return Plan(spec=loaded.spec.canonical(), dimensions=len(genes), genes=genes, needs=None), None
        checked = make_plan(loaded.spec, loaded.source_dir, self.store)
        needs = find_needs(checked, self.store)
        plan = Plan(
            spec=loaded.spec.canonical(),
            dimensions=needs.work.dimensions,
            genes=checked.provenance["genes"],
            needs=NeedsView.model_validate(needs_view(needs)),
        )
        try:
            check_fits(checked, needs)
        except InvalidInput as refusal:
            return plan, refusal
        return plan, None

    def pause(self, reference: str) -> ExperimentView:
        """See ``Client.pause``."""
        return self._want(reference, Wanted.PAUSE)

    def cancel(self, reference: str) -> ExperimentView:
        """See ``Client.cancel``."""
        return self._want(reference, Wanted.CANCEL)

    def extend(self, reference: str, budget: Mapping[str, float]) -> ExperimentView:
        """See ``Client.extend``."""
        return self._view(self.store.extend(self.store.get_experiment(reference).id, budget, by=BY))

    def clone(
        self, reference: str, *, name: str | None = None, changes: Mapping[str, Any] | None = None, priority: int = 0
    ) -> ExperimentView:
        """See ``Client.clone``."""
        from api.merge_patch import clone_spec

        experiment = self.store.get_experiment(reference)
        spec = clone_spec(experiment, changes or {}, name)
        return self._create(parse_any(spec), Path(experiment.source_dir), priority)

    def inject(self, reference: str, recipe: Mapping[str, Any], *, label: str = "injected") -> Injected:
        """See ``Client.inject``."""
        from api.catalog.recipes import completed
        from api.planning import check_recipe

        experiment = self.store.get_experiment(reference)
        full = completed(recipe, experiment.spec)
        if "blackbox" not in experiment.spec:
            full = check_recipe(full, experiment.resolved)
        event = self.store.inject(experiment.id, full, label=label, by=BY)
        return Injected.model_validate({**event.payload, "seq": event.seq})

    def compare(self, references: Sequence[str]) -> Comparison:
        """See ``Client.compare``."""
        found = [self.store.get_experiment(one) for one in references]
        return comparison(self.store, found, partial(headlines, self.store))

    def events(self, reference: str, *, after: int = 0) -> Iterator[EventView]:
        """See ``Client.events``."""
        identity = self.store.get_experiment(reference).id
        while True:
            ended = not EXPERIMENT_STEPS[self.store.get_experiment(identity).state]
            for event in self.store.events(identity, after=after):
                after = event.seq
                yield EventView.model_validate(event)
            if ended:
                return
            time.sleep(_TICK_S)

    def last_seq(self, reference: str) -> int:
        """See ``Client.last_seq``."""
        return self.store.get_experiment(reference).last_seq

    def report(self, reference: str) -> Document:
        """See ``Client.report``."""
        from optimizer.reporting.build import build_document

        return build_document(self.store, self.store.get_experiment(reference))

    def save(self, reference: str, out: Path, candidate: int | None = None) -> Saved:
        """See ``Client.save``."""
        from optimizer.outcome import export

        result, merged = export(self.store, self.store.get_experiment(reference), out, number=candidate)
        return Saved(result.path, result.files, CandidateView.model_validate(merged))

    def models(self) -> list[ModelView]:
        """Return the models that a server with this environment would offer."""
        from api.catalog.models import list_models
        from api.settings import load_settings

        return [ModelView.model_validate(one) for one in list_models(load_settings().model_roots)]

    def tasks(self) -> list[TaskView]:
        """Return the task files that a server with this environment would offer, what it allows, and the catalog."""
        from api.catalog.tasks import list_tasks
        from api.settings import load_settings
        from evals.catalog import suites

        settings = load_settings()
        found = list_tasks(settings.task_roots, (*suites(), *settings.tasks))
        return [TaskView.model_validate(one) for one in found]

    def methods(self) -> list[MethodView]:
        """See ``Client.methods``."""
        from api.planning import method_views

        return [MethodView.model_validate(one) for one in method_views()]

    def method(self, name: str) -> MethodView:
        """See ``Client.method``."""
        from api.planning import method_view
        from merging.operators import get_operator

        return MethodView.model_validate(method_view(get_operator(name)))

    def algorithms(self) -> list[AlgorithmView]:
        """See ``Client.algorithms``."""
        from api.planning import algorithm_views

        return [AlgorithmView.model_validate(one) for one in algorithm_views()]

    def algorithm(self, name: str) -> AlgorithmView:
        """See ``Client.algorithm``; nevergrad's own names are known too."""
        from api.planning import algorithm_view
        from optimizer.search.catalog import find_algorithm

        return AlgorithmView.model_validate(algorithm_view(find_algorithm(name)))

    def _create(self, spec: AnySpec, source_dir: Path, priority: int) -> ExperimentView:
        from optimizer.launch import plan_of

        # Who submits does not run it: a server will, and servers run no Python code of specs.
        plan = plan_of(spec, source_dir, allow_code=False, store=self.store)
        created = self.store.create_experiment(
            spec.canonical(), str(source_dir), plan.provenance, priority=priority, wanted=Wanted.RUN
        )
        return self._view(created)

    def _want(self, reference: str, wanted: Wanted) -> ExperimentView:
        return self._view(self.store.want(self.store.get_experiment(reference).id, wanted, by=BY))

    def _view(self, experiment: Experiment) -> ExperimentView:
        return experiment_view(experiment, self.store.progress(experiment.id))
