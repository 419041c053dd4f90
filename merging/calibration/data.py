"""Calibration examples: read from JSONL, chosen by a keyed shuffle, tokenized into batches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from evomerge.errors import RecipeError

FIELD = "recipe.options.calibration"
IGNORED = -100
"""Label of a position that is not predicted, as torch's and transformers' losses have it."""
_KEYS = ("prompt", "text", "completion", "expert")


@dataclass(frozen=True)
class Example:
    """One calibration example.

    Args:
        prompt: what the model is given; a plain text where there is no completion.
        completion: the reference answer, continuing the prompt without a separator.
        expert: whose skill it shows; None serves every expert.
    """

    prompt: str
    completion: str | None = None
    expert: str | None = None


@dataclass(frozen=True)
class Batch:
    """Token sequences padded on the right; three int64 tensors of shape (sequences, tokens).

    Args:
        input_ids: tokens.
        attention_mask: 1 on tokens, 0 on padding.
        labels: the tokens of the completion, or of the whole text where there is none; -100 elsewhere. The
            label at position t is predicted from positions before t, so the first one is never scored.
    """

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(self.input_ids.to(device), self.attention_mask.to(device), self.labels.to(device))


def load_examples(
    path: str | Path, *, experts: Sequence[str], limit: int, seed: int, labelled: bool = False
) -> dict[str, tuple[Example, ...]]:
    """Read examples from JSONL with the keys ``prompt`` or ``text``, and optionally ``completion``, ``expert``.

    Lines of other experts are left out. Which examples are taken depends on the seed and their own text
    only, so neither the order of the lines nor other experts' lines change the choice.

    Args:
        path: the file, UTF-8.
        experts: who needs examples.
        limit: at most so many for each expert.
        seed: keys the choice.
        labelled: every example used must have a completion.

    Returns:
        At least one example for every expert, in the order of the shuffle.

    Raises:
        RecipeError: the file cannot be read, a line is no example (named as file:line), or an expert has none.
    """
    path = Path(path)
    found: dict[str, list[Example]] = {expert: [] for expert in experts}
    others: set[str] = set()
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        example = _parse(f"{path}:{number}", line)
        if example.expert is not None and example.expert not in found:
            others.add(example.expert)
            continue
        if labelled and example.completion is None:
            raise RecipeError(FIELD, f"{path}:{number} has no completion", "add the reference answer as 'completion'")
        for expert in experts if example.expert is None else (example.expert,):
            found[expert].append(example)
    for expert, examples in found.items():
        if not examples:
            names = f"only for {', '.join(sorted(others))}" if others else "none at all"
            raise RecipeError(
                FIELD,
                f"{path} has no example for the expert {expert!r} ({names})",
                f"add lines with \"expert\": {json.dumps(expert)}, or lines without 'expert', which serve everyone",
            )
    return {expert: tuple(sorted(set(e), key=lambda one: _rank(one, seed))[:limit]) for expert, e in found.items()}


def batches(
    examples: Sequence[Example], tokenizer: Any, *, size: int, max_tokens: int, chat: bool = False
) -> list[Batch]:
    """Tokenize examples and group them by length, longest first, so that little is padded.

    A longer sequence than ``max_tokens`` loses the end of its completion or plain text, then the beginning
    of its prompt; one token of the prompt always stays.

    Args:
        examples: what to tokenize; their order matters only between equal lengths.
        tokenizer: of transformers.
        size: sequences in a batch.
        max_tokens: tokens of a sequence, at least 2.
        chat: put each prompt into the model's chat template as the user's turn, the completion as the reply.

    Raises:
        RecipeError: ``chat`` is asked for and the tokenizer has no chat template.
    """
    if chat and not getattr(tokenizer, "chat_template", None):
        raise RecipeError(
            "recipe.options.chat_template", "the base model's tokenizer has no chat template", "set it to false"
        )
    encoded = [_encode(example, tokenizer, max_tokens, chat) for example in examples]
    encoded.sort(key=lambda pair: -len(pair[0]))
    return [batch_of(encoded[first : first + size]) for first in range(0, len(encoded), size)]


def batch_of(encoded: Sequence[tuple[list[int], int]]) -> Batch:
    """Pad token sequences, each given with how many of its first tokens are not predicted."""
    length = max(len(ids) for ids, _ in encoded)

    def padded(rows: Sequence[list[int]], fill: int) -> Tensor:
        return torch.stack(
            [pad(torch.tensor(row, dtype=torch.int64), (0, length - len(row)), value=fill) for row in rows]
        )

    return Batch(
        padded([ids for ids, _ in encoded], 0),
        padded([[1] * len(ids) for ids, _ in encoded], 0),
        padded([[IGNORED] * start + ids[start:] for ids, start in encoded], IGNORED),
    )


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise RecipeError(FIELD, f"{path} is no file", "give a JSONL file with one example in each line")
    try:
        # Not splitlines(): JSON strings may hold other line separators of Unicode.
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(FIELD, f"{path} cannot be read ({error})", "give a readable UTF-8 JSONL file") from error


def _parse(where: str, line: str) -> Example:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise RecipeError(
            FIELD, f"{where} is not valid JSON ({error})", "write one JSON object in each line"
        ) from error
    if not isinstance(data, dict):
        raise RecipeError(FIELD, f"{where} holds no JSON object", 'write {"prompt": ..., "completion": ...}')
    given = {key: data[key] for key in _KEYS if data.get(key) is not None}
    for key, value in given.items():
        if not isinstance(value, str) or not value:
            raise RecipeError(FIELD, f"{where} has {key} {value!r}", "write a non-empty string")
    if ("prompt" in given) == ("text" in given):
        problem = "has both 'prompt' and 'text'" if "prompt" in given else f"has neither 'prompt' nor 'text': {line}"
        raise RecipeError(FIELD, f"{where} {problem[:200]}", "give one of the two")
    return Example(given.get("prompt") or given["text"], given.get("completion"), given.get("expert"))


def _rank(example: Example, seed: int) -> str:
    text = json.dumps([seed, example.prompt, example.completion])
    return hashlib.sha256(text.encode()).hexdigest()


def _encode(example: Example, tokenizer: Any, max_tokens: int, chat: bool) -> tuple[list[int], int]:
    """Return the tokens of an example and how many of them are the prompt."""
    prompt, whole = example.prompt, example.prompt + (example.completion or "")
    if chat:
        turns = [{"role": "user", "content": example.prompt}]
        prompt = whole = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        if example.completion is not None:
            turns.append({"role": "assistant", "content": example.completion})
            whole = tokenizer.apply_chat_template(turns, tokenize=False)
    # A chat template writes the special tokens itself.
    ids = list(tokenizer(whole, add_special_tokens=not chat)["input_ids"])
    if example.completion is None:
        return ids[:max_tokens], 0
    alone = list(tokenizer(prompt, add_special_tokens=not chat)["input_ids"])
    # Where a token spans the seam, it belongs to the completion.
    start = next((i for i, (a, b) in enumerate(zip(alone, ids, strict=False)) if a != b), min(len(alone), len(ids)))
    answer = ids[start:][: max_tokens - 1]
    context = ids[:start][-(max_tokens - len(answer)) :]
    return context + answer, len(context)
