"""What an evaluation found, as a file keeps it, and the models compared item by item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from evals.provenance import Provenance, check_comparable
from evals.statistics import Interval, PairedComparison, aggregate_interval, by_item, holm, interval, paired_comparison
from evals.tasks import ItemScore
from evomerge.errors import InvalidInput
from optimizer.reporting.document import DomainRow, Score
from optimizer.reporting.domains import Domains, domain_row
from optimizer.reporting.scores import stderr, weighted_stderr

_KIND = "evomerge evaluation 1"
# What files of earlier versions lack.
_LATER = ("number", "copied_from")
_BY_DOMAIN = ("domains", "mean", "lowest", "harmonic")


@dataclass(frozen=True)
class Evaluated:
    """One model and its items.

    Attributes:
        label: of the model.
        model: as it was named.
        weights: hash of its files.
        split: that was scored.
        provenance: of the scores.
        items: in the suite's order.
        seconds: by step, see ``workers.config.ScoreResult``.
        prompt_tokens: read.
        generated_tokens: written.
        number: in the store; None where it is not kept there.
        copied_from: id of the experiments' evaluation that the scores were taken from; None where they were made.
    """

    label: str
    model: str
    weights: str
    split: str
    provenance: Provenance
    items: tuple[ItemScore, ...]
    seconds: Mapping[str, float]
    prompt_tokens: int
    generated_tokens: int
    number: int | None = None
    copied_from: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**vars(self), "provenance": self.provenance.to_dict(), "items": [asdict(one) for one in self.items]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluated:
        """Read :meth:`to_dict` output."""
        items = tuple(ItemScore(**one) for one in data["items"])
        provenance = Provenance.from_dict(data["provenance"])
        known = {name: data[name] for name in cls.__dataclass_fields__ if name not in _LATER or name in data}
        return cls(**{**known, "provenance": provenance, "items": items})


@dataclass(frozen=True)
class Pair:
    """Two models on the same items; ``difference`` is the first one's score minus the second's."""

    first: str
    second: str
    comparison: PairedComparison
    adjusted_p: float


@dataclass(frozen=True)
class Evaluation:
    """Models scored on the same tasks.

    Attributes:
        weights: weight of each task in the mean.
        models: in the given order.
        pairs: every two models, p-values adjusted by Holm; empty where they may not be compared.
        mixed: why scores are not alike: what was refused, or compared all the same.
        domains: tasks of each domain; empty where none is known.
    """

    weights: Mapping[str, float]
    models: tuple[Evaluated, ...]
    pairs: tuple[Pair, ...]
    mixed: tuple[str, ...]
    domains: Domains = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, with means and errors beside the items."""
        return {
            "kind": _KIND,
            "weights": dict(self.weights),
            "models": [self._shown(one) for one in self.models],
            "pairs": [{**asdict(one.comparison), **_named(one)} for one in self.pairs],
            "mixed": list(self.mixed),
        }

    def by_domain(self) -> tuple[DomainRow, ...]:
        """Return the models that were scored on every domain's tasks by domain; none where no domain is known."""
        if not self.domains:
            return ()
        tasks = {one.label: task_scores(one) for one in self.models}
        wanted = {task for group in self.domains.values() for task in group}
        return tuple(
            domain_row(label, "", found, self.domains) for label, found in tasks.items() if wanted <= found.keys()
        )

    def _shown(self, model: Evaluated) -> dict[str, Any]:
        shown = {**model.to_dict(), "scores": scores_of(model, self.weights)}
        rows = {one.label: one for one in self.by_domain()}
        if model.label in rows:
            shown["domains"] = {key: value for key, value in asdict(rows[model.label]).items() if key in _BY_DOMAIN}
        return shown


def compare(
    models: Sequence[Evaluated], weights: Mapping[str, float], *, mixed: bool, domains: Domains | None = None
) -> Evaluation:
    """Compare every two models, unless their scores were made in different ways and ``mixed`` does not ask for it.

    Raises:
        InvalidInput: the models were scored on different splits, or two have one label.
    """
    check_names([one.label for one in models], [one.split for one in models])
    weights = {item.task: 1.0 for one in models for item in one.items} | dict(weights)
    different = check_comparable({one.label: one.provenance for one in models}, models[0].split, mixed=True)
    items = [{(one.task, one.item) for one in model.items} for model in models]
    if different and (not mixed or any(own != items[0] for own in items)):
        return Evaluation(weights, tuple(models), (), different, domains or {})
    return Evaluation(weights, tuple(models), tuple(_pairs(models, weights)), different, domains or {})


def check_names(labels: Sequence[str], splits: Sequence[str]) -> None:
    """Refuse models that cannot stand in one table.

    Raises:
        InvalidInput: two have one label, or they are scored on different splits.
    """
    found = sorted(set(splits))
    if len(found) > 1:
        raise InvalidInput("--against", f"models were scored on {' and '.join(found)} items", "compare one split")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise InvalidInput("--against", f"two models are called {twice}", "give each file once, or rename one")


def write_results(evaluation: Evaluation) -> str:
    """Return the text of a file of results."""
    return json.dumps(evaluation.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_results(path: Path) -> tuple[Evaluated, ...]:
    """Read the models of a file of results; their labels name the file, so that a model can be compared with itself.

    Raises:
        InvalidInput: it cannot be read, or is no such file.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["kind"] != _KIND:
            raise ValueError(f"its kind is {data['kind']!r}")
        models = [Evaluated.from_dict(one) for one in data["models"]]
        return tuple(replace(one, label=f"{one.label} of {path.name}") for one in models)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{path} cannot be read: {type(error).__name__}: {error}"
        raise InvalidInput("--against", problem, "give a file that 'evomerge evaluate --out' wrote") from error


def scores_of(model: Evaluated, weights: Mapping[str, float]) -> dict[str, Any]:
    """Return the mean of all tasks and of each, as ``Score`` data."""
    by_task, tasks = _values(model), task_scores(model)
    counted = sum(len(values) for task, values in by_task.items() if weights[task])
    error = weighted_stderr({task: one.stderr for task, one in tasks.items()}, weights)
    whole = _score(aggregate_interval(by_task, weights), error, counted)
    return {"overall": asdict(whole), "tasks": {task: asdict(one) for task, one in tasks.items()}}


def task_scores(model: Evaluated) -> dict[str, Score]:
    """Return a model's score on each task."""
    return {task: _score(interval(values), stderr(values), len(values)) for task, values in _values(model).items()}


def _values(model: Evaluated) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in model.items:
        found.setdefault(one.task, []).append(one.score)
    return found


def _score(found: Interval, error: float | None, items: int) -> Score:
    return Score(found.mean, error, found.low, found.high, items)


def _pairs(models: Sequence[Evaluated], weights: Mapping[str, float]) -> list[Pair]:
    pairs = list(combinations(models, 2))
    compared = [paired_comparison(by_item(one.items), by_item(two.items), weights) for one, two in pairs]
    adjusted = holm([one.p_value for one in compared])
    return [Pair(a.label, b.label, one, p) for (a, b), one, p in zip(pairs, compared, adjusted, strict=True)]


def _named(pair: Pair) -> dict[str, Any]:
    return {"first": pair.first, "second": pair.second, "adjusted_p": pair.adjusted_p}
