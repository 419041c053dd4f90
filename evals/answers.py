"""The reference answer of an item: its text, where it starts, and what the model must emit to match it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evals.loading import LoadedTask, filter_steps, where
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError

if TYPE_CHECKING:
    from lm_eval.api.model import LM


@dataclass(frozen=True)
class Answer:
    """A continuation whose log-likelihood is asked for.

    Attributes:
        prompt: text before the answer, as the model sees it when it generates.
        text: text of the answer.
        prompt_ids: token ids of the prompt, exactly those that generation would start from; empty where
            the model class keeps its tokenizer to itself.
        answer_ids: token ids of the answer, an end token included where one must follow.
    """

    prompt: str
    text: str
    prompt_ids: tuple[int, ...] = ()
    answer_ids: tuple[int, ...] = ()


def reference_text(task: Any, doc: Mapping[str, Any]) -> str | None:
    """Return the reference answer of a generation task (the first of several), None where it has none."""
    if isinstance(task.config.doc_to_target, int):
        return None
    gold = task.doc_to_target(doc)
    if task.config.doc_to_choice is not None and isinstance(gold, int):
        gold = task.doc_to_choice(doc)[gold]
    if isinstance(gold, list):
        gold = gold[0] if gold else None
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        return None
    return str(gold) or None


def delimiter(task: Any, chat_template: bool) -> str:
    """Return what lm-eval puts between prompt and answer: nothing where a chat turn separates them."""
    config = task.config
    if not chat_template or (config.gen_prefix and not config.gen_prefix[-1].isspace()):
        return str(config.target_delimiter)
    return ""


def reference_answer(lm: LM, loaded: LoadedTask, doc: Mapping[str, Any], prompt: str) -> Answer | None:
    """Return the reference of a generation task as a continuation of its prompt."""
    text = reference_text(loaded.task, doc)
    if text is None:
        return None
    text = delimiter(loaded.task, loaded.definition.chat_template) + text
    return Answer(prompt, text, *_tokens(lm, prompt, text)) if _tokenizes(lm) else Answer(prompt, text)


def check_teacher_forced(loaded: LoadedTask) -> None:
    """Refuse tasks where one forward pass could not tell what greedy decoding would have scored.

    Raises:
        TaskError: the task generates nothing, samples, compares other than exactly, or has several answers.
    """
    definition, task = loaded.definition, loaded.task
    options = task.config.generation_kwargs or {}
    exact = loaded.metric == "exact_match" and task.config.process_results is None
    blank = delimiter(task, definition.chat_template)
    problems = {
        f"the task's output type is {task.OUTPUT_TYPE}": task.OUTPUT_TYPE != "generate_until",
        f"the metric is {loaded.metric}, not lm-eval's own exact_match": not exact,
        "the metric normalizes its texts": exact and any(task._metric_fn_kwargs["exact_match"].values()),
        "filters rewrite the answer": any(step != "take_first" for step in filter_steps(loaded)),
        "several references are accepted": bool(task.multiple_target),
        "answers are sampled": bool(options.get("do_sample") or float(options.get("temperature") or 0) > 0),
        "several answers are drawn": task.config.repeats > 1,
        f"target_delimiter {blank!r} stands before the answer, where exact_match fails on it": bool(blank),
    }
    _refuse([problem for problem, found in problems.items() if found], definition)
    missing = [item for item in loaded.splits["search"] if reference_text(task, loaded.docs[item]) is None]
    if missing:
        _refuse([f"item {missing[0]} has no reference text"], definition)


def forced_answers(lm: LM, loaded: LoadedTask, doc: Mapping[str, Any], prompt: str) -> tuple[Answer, ...]:
    """Return the continuations that greedy decoding can match exactly with: reference, then an end token.

    There is one for each token that ends an answer: the task's stop strings and the model's own end token.
    The first stop comes first. Without room for an end token the reference alone is the whole answer.

    Raises:
        TaskError: a stop string is not one special token, or the reference exceeds the token limit.
    """
    definition = loaded.definition
    if not _tokenizes(lm):
        _refuse([f"the engine class {type(lm).__name__} gives no access to its tokenizer"], definition)
    text = reference_text(loaded.task, doc) or ""
    prompt_ids, answer_ids = _tokens(lm, prompt, text)
    limit = _token_limit(lm, loaded.task)
    if len(answer_ids) > limit:
        raise TaskError(
            where(definition, "max_tokens"),
            f"the reference {text!r:.60} has {len(answer_ids)} tokens and the limit is {limit}",
            "raise max_tokens",
        )
    if len(answer_ids) == limit:
        return (Answer(prompt, text, prompt_ids, answer_ids),)
    return tuple(
        Answer(prompt, text + stop, prompt_ids, (*answer_ids, token)) for token, stop in _end_tokens(lm, loaded).items()
    )


def log_likelihoods(lm: LM, answers: Sequence[Answer]) -> list[tuple[float, bool]]:
    """Return (sum of log p in nats, all tokens greedy) of every answer given its prompt.

    Prompt and answer go to the engine as tokens: as text, lm-eval counts white space at the end of the
    prompt, which generation is given for free, as part of the answer.
    """
    from lm_eval.api.instance import Instance

    if not answers:
        return []
    if _tokenizes(lm):
        requests = [(None, list(answer.prompt_ids), list(answer.answer_ids)) for answer in answers]
        return list(lm._loglikelihood_tokens(requests, disable_tqdm=True))
    return list(
        lm.loglikelihood([Instance("loglikelihood", {}, (answer.prompt, answer.text), 0) for answer in answers])
    )


def _tokenizes(lm: LM) -> bool:
    from lm_eval.api.model import TemplateLM

    return isinstance(lm, TemplateLM)


def _tokens(lm: Any, prompt: str, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not prompt:
        return (lm.prefix_token_id,), tuple(lm.tok_encode(text, add_special_tokens=False))
    before = tuple(lm.tok_encode(prompt))
    whole = tuple(lm.tok_encode(prompt + text))
    if whole[: len(before)] == before:
        return before, whole[len(before) :]
    # The tokenizer would join the end of the prompt with the answer, but generation starts after the prompt.
    return before, tuple(lm.tok_encode(text, add_special_tokens=False))


def _token_limit(lm: Any, task: Any) -> int:
    from lm_eval.models.utils import normalize_gen_kwargs

    return int(normalize_gen_kwargs(task.config.generation_kwargs, lm.max_gen_toks)["max_gen_toks"])


def _end_tokens(lm: Any, loaded: LoadedTask) -> dict[int, str]:
    until = loaded.task.config.generation_kwargs.get("until") or []
    special = {lm.eot_token_id, *getattr(lm.tokenizer, "all_special_ids", ())}
    ends: dict[int, str] = {}
    for stop in [until] if isinstance(until, str) else until:
        ids = lm.tok_encode(stop, add_special_tokens=False)
        if len(ids) != 1 or ids[0] not in special:
            _refuse([f"the stop string {stop!r} is not one special token of the model"], loaded.definition)
        ends[ids[0]] = stop
    ends.setdefault(lm.eot_token_id, "")
    return ends


def _refuse(problems: Sequence[str], definition: TaskDefinition) -> None:
    if problems:
        raise TaskError(
            where(definition, "teacher_forced"),
            f"one forward pass cannot replace generation here: {'; '.join(problems)}",
            "set teacher_forced: false, or make it a greedy exact_match task without normalization whose "
            "generation_kwargs.until is the model's end-of-turn token and whose target_delimiter is ''",
        )
