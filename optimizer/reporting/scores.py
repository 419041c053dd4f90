"""The sections of a report that are computed from the test items of all models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

from evals.relative import SMALLEST_DENOMINATOR, normalized, ratio
from evals.report import SIGNIFICANCE, ModelReport, Report
from evals.statistics import PairedComparison, by_item, holm, paired_comparison
from evals.tasks import ItemRef, ItemScore
from optimizer.reporting.document import Denominator, Forgotten, NormalizedRow, Row, Score, Versus

Items = Mapping[str, Sequence[ItemScore]]  # by label of the model
_Pair = tuple[str, str | None]  # label of the other model, task


def rows(report: Report, items: Items, numbers: Mapping[str, int], weights: Mapping[str, float]) -> tuple[Row, ...]:
    """Return every model with its scores, in the report's order."""
    return tuple(_row(model, items[model.label], numbers[model.label], weights) for model in report.models)


def stderr(scores: Sequence[float]) -> float | None:
    """Return the standard error of a mean, None of a single score."""
    return stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else None


def weighted_mean(means: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted mean over tasks."""
    return math.fsum(weights[task] * mean for task, mean in means.items()) / math.fsum(map(weights.__getitem__, means))


def weighted_stderr(errors: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """Return the standard error of a weighted mean over tasks, which share no items."""
    total = sum(weights[task] for task in errors)
    known = {task: error for task, error in errors.items() if error is not None}
    if len(known) < len(errors):
        return None
    return math.hypot(*(weights[task] / total * error for task, error in known.items()))


def versus(report: Report, items: Items, weights: Mapping[str, float]) -> tuple[Versus, ...]:
    """Compare the merge with every other model, on all tasks together and, where there are several, on each."""
    overall = [
        _versus((model.label, None), model.merge_minus_model, model.adjusted_p)
        for model in report.models
        if model.merge_minus_model is not None and model.adjusted_p is not None
    ]
    tasks = list(report.models[0].tasks)
    if len(tasks) < 2:
        return tuple(overall)
    others = [model.label for model in report.models if model.label != report.merge]
    keyed = {label: _by_task(scores) for label, scores in items.items()}
    pairs = [(label, task) for label in others for task in tasks]
    compared = [paired_comparison(keyed[report.merge][task], keyed[label][task], {task: 1.0}) for label, task in pairs]
    adjusted = holm([one.p_value for one in compared])
    return (*overall, *map(_versus, pairs, compared, adjusted))


def denominators(report: Report) -> tuple[Denominator, ...]:
    """Return the best expert of every task; none where the report has no experts."""
    experts = [model for model in report.models if model.role == "expert"]
    if not experts:
        return ()
    best = {task: max(experts, key=lambda one: one.tasks[task].mean) for task in report.models[0].tasks}
    return tuple(Denominator(task, one.label, one.tasks[task].mean) for task, one in best.items())


def normalized_rows(report: Report, best: Sequence[Denominator]) -> tuple[NormalizedRow, ...]:
    """Return every model relative to the best experts."""
    if not best:
        return ()
    reference = {one.task: one.score for one in best}
    return tuple(
        NormalizedRow(
            model.label,
            model.role,
            **vars(normalized({task: one.mean for task, one in model.tasks.items()}, reference)),
        )
        for model in report.models
    )


def forgetting(report: Report, items: Items, compared: Sequence[Versus]) -> tuple[Forgotten, ...]:
    """Return what the merge has lost of the base, on every task that the base is any good at.

    That is a score of at least 0.05, or a negative one: a metric of which less is better.
    """
    base = next((model for model in report.models if model.role == "base"), None)
    if base is None:
        return ()
    merge = next(model for model in report.models if model.label == report.merge)
    mine = {one.task: one for one in compared if one.against == base.label}
    beaten = _beaten(base, report, items)
    found = []
    for task, score in base.tasks.items():
        against = mine.get(task) or mine[None]
        if 0 <= score.mean < SMALLEST_DENOMINATOR:
            continue
        kept = merge.tasks[task].mean
        found.append(
            Forgotten(
                task=task,
                base=score.mean,
                merge=kept,
                forgotten=-against.difference,
                low=-against.high,
                high=-against.low,
                adjusted_p=against.adjusted_p,
                retained=ratio(kept, score.mean),
                of_the_base=task not in beaten,
            )
        )
    return tuple(found)


def mean_forgetting(found: Iterable[Forgotten]) -> float | None:
    """Return the mean loss over the tasks of the base."""
    lost = [one.forgotten for one in found if one.of_the_base]
    return fmean(lost) if lost else None


def _beaten(base: ModelReport, report: Report, items: Items) -> set[str]:
    """Return the tasks on which an expert is better than the base (Holm over experts and tasks)."""
    experts = [model for model in report.models if model.role == "expert"]
    keyed = {model.label: _by_task(items[model.label]) for model in (base, *experts)}
    pairs = [(model.label, task) for model in experts for task in base.tasks]
    compared = [paired_comparison(keyed[label][task], keyed[base.label][task], {task: 1.0}) for label, task in pairs]
    adjusted = holm([one.p_value for one in compared])
    return {
        task
        for (_, task), one, p in zip(pairs, compared, adjusted, strict=True)
        if one.difference > 0 and p < SIGNIFICANCE
    }


def _row(model: ModelReport, items: Sequence[ItemScore], number: int, weights: Mapping[str, float]) -> Row:
    scores: dict[str, list[float]] = {}
    for one in items:
        scores.setdefault(one.task, []).append(one.score)
    errors = {task: stderr(values) for task, values in scores.items()}
    tasks = {
        task: Score(found.mean, errors[task], found.low, found.high, len(scores[task]))
        for task, found in model.tasks.items()
    }
    whole = model.overall
    counted = sum(len(values) for task, values in scores.items() if weights[task])
    overall = Score(whole.mean, weighted_stderr(errors, weights), whole.low, whole.high, counted)
    return Row(number, model.label, model.role, overall, tasks)


def _versus(pair: _Pair, found: PairedComparison, adjusted_p: float) -> Versus:
    against, task = pair
    return Versus(
        against=against,
        task=task,
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p_value,
        adjusted_p=adjusted_p,
        wins=found.wins,
        losses=found.losses,
        ties=found.n - found.wins - found.losses,
    )


def _by_task(items: Iterable[ItemScore]) -> dict[str, dict[ItemRef, float]]:
    found: dict[str, dict[ItemRef, float]] = {}
    for ref, score in by_item(items).items():
        found.setdefault(ref.task, {})[ref] = score
    return found
