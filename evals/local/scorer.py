"""What lm-eval does not score by itself: the interface of our own scorers, and how lm-eval runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Doc = Mapping[str, Any]
_watching: list[Callable[[], None]] = []


class Scorer(Protocol):
    """Scores the answers of a task, all items of a split at once."""

    @property
    def metric(self) -> str:
        """Name of the score."""
        ...

    @property
    def judged_by(self) -> str | None:
        """The model that decides, and where it is asked; None where rules decide."""
        ...

    def score(self, answers: Sequence[Sequence[str]], docs: Sequence[Doc]) -> list[float]:
        """Return the score of each item from its answers, one or several; larger is better.

        Raises:
            Infeasible: the model's answers cannot be scored.
            EngineError: what scores them does not work.
        """
        ...

    def rehearse(self, doc: Doc) -> str | None:
        """Return what is wrong with an item, None where it can be scored; needs no model and no network."""
        ...


def text_of(template: str, doc: Doc) -> str:
    """Return a column of an item as text, or the text of a template."""
    from lm_eval.utils import apply_template

    return str(doc[template]) if template in doc else str(apply_template(template, doc))


def scored_by(scorer: Scorer) -> dict[str, Any]:
    """Return the keys of an lm-eval task whose answers a scorer scores.

    lm-eval hands the answers of all items to its filters in one call, so the scorer is a filter, and the metric only
    passes on what it found.
    """

    def process_results(doc: Doc, results: Sequence[float]) -> dict[str, float]:
        return {scorer.metric: results[0]}

    steps = [{"function": _Filter(scorer)}, {"function": "take_first"}]
    return {
        "filter_list": [{"name": "scorer", "filter": steps}],
        "metric_list": [{"metric": scorer.metric, "aggregation": "mean", "higher_is_better": True}],
        "process_results": process_results,
    }


@dataclass(frozen=True)
class _Filter:
    """An lm-eval filter; lm-eval calls its class to make one, which is this object already."""

    scorer: Scorer

    def __call__(self) -> _Filter:
        return self

    def apply(self, resps: Iterable[Sequence[str]], docs: Sequence[Doc]) -> list[list[float]]:
        return [[score] for score in self.scorer.score(list(resps), docs)]


def watch(call: Callable[[], None]) -> None:
    """Have a function called, from any thread, whenever a scorer is done with an answer: some take minutes in all."""
    _watching.append(call)


def moved_on() -> None:
    """Tell whoever watches that one more answer is scored."""
    for call in _watching:
        call()


def scorer_of(task: Any) -> Scorer | None:
    """Return the scorer of a task, None where lm-eval scores it."""
    for entry in task.config.filter_list or []:
        for step in entry["filter"]:
            if isinstance(step["function"], _Filter):
                return step["function"].scorer
    return None
