"""The report by domain, after MergeBench (arXiv 2505.10833), the 3H suite (2502.06876) and OptMerge (2505.19892).

A domain, or dimension, or capability, is a group of tasks that measure one thing. Its score is the plain mean over its
tasks; what is said of all domains gives each the same weight, whatever the search was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, harmonic_mean
from typing import Any, Literal

from evals.relative import normalized
from evals.report import SIGNIFICANCE, ModelReport, Report
from evals.statistics import Interval, PairedComparison, by_item, holm, paired_comparison, weighted_interval
from evals.tasks import ItemRef, ItemScore
from optimizer.reporting.document import Denominator, DomainRow, Interaction, NormalizedRow, Row, Score
from optimizer.reporting.scores import Items, weighted_stderr

Domains = Mapping[str, Sequence[str]]  # tasks by domain


def domains_of(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the tasks of each domain of a spec; empty where no task names one, else the others are domains alone."""
    tasks = spec.get("tasks", ())
    if not any(task.get("domain") for task in tasks):
        return {}
    found: dict[str, list[str]] = {}
    for task in tasks:
        found.setdefault(task.get("domain") or task["name"], []).append(task["name"])
    return found


def domain_rows(rows: Iterable[Row], domains: Domains) -> tuple[DomainRow, ...]:
    """Return every model by domain."""
    return tuple(domain_row(row.label, row.role, row.tasks, domains) for row in rows) if domains else ()


def domain_row(label: str, role: str, tasks: Mapping[str, Score], domains: Domains) -> DomainRow:
    """Return one model by domain, from its scores by task."""
    scores = {name: _score({task: tasks[task] for task in group}) for name, group in domains.items()}
    means = [one.mean for one in scores.values()]
    harmonic = harmonic_mean(means) if min(means) >= 0 else None
    return DomainRow(label, role, scores, fmean(means), min(means), harmonic)


def best_experts(rows: Sequence[DomainRow]) -> tuple[Denominator, ...]:
    """Return the best expert of every domain; none where there are no experts."""
    experts = [row for row in rows if row.role == "expert"]
    if not experts:
        return ()
    best = {name: max(experts, key=lambda row: row.domains[name].mean) for name in experts[0].domains}
    return tuple(Denominator(name, row.label, row.domains[name].mean) for name, row in best.items())


def normalized_domains(rows: Sequence[DomainRow], best: Sequence[Denominator]) -> tuple[NormalizedRow, ...]:
    """Return every model relative to the best expert of each domain."""
    if not best:
        return ()
    reference = {one.task: one.score for one in best}
    return tuple(
        NormalizedRow(
            row.label, row.role, **vars(normalized({name: one.mean for name, one in row.domains.items()}, reference))
        )
        for row in rows
    )


def interactions(report: Report, items: Items, domains: Domains) -> tuple[Interaction, ...]:
    """Compare every expert and the merge with the base on each domain; none where there is no base."""
    base = next((model for model in report.models if model.role == "base"), None)
    if base is None or not domains:
        return ()
    models = [model for model in report.models if model.role in ("expert", "merge")]
    cells = [(model, name) for model in models for name in domains]
    compared = [_compared(items[model.label], items[base.label], domains[name]) for model, name in cells]
    adjusted = holm([one.p_value for one in compared])
    return tuple(
        _interaction(model, name, one, p) for (model, name), one, p in zip(cells, compared, adjusted, strict=True)
    )


def _compared(items: Sequence[ItemScore], base: Sequence[ItemScore], tasks: Sequence[str]) -> PairedComparison:
    def of_domain(scores: Sequence[ItemScore]) -> dict[ItemRef, float]:
        return by_item(one for one in scores if one.task in tasks)

    return paired_comparison(of_domain(items), of_domain(base), dict.fromkeys(tasks, 1.0))


def _interaction(model: ModelReport, domain: str, found: PairedComparison, p: float) -> Interaction:
    effect: Literal["collaboration", "conflict", "none"] = "none"
    if p < SIGNIFICANCE:
        effect = "collaboration" if found.difference > 0 else "conflict"
    return Interaction(model.label, model.role, domain, found.difference, found.low, found.high, p, effect)


def _score(tasks: Mapping[str, Score]) -> Score:
    equal = dict.fromkeys(tasks, 1.0)
    whole = weighted_interval({task: Interval(one.mean, one.low, one.high) for task, one in tasks.items()}, equal)
    error = weighted_stderr({task: one.stderr for task, one in tasks.items()}, equal)
    return Score(whole.mean, error, whole.low, whole.high, sum(one.items for one in tasks.values()))
