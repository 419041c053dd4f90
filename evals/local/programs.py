"""Answers that are Python programs: how often they pass the item's tests (pass@k)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from evals.local.sandbox import Limits, passes
from evals.local.scorer import Doc, moved_on, text_of
from evomerge.errors import TaskError

ALLOWED: Final = "EVOMERGE_ALLOW_CODE_TASKS"
"""Environment variable with which the owner of a machine allows that programs of models run there."""
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Programs:
    """The share of draws of k answers in which one passes (pass@k, arXiv:2107.03374, equation 1).

    Args:
        program: template of what is run; ``code`` is the model's program, beside the item's columns.
        reference: column or template of a program that passes; None where the items have none.
        k: answers of a draw.
        limits: of one program.
    """

    program: str
    reference: str | None
    k: int
    limits: Limits
    judged_by: str | None = None

    @property
    def metric(self) -> str:
        """See ``Scorer``."""
        return f"pass@{self.k}"

    def score(self, answers: Sequence[Sequence[str]], docs: Sequence[Doc]) -> list[float]:
        """See ``Scorer``."""
        runs = [(text, doc) for texts, doc in zip(answers, docs, strict=True) for text in texts]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            results = threads.map(lambda run: self._passes(code_in(run[0]), run[1]), runs)
            counts = [[next(results) for _ in texts] for texts in answers]
        return [pass_at_k(len(passed), sum(passed), self.k) for passed in counts]

    def rehearse(self, doc: Doc) -> str | None:
        """See ``Scorer``: the item's own program must pass."""
        if self.reference is None:
            text_of(self.program, {**doc, "code": ""})
            return None
        works = self._passes(text_of(self.reference, doc), doc)
        return None if works else "the reference program fails the item's tests"

    def _passes(self, code: str, doc: Doc) -> bool:
        passed = passes(text_of(self.program, {**doc, "code": code}), self.limits)
        moved_on()
        return passed


def code_in(answer: str) -> str:
    """Return the first fenced block of an answer, or all of it where it has none."""
    found = _FENCED.search(answer)
    return found[1] if found else answer


def pass_at_k(n: int, passed: int, k: int) -> float:
    """Return 1 - C(n - passed, k) / C(n, k), the unbiased estimate of pass@k from n answers."""
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)


def require_allowed(field: str) -> None:
    """Refuse to run programs of models where the machine's owner does not allow it.

    Raises:
        TaskError: naming ``field``.
    """
    if os.environ.get(ALLOWED) != "1":
        raise TaskError(
            field,
            "it runs programs that the model writes, which is off on this machine",
            f"read docs/tasks.md on what confines them, then set {ALLOWED}=1 where the workers run",
        )
