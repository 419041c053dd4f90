"""How much a task reads and writes, counted with the model's tokenizer before a model runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from evals.answers import reference_text
from evals.loading import LoadedTask
from evals.scoring import build_instances

# The limit of lm-eval's own backends where a task sets none.
_DEFAULT_LIMIT = 256


@dataclass(frozen=True)
class Volume:
    """Tokens of one candidate on one split, or of a part of it.

    Attributes:
        items: scored items.
        read: tokens of prompts and of answers whose likelihood is asked for, shared beginnings counted each time.
        written: generated tokens at most.
        longest: tokens of the longest text that is read.
    """

    items: int
    read: int
    written: int
    longest: int

    def __add__(self, other: Volume) -> Volume:
        """Return the volume of both."""
        longest = max(self.longest, other.longest)
        return Volume(self.items + other.items, self.read + other.read, self.written + other.written, longest)


def volume(loaded: LoadedTask, split: str, tokenizer: Any) -> Volume:
    """Count a task's tokens on a split.

    Args:
        loaded: the task.
        split: name of the split.
        tokenizer: the base's transformers tokenizer.
    """
    chat = SimpleNamespace(apply_chat_template=partial(_render, tokenizer))
    texts: list[str] = []
    generated = 0
    generates, forced = loaded.task.OUTPUT_TYPE == "generate_until", loaded.definition.teacher_forced
    for number, item in enumerate(loaded.splits[split]):
        instances = build_instances(chat, loaded, item, number)
        prompts = [instance.args[0] for instance in instances]
        if not generates:
            texts += ["".join(instance.args) for instance in instances]
            continue
        if split == "search":
            texts.append(prompts[0] + (reference_text(loaded.task, loaded.docs[item]) or ""))
        if split != "search" or not forced:
            texts += prompts * loaded.task.config.repeats
            generated += loaded.task.config.repeats
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]] if texts else []
    limit = _limit(loaded.task) if generates else 0
    return Volume(len(loaded.splits[split]), sum(lengths), generated * limit, max(lengths, default=0) + limit)


def _render(tokenizer: Any, history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
    return str(
        tokenizer.apply_chat_template(
            history,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )
    )


def _limit(task: Any) -> int:
    from lm_eval.models.utils import normalize_gen_kwargs

    return int(normalize_gen_kwargs(task.config.generation_kwargs, _DEFAULT_LIMIT)["max_gen_toks"])
