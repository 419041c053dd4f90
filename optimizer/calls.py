"""Calling a black box: a Python function or an HTTP endpoint, several calls at a time, each with a time limit."""

from __future__ import annotations

import importlib
import json
import math
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from evals.tasks import ItemRef, ItemScore
from evomerge.errors import EngineError, EvomergeError, Infeasible, InvalidInput, SpecError
from experiments.states import Split
from optimizer.jobs import IN_PLACE, Choice, Job, Outcome
from workers.config import ScoreResult

# Coefficients by name and items -> one score per item, by item or in their order; one number where there is one item.
Answer = Mapping[str, float] | Sequence[float] | float
Evaluator = Callable[[Mapping[str, float], list[str]], Answer]
_FIRST_PAUSE_S = 0.5


class CallPool:
    """See ``optimizer.jobs.Pool``: every job is one call in a thread of its own.

    Args:
        evaluate: the black box; ``Infeasible`` says that it cannot score these coefficients.
        items: of every split.
        workers: calls at the same time.
        timeout_s: of one call with its repetitions apart.
        retries: how often a call that fails in another way is repeated.
    """

    def __init__(
        self,
        evaluate: Evaluator,
        items: Mapping[Split, tuple[ItemRef, ...]],
        workers: int,
        *,
        timeout_s: float,
        retries: int,
    ) -> None:
        self._evaluate = evaluate
        self._items = items
        self._workers = workers
        self._timeout_s = timeout_s
        self._retries = retries
        self._handed: list[tuple[int, Job]] = []
        self._running: dict[int, tuple[Job, float]] = {}
        self._ended: queue.Queue[tuple[int, Outcome | BaseException]] = queue.Queue()
        self._count = 0

    @property
    def descriptions(self) -> list[dict[str, Any]]:
        """See ``Pool``."""
        return []

    @property
    def choice(self) -> Choice:
        """See ``Pool``."""
        return IN_PLACE

    def follow(self, choice: Choice) -> None:
        """See ``Pool``: there is nothing to choose."""

    def resize(self, count: int) -> None:
        """See ``Pool``."""
        self._workers = count

    @property
    def num_running(self) -> int:
        """See ``Pool``."""
        return len(self._running) + len(self._handed)

    @property
    def next_worker(self) -> str | None:
        """See ``Pool``."""
        return f"call-{self._count}" if self.num_running < self._workers else None

    @property
    def provenance(self) -> None:
        """See ``Pool``."""
        return None

    def submit(self, job: Job) -> None:
        """See ``Pool``."""
        self._handed.append((self._count, job))
        self._count += 1

    def begin(self) -> None:
        """See ``Pool``."""
        for key, job in self._handed:
            self._running[key] = (job, time.monotonic())
            # Daemons: a function that never returns must not keep the process from ending.
            threading.Thread(target=self._work, args=(key, job), daemon=True).start()
        self._handed = []

    def wait(self, timeout_s: float) -> Outcome | None:
        """See ``Pool``.

        Raises:
            EngineError: the black box failed after all retries, or took longer than its time limit.
            InvalidInput: it answered with something that is no score per item.
        """
        try:
            key, ended = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            self._check_time()
            return None
        self._running.pop(key)
        if isinstance(ended, BaseException):
            raise ended
        return ended

    def close(self) -> None:
        """See ``Pool``; calls that are running are no longer waited for."""
        self._running, self._handed = {}, []

    def _check_time(self) -> None:
        oldest = min((since for _, since in self._running.values()), default=None)
        allowed = self._timeout_s * (self._retries + 1) + _FIRST_PAUSE_S * 2**self._retries
        if oldest is not None and time.monotonic() - oldest > allowed:
            raise EngineError(
                f"the black box has not answered for {allowed:.0f} s, retries included; raise blackbox.timeout_s or "
                "mend it"
            )

    def _work(self, key: int, job: Job) -> None:
        refs = self._items[job.work.split]
        chosen = refs if job.positions is None else tuple(refs[position] for position in job.positions)
        start = time.perf_counter()
        try:
            scores = self._call(job.subject.to_dict()["blackbox"], chosen)
            result = ScoreResult(scores, {"score": time.perf_counter() - start}, 0, 0, f"call-{key}")
            self._ended.put((key, Outcome(job, "done", result=result)))
        except Infeasible as error:
            self._ended.put((key, Outcome(job, "infeasible", reason=str(error))))
        except BaseException as error:  # raised in the driver's thread
            self._ended.put((key, error))

    def _call(self, values: Mapping[str, float], refs: Sequence[ItemRef]) -> tuple[ItemScore, ...]:
        for attempt in range(self._retries + 1):
            try:
                answer = self._evaluate(values, [ref.item for ref in refs])
                break
            except EvomergeError:
                raise
            except Exception as error:
                if attempt == self._retries:
                    problem = f"{type(error).__name__}: {error}"
                    raise EngineError(f"the black box failed {attempt + 1} times, at last with {problem}") from error
                time.sleep(_FIRST_PAUSE_S * 2**attempt)
        return tuple(
            ItemScore(ref.task, ref.item, score, None, None)
            for ref, score in zip(refs, read_scores(answer, refs), strict=True)
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An endpoint that was checked must not send the request to one that was not."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True)
class Endpoint:
    """An HTTP endpoint that is posted ``{"coefficients": {...}, "items": [...]}``.

    It answers ``{"scores": [...]}`` in the order of the items, ``{"scores": {item: score}}``, ``{"score": x}`` where
    there is one item, or ``{"infeasible": reason}``.
    """

    url: str
    timeout_s: float

    def __call__(self, values: Mapping[str, float], items: list[str]) -> Answer:
        """Ask once.

        Raises:
            Infeasible: the endpoint says so.
            InvalidInput: it refuses the request (4xx) or sends it elsewhere (3xx), or its answer is not understood.
            OSError: it cannot be reached, or fails (5xx); worth another try.
        """
        body = json.dumps({"coefficients": dict(values), "items": items}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with _OPENER.open(request, timeout=self.timeout_s) as response:
                answer = json.loads(response.read())
        except urllib.error.HTTPError as error:
            if error.code in (408, 429) or error.code >= 500:
                raise
            detail = error.read(500).decode(errors="replace")
            fix = "check that it takes POST requests with coefficients and items"
            raise InvalidInput("blackbox.url", f"{self.url} answers {error.code}: {detail}", fix) from error
        except ValueError as error:
            raise _not_understood(f"{self.url} answers what is not JSON: {error}") from error
        if not isinstance(answer, dict):
            raise _not_understood(f"{self.url} answers {answer!r:.80}")
        if "infeasible" in answer:
            raise Infeasible(str(answer["infeasible"]))
        if "scores" not in answer and "score" not in answer:
            raise _not_understood(f"{self.url} answers an object with the keys {sorted(answer)}")
        return cast(Answer, answer["scores"] if "scores" in answer else answer["score"])


def import_function(name: str, source_dir: Path) -> Evaluator:
    """Import ``module:function``; modules in ``source_dir`` are found first.

    Raises:
        SpecError: there is no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    sys.path.insert(0, str(source_dir))
    try:
        found = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise SpecError(
            "blackbox.callable", f"'{name}' cannot be imported: {error}", "put the module beside the spec file"
        ) from error
    finally:
        sys.path.remove(str(source_dir))
    if not callable(found):
        raise SpecError("blackbox.callable", f"'{name}' is a {type(found).__name__}", "name a function")
    return cast(Evaluator, found)


def read_scores(answer: Any, refs: Sequence[ItemRef]) -> list[float]:
    """Return one score per item, in their order.

    Raises:
        InvalidInput: the answer is no score per item.
        Infeasible: a score is not finite.
    """
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        answer = [answer]
    if isinstance(answer, Mapping):
        missing = [ref.item for ref in refs if ref.item not in answer]
        if missing:
            raise _not_understood(f"the answer has no score for item '{missing[0]}'")
        answer = [answer[ref.item] for ref in refs]
    try:
        scores = [float(score) for score in answer]
    except (TypeError, ValueError):
        raise _not_understood(f"the answer {answer!r:.80} is no list of numbers") from None
    if len(scores) != len(refs):
        raise _not_understood(f"the answer has {len(scores)} scores for {len(refs)} items")
    if not all(map(math.isfinite, scores)):
        raise Infeasible("a score of the black box is not finite")
    return scores


def _not_understood(problem: str) -> InvalidInput:
    return InvalidInput("blackbox", problem, "answer with one number per item, in their order or by item")
