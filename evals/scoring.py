"""Requests of a task, built once, and the scores that a model's responses earn."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import UndefinedError

from evals.answers import Answer, check_teacher_forced, forced_answers, reference_answer, reference_text
from evals.decisions import decided_by
from evals.loading import LoadedTask, where
from evals.local.scorer import Scorer, scorer_of
from evals.tasks import ItemScore
from evomerge.errors import Infeasible, TaskError

if TYPE_CHECKING:
    from lm_eval.api.model import LM


# Items of a public data set whose references are tried.
_REHEARSED = 4


@dataclass(frozen=True)
class PlannedItem:
    """Everything that is asked about one item.

    Attributes:
        loaded: the task.
        item: 16 hex digits of the item's content hash.
        instances: lm-eval requests, never sent themselves but copied for every candidate; none where the item
            is judged from its answers alone. Where an answer can be decided before its end, they carry the test
            for it as ``decided`` (see ``evals.decisions``), which an engine may use or not.
        answers: continuations whose log-likelihood is asked for besides.
    """

    loaded: LoadedTask
    item: str
    instances: tuple[Any, ...]
    answers: tuple[Answer, ...]


def plan(lm: LM, loaded: LoadedTask, split: str) -> list[PlannedItem]:
    """Build the requests of a split; the model lends its tokenizer and chat template only."""
    forced = loaded.definition.teacher_forced and split == "search"
    planned = []
    for number, item in enumerate(loaded.splits[split]):
        instances = build_instances(lm, loaded, item, number)
        doc, prompt = loaded.docs[item], instances[0].args[0]
        answers: tuple[Answer, ...] = ()
        if forced:
            answers, instances = forced_answers(lm, loaded, doc, prompt), ()
        elif split == "search" and loaded.task.OUTPUT_TYPE == "generate_until":
            reference = reference_answer(lm, loaded, doc, prompt)
            answers = (reference,) if reference else ()
        planned.append(PlannedItem(loaded, item, instances, answers))
    return planned


def build_instances(lm: Any, loaded: LoadedTask, item: str, number: int) -> tuple[Any, ...]:
    """Return the lm-eval requests of one item; the model lends its chat template only."""
    task, doc, chat = loaded.task, loaded.docs[item], loaded.definition.chat_template
    # One random stream per item, so that its examples do not depend on which items come before it.
    task.set_fewshot_seed(f"{loaded.definition.seed}/{item}")
    context = task.fewshot_context(
        doc,
        loaded.num_fewshot,
        apply_chat_template=chat,
        fewshot_as_multiturn=chat,
        chat_template=lm.apply_chat_template if chat else None,
        gen_prefix=task.doc_to_prefix(doc),
    )
    requests = task.construct_requests(
        doc=doc,
        ctx=context,
        metadata=(loaded.definition.name, number, task.config.repeats),
        apply_chat_template=chat,
        chat_template=lm.apply_chat_template if chat else None,
    )
    instances = tuple(requests) if isinstance(requests, list) else (requests,)
    if (decided := decided_by(loaded, doc)) is not None:
        for instance in instances:
            instance.decided = decided
    return instances


def ask(lm: LM, instances: Iterable[Any]) -> None:
    """Send requests to the model, all of one kind in one call, and put the responses into them."""
    by_kind: dict[str, list[Any]] = {}
    for instance in instances:
        by_kind.setdefault(instance.request_type, []).extend([instance] * (instance.repeats or 1))
    for kind, repeated in by_kind.items():
        for instance, response in zip(repeated, getattr(lm, kind)(repeated), strict=True):
            instance.resps.append(response)


def grade(loaded: LoadedTask, item: str, instances: Sequence[Any], logprob: float | None) -> ItemScore:
    """Turn the filtered responses to one item's requests into its score.

    Args:
        loaded: the task.
        item: the item's content hash.
        instances: answered requests of the item.
        logprob: log-likelihood of the reference where it was asked for separately.

    Raises:
        Infeasible: the model answered NaN, or its answer cannot be scored.
        TaskError: the task's scorer gives no number for the metric.
    """
    task, name = loaded.task, loaded.definition.name
    results = [instance.filtered_resps[loaded.pipeline.name] for instance in instances]
    for instance in instances:
        if instance.request_type == "loglikelihood":
            finite(instance.resps[0][0], name, item)
    try:
        produced = task.process_results(instances[0].doc, results)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise Infeasible(f"task {name!r} cannot score the answer to item {item}: {problem}") from error
    score = loaded.sign * finite(_number(loaded, produced), name, item)
    output: str | None = None
    if task.OUTPUT_TYPE == "generate_until":
        output = str(instances[0].resps[0])
    elif task.OUTPUT_TYPE == "loglikelihood":
        logprob = float(instances[0].resps[0][0])
    else:
        choices = task.doc_to_choice(instances[0].doc)
        lls = [float(instance.resps[0][0]) for instance in instances[: len(choices)]]
        logprob = lls[gold_choice(task, instances[0].doc) or 0]
        output = choices[_preferred(lls, choices, loaded.metric)]
    return ItemScore(name, item, score, logprob, output)


def grade_forced(planned: PlannedItem, responses: Sequence[tuple[float, bool]]) -> ItemScore:
    """Score an item from the log-likelihoods of its forced answers; any greedy one is an exact match."""
    name = planned.loaded.definition.name
    logprobs = [finite(logprob, name, planned.item) for logprob, _ in responses]
    matched = any(greedy for _, greedy in responses)
    return ItemScore(name, planned.item, float(matched), logprobs[0], None)


def finite(value: float, task: str, item: str) -> float:
    """Return the value as a float; raise ``Infeasible`` where it is NaN or infinite."""
    if not math.isfinite(value):
        raise Infeasible(f"the model's answer to item {item} of task {task!r} gave {value}")
    return float(value)


def gold_choice(task: Any, doc: Mapping[str, Any]) -> int | None:
    """Return the position of the right choice (the first of several), None where the item names none."""
    choices = task.doc_to_choice(doc)
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    if isinstance(gold, list):
        gold = gold[0] if gold else None
    if isinstance(gold, str):
        gold = choices.index(gold) if gold in choices else None
    return gold if isinstance(gold, int) and 0 <= gold < len(choices) else None


def rehearse(loaded: LoadedTask) -> None:
    """Render every item's texts and score one made-up answer, so that mistakes show before a model runs.

    Raises:
        TaskError: a template fails on an item, an item has no right choice, the scorer fails on a reference
            answer or gives no number for the metric, or teacher forcing is asked for where it cannot work.
    """
    task, definition = loaded.task, loaded.definition
    for item, doc in loaded.docs.items():
        place = loaded.places.get(item) or f"{where(definition, 'source')}: item {item}"
        try:
            task.doc_to_text(doc)
            task.doc_to_target(doc)
            right = gold_choice(task, doc) if task.OUTPUT_TYPE == "multiple_choice" else 0
        except Exception as error:
            raise TaskError(
                place,
                f"a template fails on {str(doc)[:80]}: {type(error).__name__}: {error}",
                f"correct the template or the item; the columns are {', '.join(doc)}",
            ) from error
        if right is None:
            raise TaskError(
                place,
                f"{str(doc)[:80]} names no right choice",
                "use data with labels; the answer must be the position or the text of one choice",
            )
    if definition.teacher_forced:
        check_teacher_forced(loaded)
    if (scorer := scorer_of(task)) is not None:
        _rehearse_own(loaded, scorer)
    else:
        _rehearse_scorer(loaded, next(iter(loaded.docs)))


def _rehearse_own(loaded: LoadedTask, scorer: Scorer) -> None:
    def problem_of(doc: Mapping[str, Any]) -> str | None:
        try:
            return scorer.rehearse(doc)
        except UndefinedError as error:
            return f"a template of the score fails: {error}"

    # Nobody here can mend an item of a public data set; one that is wrong is no reason to refuse the others.
    items = list(loaded.docs)[: None if loaded.places else _REHEARSED]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        problems = list(threads.map(lambda item: problem_of(loaded.docs[item]), items))
    if any(problems) and (loaded.places or all(problems)):
        item, problem = next((item, problem) for item, problem in zip(items, problems, strict=True) if problem)
        place = loaded.places.get(item) or f"{where(loaded.definition, 'source')}: item {item}"
        raise TaskError(place, problem, "correct the item or the task file")


def _rehearse_scorer(loaded: LoadedTask, item: str) -> None:
    task, doc = loaded.task, loaded.docs[item]
    origin = (loaded.definition.name, 0, task.config.repeats)
    # Where the contexts are what is chosen from, each makes a request of its own.
    context = [str(choice) for choice in task.doc_to_choice(doc)] if task.multiple_input else ""
    requests = task.construct_requests(doc=doc, ctx=context, metadata=origin)
    instances = list(requests) if isinstance(requests, list) else [requests]
    for number, instance in enumerate(instances):
        likelihood = instance.request_type == "loglikelihood"
        response = (-1.0 - number, False) if likelihood else reference_text(task, doc) or ""
        instance.resps = [response] * (instance.repeats or 1)
    try:
        loaded.pipeline.apply(instances)
        grade(loaded, item, instances, None)
    except TaskError:
        raise
    except Exception as error:
        raise TaskError(
            where(loaded.definition, "source"),
            f"the task's scorer fails on the reference answer of item {item}: {error}",
            "check the task's metric, filters and doc_to_target",
        ) from error


def _number(loaded: LoadedTask, produced: Mapping[str, Any]) -> float:
    value = produced.get(loaded.metric)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TaskError(
            where(loaded.definition, "metric"),
            f"the task gives {value!r} for {loaded.metric!r} on one item, which is not a number",
            f"use one of the metrics that it scores per item: {', '.join(produced)}",
        ) from None


def _preferred(lls: Sequence[float], choices: Sequence[str], metric: str) -> int:
    lengths = {
        "acc_norm": [len(choice) for choice in choices],
        "acc_bytes": [len(choice.encode()) for choice in choices],
    }
    weights = lengths.get(metric, [1] * len(choices))
    normalized = [ll / max(weight, 1) for ll, weight in zip(lls, weights, strict=True)]
    return normalized.index(max(normalized))
