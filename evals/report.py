"""The report on untouched test items: every model, and whether the merge beats the best other one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from evals.statistics import (
    Interval,
    PairedComparison,
    aggregate_interval,
    by_item,
    holm,
    interval,
    paired_comparison,
)
from evals.tasks import ItemScore
from evomerge.errors import InvalidInput

Role = Literal["base", "expert", "baseline", "merge"]
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class ModelReport:
    """One model on the test items.

    Attributes:
        label: name of the model in the report.
        role: base, expert, baseline (a merge that needs no search) or merge (the search's result).
        overall: weighted mean over tasks.
        tasks: mean of each task.
        merge_minus_model: the merge compared with this model on the same items; None for the merge itself.
        adjusted_p: p-value of that comparison, adjusted by Holm for all models of the report.
    """

    label: str
    role: Role
    overall: Interval
    tasks: Mapping[str, Interval]
    merge_minus_model: PairedComparison | None
    adjusted_p: float | None


@dataclass(frozen=True)
class Report:
    """All models on the same test items, in the given order, and the verdict.

    Attributes:
        models: one entry per model.
        n: test items that the verdict is on; tasks for the report alone have no part in it.
        merge: label of the merge.
        best_other: label of the other model with the highest overall score on the test items.
        comparison: the merge compared with that one.
        best_parent: label of the base or expert with the highest score; None where the report has none.
        best_baseline: label of the best plain merge; None where the report has none.
        significant: the merge is better than the best other model, its interval excludes zero and p < 0.05.
        statement: the verdict, with the gains over the best parent and over the best plain merge.
    """

    models: tuple[ModelReport, ...]
    n: int
    merge: str
    best_other: str
    comparison: PairedComparison
    best_parent: str | None
    best_baseline: str | None
    significant: bool
    statement: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    def to_markdown(self) -> str:
        """Return the models as a Markdown table, followed by the verdict."""
        tasks = list(self.models[0].tasks)
        several = tasks if len(tasks) > 1 else []
        head = ["model", "role", "score (95 % CI)", *several, "merge minus model (95 % CI)", "p (Holm)"]
        rows = [head, ["---"] * len(head)]
        for model in self.models:
            versus, p = model.merge_minus_model, model.adjusted_p
            difference = f"{versus.difference:+.3f} ({versus.low:+.3f} to {versus.high:+.3f})" if versus else ""
            cells = [model.label.replace("|", "\\|"), model.role, _show(model.overall)]
            cells += [_show(model.tasks[task]) for task in several]
            rows.append([*cells, difference, "" if p is None else f"{p:.2g}"])
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return f"{table}\n\n{self.statement}\n"


def build_report(
    scores: Mapping[str, Sequence[ItemScore]], roles: Mapping[str, Role], weights: Mapping[str, float]
) -> Report:
    """Compare the merge with every other model on the test split.

    The verdict compares with the model that happens to do best on these very items. Choosing the opponent by
    the test scores can only favour the opponent, so the verdict errs against the merge.

    Args:
        scores: test scores of every model by label, in the order of the report.
        roles: role of every model; exactly one is the merge.
        weights: weight of each task.

    Raises:
        InvalidInput: labels and roles do not agree, there is not exactly one merge and one other model at
            least, or the models were scored on different items.
    """
    merge = _check_roles(scores, roles)
    keyed = {label: by_item(items) for label, items in scores.items()}
    others = [label for label in scores if label != merge]
    versus = {label: paired_comparison(keyed[merge], keyed[label], weights) for label in others}
    adjusted = dict(zip(others, holm([versus[label].p_value for label in others]), strict=True))
    models = []
    for label, items in scores.items():
        by_task: dict[str, list[float]] = {}
        for item in items:
            by_task.setdefault(item.task, []).append(item.score)
        models.append(
            ModelReport(
                label=label,
                role=roles[label],
                overall=aggregate_interval(by_task, weights),
                tasks={task: interval(values) for task, values in by_task.items()},
                merge_minus_model=versus.get(label),
                adjusted_p=adjusted.get(label),
            )
        )
    parent = _best(models, ("base", "expert"))
    baseline = _best(models, ("baseline",))
    best = max((one for one in (parent, baseline) if one is not None), key=lambda one: one.overall.mean)
    comparison, second = versus[best.label], parent if best is baseline else baseline
    significant = comparison.difference > 0 and comparison.low > 0 and comparison.p_value < SIGNIFICANCE
    return Report(
        models=tuple(models),
        n=comparison.n,
        merge=merge,
        best_other=best.label,
        comparison=comparison,
        best_parent=None if parent is None else parent.label,
        best_baseline=None if baseline is None else baseline.label,
        significant=significant,
        statement=_statement(best, comparison, significant, second),
    )


def _check_roles(scores: Mapping[str, Sequence[ItemScore]], roles: Mapping[str, Role]) -> str:
    unknown = sorted({role for role in roles.values() if role not in get_args(Role)})
    merges = [label for label in scores if roles.get(label) == "merge"]
    if unknown or scores.keys() != roles.keys() or len(merges) != 1 or len(scores) < 2:
        raise InvalidInput(
            "roles",
            f"the models {list(scores)} have the roles {dict(roles)}",
            f"give every model one of {', '.join(get_args(Role))}, exactly one of them merge, and one other",
        )
    return merges[0]


def _show(value: Interval) -> str:
    return f"{value.mean:.3f} ({value.low:.3f} to {value.high:.3f})"


def _best(models: Sequence[ModelReport], roles: Sequence[Role]) -> ModelReport | None:
    return max((one for one in models if one.role in roles), key=lambda one: one.overall.mean, default=None)


def _statement(best: ModelReport, versus: PairedComparison, significant: bool, second: ModelReport | None) -> str:
    numbers = f"{_difference(versus)}, p = {versus.p_value:.2g}) on {versus.n} untouched test items"
    other = f"the best other model, {best.label} ({best.role})"
    if significant:
        verdict = f"The merge beats {other}, by {numbers}: significant."
    elif versus.difference > 0:
        verdict = f"No significant gain: the merge is ahead of {other}, by {numbers}. Use {best.label} instead."
    elif versus.difference == 0:
        verdict = f"No significant gain: the merge ties with {other}: {numbers}. Use {best.label} instead."
    else:
        verdict = f"No significant gain: the merge is behind {other}: {numbers}. Use {best.label} instead."
    if second is None or second.merge_minus_model is None:
        return verdict
    kind = "plain merge" if second.role == "baseline" else "parent"
    return f"{verdict} Over the best {kind}, {second.label}: {_difference(second.merge_minus_model)})."


def _difference(versus: PairedComparison) -> str:
    return f"{versus.difference:+.3f} (95 % CI {versus.low:+.3f} to {versus.high:+.3f}"
