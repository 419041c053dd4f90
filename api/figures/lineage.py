"""Where a merge comes from: its models and their weights, and what was exported of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.figures.headlines import leader, search_scores
from api.schemas.lineage import Lineage, LineageEdge, LineageNode
from experiments.entities import Artifact, Candidate, Experiment
from experiments.quantities import task_weights
from experiments.states import ArtifactState
from experiments.store import Store

_DIGITS = 12


def lineage(store: Store, experiment: Experiment) -> Lineage:
    """Return the provenance of the winner, or of who leads."""
    if "blackbox" in experiment.spec:
        return Lineage(reason="A black box has coefficients and no models.", nodes=[], edges=[])
    races = store.races([experiment.id])
    race = races[experiment.id]
    best = leader(race, search_scores(store, races, {experiment.id: task_weights(experiment)}))
    if best is None:
        return Lineage(reason="No merge is scored yet.", nodes=[], edges=[])
    candidate = store.candidate(experiment.id, best.number)
    artifacts = [one for one in store.artifacts(experiment.id) if one.number == candidate.number]
    used = [name for name in experiment.resolved.get("models", {}) if name not in experiment.spec.get("models", {})]
    used += candidate.recipe.get("models", [])
    nodes = [_model(experiment, name) for name in used]
    nodes += [_merge(candidate), _candidate(experiment, candidate, chosen=race.winner == candidate.number)]
    nodes += [_artifact(one) for one in artifacts]
    edges = [
        LineageEdge(source=f"model:{name}", target="merge", label=_weights(candidate.recipe, name)) for name in used
    ]
    edges.append(LineageEdge(source="merge", target="candidate", label=""))
    edges += [LineageEdge(source="candidate", target=f"artifact:{one.id}", label="exported") for one in artifacts]
    return Lineage(nodes=nodes, edges=edges)


def _model(experiment: Experiment, name: str) -> LineageNode:
    place = experiment.resolved.get("models", {}).get(name, {})
    files = experiment.resolved.get("inputs", {}).get("models", {}).get(name, [])
    detail = str(place.get("path", ""))
    if place.get("revision"):
        detail += f"@{place['revision']}"
    if files:
        more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
        detail += f", SHA-256 {files[0][:_DIGITS]}…{more}"
    return LineageNode(id=f"model:{name}", kind="model", label=name, detail=detail, href=None)


def _merge(candidate: Candidate) -> LineageNode:
    recipe = candidate.recipe
    parts = [str(recipe.get("granularity", "global"))]
    parts += [
        f"{name} {_values(values)}"
        for name, values in recipe.get("coefficients", {}).items()
        if not isinstance(values, Mapping)
    ]
    parts += [f"{name} {value}" for name, value in recipe.get("options", {}).items()]
    return LineageNode(id="merge", kind="merge", label=str(recipe["method"]), detail=", ".join(parts), href=None)


def _candidate(experiment: Experiment, candidate: Candidate, *, chosen: bool) -> LineageNode:
    fitness = "" if candidate.fitness is None else f", fitness {candidate.fitness:.3f}"
    return LineageNode(
        id="candidate",
        kind="candidate",
        label=candidate.label or f"candidate {candidate.number}",
        detail=f"{'winner' if chosen else 'best so far'}, number {candidate.number}{fitness}, "
        f"recipe {candidate.recipe_digest[:_DIGITS]}",
        href=f"/api/v1/experiments/{experiment.id}/candidates/{candidate.number}",
    )


def _artifact(one: Artifact) -> LineageNode:
    size = sum(int(file["bytes"]) for file in one.files.values())
    detail = f"{len(one.files)} files, {size:,} bytes" if one.state is ArtifactState.READY else str(one.state)
    return LineageNode(
        id=f"artifact:{one.id}",
        kind="artifact",
        label="export",
        detail=detail,
        href=f"/api/v1/artifacts/{one.id}",
    )


def _weights(recipe: Mapping[str, Any], model: str) -> str:
    """Return every parameter of a model in a merge in short."""
    per_model = {name: values for name, values in recipe.get("coefficients", {}).items() if isinstance(values, Mapping)}
    return ", ".join(f"{name} {_values(values[model])}" for name, values in per_model.items() if model in values)


def _values(values: Sequence[float]) -> str:
    """Return one value, or the mean of many with their range."""
    if len(values) == 1:
        return f"{values[0]:.3g}"
    return f"{sum(values) / len(values):.3g} ({min(values):.3g} to {max(values):.3g})"
