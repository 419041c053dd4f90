"""When a generation is decided: the score of an answer that is still being written is certain already.

An exact match asks for the whole text. Once what is written is not the beginning of any reference, no continuation
can match, and an engine may stop there: the score is 0 either way. Nothing else is decided early. A filter that
searches the text, a metric that ignores case or punctuation, a metric of overlap may all still change their mind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evals.loading import LoadedTask, filter_steps

# Filters under which the beginning of the answer stays the beginning of what is compared: they take the first answer,
# or cut white space at both ends, which the references are compared without as well.
_TAKE, _STRIP = "take_first", "remove_whitespace"

Decided = Callable[[str], bool]


@dataclass(frozen=True)
class NoMatch:
    """Tells from the beginning of an answer that it cannot match exactly whatever follows.

    Args:
        references: every text that the scorer accepts.
        strip: whether white space around the answer is cut before it is compared.
    """

    references: tuple[str, ...]
    strip: bool = False

    def __call__(self, begun: str) -> bool:
        """Return whether no text that begins with ``begun`` scores other than 0."""
        # Trailing white space may still be cut; numpy, which compares the texts, ignores NUL at their end.
        begun = (begun.strip() if self.strip else begun).rstrip("\0")
        return not any(reference.startswith(begun) for reference in self.references)


def decided_by(loaded: LoadedTask, doc: Mapping[str, Any]) -> Decided | None:
    """Return the test for an answer to one item being decided; None where that cannot be proven before its end."""
    task = loaded.task
    steps = filter_steps(loaded)
    if not (_compares_exactly(loaded) and _is_greedy(task) and {*steps} <= {_TAKE, _STRIP}):
        return None
    references = _references(task, doc)
    # U+FFFD stands for bytes that are no text yet, so texts that hold it are the only ones that may change again.
    if references is None or any("\ufffd" in reference for reference in references):
        return None
    return NoMatch(references, _STRIP in steps)


def _compares_exactly(loaded: LoadedTask) -> bool:
    task = loaded.task
    if task.OUTPUT_TYPE != "generate_until" or loaded.metric != "exact_match" or task.config.process_results:
        return False
    # Another function of the same name may compare in any way.
    own = getattr(task._metric_fn_list["exact_match"], "__module__", "") == "lm_eval.api.metrics"
    return own and not any(task._metric_fn_kwargs["exact_match"].values())


def _is_greedy(task: Any) -> bool:
    options = task.config.generation_kwargs or {}
    sampled = options.get("do_sample") or float(options.get("temperature") or 0) > 0
    return not sampled and task.config.repeats == 1


def _references(task: Any, doc: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the texts that lm-eval compares an answer with; None where they are anything else than texts and numbers.

    What a target means follows ``lm_eval.api.task.ConfigurableTask.process_results``.
    """
    gold = task.doc_to_target(doc)
    if task.config.doc_to_choice is not None:
        if not isinstance(gold, int):
            return None
        gold = task.doc_to_choice(doc)[gold]
    accepted = list(gold) if task.multiple_target and isinstance(gold, list | str) else [gold]
    if not all(isinstance(one, str | int | float) for one in accepted):
        return None
    # A text where others have a list is taken for a list of letters; it is no mistake to wait for the whole text too.
    return tuple(str(one) for one in [*accepted, *([gold] if isinstance(gold, str) else [])])
