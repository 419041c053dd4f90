"""What a calibration task is and what scoring one item of it yields: plain data, nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SPLITS: Final = ("search", "selection", "test")


@dataclass(frozen=True)
class TaskDefinition:
    """One calibration task of an experiment.

    Attributes:
        name: unique within the experiment.
        source: name of an lm-eval task, ``suite/task`` of the catalog, or absolute path of a local task file (YAML).
        metric: lm-eval metric key that the task produces per item, such as ``exact_match`` or ``acc``; None where the
            task has only one.
        weight: share of the task in the fitness; only ratios between tasks matter.
        num_fewshot: worked examples in the prompt; None keeps the task's own number.
        chat_template: wrap prompts in the model's chat template, examples as separate turns.
        max_tokens: limit of generated tokens; None keeps the task's own limit.
        teacher_forced: judge the search split of an exact-match generation task by one forward pass over
            prompt and reference instead of generating; the other splits always generate.
        search: items that the search may see; 0, with 0 of selection, makes a task for the report alone.
        selection: items that choose among the finalists.
        test: items that are scored once, for the report; None takes all that are not searched on.
        seed: keys which items go to which split.
        search_from: data split of the search and selection items; None takes them from the split of the test items,
            or from where a short task file says.
        chosen: the search items, of those that are in no other split; None draws them at random.
    """

    name: str
    source: str
    metric: str | None = None
    weight: float = 1.0
    num_fewshot: int | None = None
    chat_template: bool = False
    max_tokens: int | None = None
    teacher_forced: bool = False
    search: int = 64
    selection: int = 64
    test: int | None = 200
    seed: int = 0
    search_from: str | None = None
    chosen: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ItemRef:
    """Address of one item: its task and the 16 hex digits of its content hash."""

    task: str
    item: str


@dataclass(frozen=True)
class ItemScore:
    """How one candidate did on one item.

    Attributes:
        task: name of the task definition.
        item: 16 hex digits of the item's content hash.
        score: the task's metric on this item, negated where smaller is better.
        reference_logprob: sum of log p over the tokens of the reference answer in nats, given the prompt;
            None where it is not defined or was not asked for.
        output: generated text or chosen option; None where nothing was generated or chosen. The text ends where
            the engine saw that no continuation could change the score.
    """

    task: str
    item: str
    score: float
    reference_logprob: float | None
    output: str | None
