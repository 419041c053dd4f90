"""Answers that another model grades, through any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from evals.local.scorer import Doc, moved_on, text_of
from evomerge.errors import EngineError, Infeasible

if TYPE_CHECKING:
    import httpx2

KEYS: Final = "EVOMERGE_JUDGE_KEYS"
"""Environment variable with API keys by host: ``api.example.com=KEY judge.local:8000=OTHER``."""
_ATTEMPTS, _VERDICTS, _FIRST_PAUSE_S, _LONGEST_PAUSE_S = 6, 3, 0.5, 30.0
_SCORE = re.compile(r"Score:\s*(-?\d+(?:\.\d+)?)")
_CALLS = 8


@dataclass(frozen=True)
class Judge:
    """A judge's mark of an answer, from 0 for the lowest to 1 for the highest.

    Verdicts are kept on disk by endpoint, model and text, so that no answer is paid for twice.

    Args:
        url: of the endpoint, up to and without ``/chat/completions``.
        model: name of the judge there.
        rubric: template of what it is asked; ``output`` is the answer, beside the item's columns.
        low, high: ends of the scale.
        max_tokens: of its answer.
        timeout_s: of one request.
    """

    url: str
    model: str
    rubric: str
    low: float
    high: float
    max_tokens: int
    timeout_s: float
    metric: str = "judge"

    @property
    def judged_by(self) -> str:
        """See ``Scorer``."""
        return f"{self.model} at {self.url}"

    def score(self, answers: Sequence[Sequence[str]], docs: Sequence[Doc]) -> list[float]:
        """See ``Scorer``."""
        import httpx2

        questions = [self._question(texts[0], doc) for texts, doc in zip(answers, docs, strict=True)]
        key = _key(self.url)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with (
            httpx2.Client(timeout=self.timeout_s, headers=headers, trust_env=False) as client,
            ThreadPoolExecutor(_CALLS) as threads,
        ):
            marks = list(threads.map(lambda question: self._mark(client, question), questions))
        return [(mark - self.low) / (self.high - self.low) for mark in marks]

    def rehearse(self, doc: Doc) -> str | None:
        """See ``Scorer``: the judge itself is not asked."""
        self._question("", doc)
        return None

    def _question(self, output: str, doc: Doc) -> str:
        rubric = text_of(self.rubric, {**doc, "output": output})
        return f"{rubric}\n\nEnd with a line 'Score: N', where N is a number from {self.low:g} to {self.high:g}."

    def _mark(self, client: httpx2.Client, question: str) -> float:
        moved_on()
        place = _cache() / f"{hashlib.sha256(json.dumps([self.url, self.model, question]).encode()).hexdigest()}.json"
        if place.exists():
            return float(json.loads(place.read_text())["mark"])
        for attempt in range(_VERDICTS):
            reply = self._ask(client, question, attempt)
            if (mark := self._read(reply)) is not None:
                _write(place, {"model": self.model, "mark": mark, "reply": reply})
                return mark
        raise Infeasible(f"the judge {self.model!r} gave no score of {_VERDICTS} times; at last it said {reply!r:.200}")

    def _read(self, reply: str) -> float | None:
        """Return the mark of the last line, None where it is no mark of the scale."""
        lines = reply.strip().splitlines()
        found = _SCORE.fullmatch(lines[-1].strip().strip("*")) if lines else None
        mark = float(found[1]) if found else None
        return mark if mark is not None and self.low <= mark <= self.high else None

    def _ask(self, client: httpx2.Client, question: str, attempt: int) -> str:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": self.max_tokens,
            # A judge that does not keep to the form would say the same again at 0.
            "temperature": 0.0 if attempt == 0 else 0.7,
        }
        answer = self._post(client, body)
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError) as error:
            raise EngineError(
                f"the judge at {self.url} answered {answer!r:.200}, which is no chat completion"
            ) from error

    def _post(self, client: httpx2.Client, body: dict[str, Any]) -> Any:
        import httpx2

        problem = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(min(_FIRST_PAUSE_S * 2 ** (attempt - 1), _LONGEST_PAUSE_S))
            try:
                response = client.post(f"{self.url.rstrip('/')}/chat/completions", json=body)
            except httpx2.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
                continue
            if response.is_success:
                try:
                    return response.json()
                except ValueError:
                    problem = f"no JSON: {response.text!r:.200}"
                    continue
            problem = f"status {response.status_code}: {response.text!r:.200}"
            if response.status_code < 500 and response.status_code not in (408, 409, 429):
                break
        raise EngineError(f"the judge at {self.url} cannot be asked: {problem}; keys are read from {KEYS}")


def _key(url: str) -> str | None:
    """Return the key of the endpoint's own host, so that no other host is ever sent it."""
    parts = urlsplit(url)
    keys = dict(one.split("=", 1) for one in os.environ.get(KEYS, "").split() if "=" in one)
    return keys.get(parts.netloc) or keys.get(parts.hostname or "")


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "evomerge" / "judge"


def _write(place: Path, verdict: dict[str, Any]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False) as file:
        json.dump(verdict, file)
    Path(file.name).replace(place)
