"""A population of candidates in one run of the engine: which experts allow it, and how their scorings share the engine.

Every candidate is scored by the same code as alone, which asks the engine for answers a few times and thinks in
between. Here all of them ask together: each scoring is stopped where it asks, what all of them ask goes to the engine
as one batch, every request under its candidate's adapter, and then they go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic

from evomerge.errors import Infeasible, ModelError
from merging.lora.experts import ExpertFactors, matrices
from merging.models import ModelSet
from merging.multiples import multiples
from merging.names import is_vocabulary
from merging.validation import validate_recipe
from workers.engines.base import Answered, Result, TokenCount
from workers.population import LARGEST_RANK, Population

if TYPE_CHECKING:
    from merging.recipe import Recipe
    from workers.config import WorkerConfig
    from workers.engines.vllm_requests import Request

_FIX = "merge in place: workers.population: off"
_NUMBERS = count(1)

_Multiples = dict[str, dict[str, float]]
Ask = Callable[[Sequence["Request"]], list[Any]]


def plan_population(models: ModelSet, width: int, *, measured: bool = False) -> Population:
    """Return what an engine needs to answer as ``width`` candidates of linear merges of these models at once.

    ``measured`` is that of the result.

    Raises:
        ModelError: a merge of these experts is no adapter on linear layers, with the reason.
    """
    _check_shape(models, _FIX)
    ranks: dict[str, int] = {}
    for expert in models.experts:
        label = f"model {expert.name}"
        if not models.is_adapter(expert.name):
            raise ModelError(label, "it is no LoRA adapter, so neither is a merge of it", _FIX)
        adapter = models.adapter(expert.name)
        if whole := sorted(adapter.replaced()):
            raise ModelError(label, f"it replaces {whole[0]} as a whole", _FIX)
        for name in adapter.touched():
            if is_vocabulary(name):
                raise ModelError(label, f"it changes {name}; engines take adapters of linear layers only", _FIX)
            factors = models.factors(name, expert.name)
            ranks[name] = ranks.get(name, 0) + (0 if factors is None else len(factors.a))
    return Population(width, max(ranks.values()), _layers(ranks), measured)


def plan_screening(models: ModelSet, width: int, rank: int) -> Population:
    """Return what an engine needs to screen ``width`` candidates at once, as adapters of truncated task vectors.

    ``rank`` is the largest of each expert in each layer.

    Raises:
        ModelError: adapters cannot change what merges of these models change, or nothing is gained, with the reason.
    """
    fix = "remove search.screening"
    _check_shape(models, fix)
    if all(models.is_adapter(expert.name) for expert in models.experts):
        raise ModelError(
            "search.screening",
            "every expert is an adapter, so a candidate is one exactly and needs no screen",
            f"{fix}; workers.population scores several at once",
        )
    if (whole := rank * len(models.experts)) > LARGEST_RANK:
        raise ModelError(
            "search.screening.rank",
            f"{rank} for each of {len(models.experts)} experts makes candidates of rank {whole}, and vLLM takes "
            f"{LARGEST_RANK} at most",
            f"give {LARGEST_RANK // len(models.experts)} or less" if len(models.experts) <= LARGEST_RANK else fix,
        )
    return Population(width, whole, _layers(matrices(models)), truncated=rank)


def _check_shape(models: ModelSet, fix: str) -> None:
    if models.depth != models.num_blocks:
        raise ModelError("model base", f"merges have {models.depth} blocks, an adapter cannot add any", fix)
    if models.vocabulary is not None and models.vocabulary.remaps:
        raise ModelError("model base", "merges have another vocabulary, an adapter cannot move its rows", fix)


def _layers(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name.removesuffix(".weight").rpartition(".")[2] for name in names}))


class CandidatePopulation:
    """The engine's side of scoring candidates as adapters.

    Args:
        config: the worker's, with a population; its experts are adapters, or are truncated to some.
        call: runs a method of ``MergeExtension`` in every process of the engine.
    """

    def __init__(self, config: WorkerConfig, call: Callable[..., Any]) -> None:
        """Open the experts and put their factors into the engine."""
        assert config.population is not None
        truncated = config.population.truncated
        models = ModelSet.open(config.base, config.experts, vocabulary=config.vocabulary)
        self._num_blocks = models.num_blocks
        self._names = ExpertFactors(models, truncated).names
        self._call = call
        (answer, *_) = call("open_population", truncated)
        self.losses: Mapping[str, Mapping[str, float]] = answer.losses

    def score(
        self,
        shared: SharedEngine,
        recipes: Sequence[Recipe],
        scorings: Sequence[Callable[[], Result]],
        resident: Recipe | None = None,
    ) -> list[Answered[Result]]:
        """See :meth:`workers.engines.base.Engine.together`; ``shared`` is what the scorings ask."""
        from vllm.lora.request import LoRARequest

        found = [self._multiples(recipe) for recipe in recipes]
        if resident is not None:
            origin = self._multiples(resident)
            if isinstance(origin, Infeasible):
                return [Answered(error=origin) for _ in recipes]
            found = [one if isinstance(one, Infeasible) else _between(origin, one) for one in found]
        answered: list[Answered[Result]] = [
            Answered(error=one if isinstance(one, Infeasible) else None) for one in found
        ]
        # Numbers and names that vLLM has never seen, in this population or one before: what it has computed as one
        # adapter it takes for every later one of that name.
        numbers = {k: next(_NUMBERS) for k, one in enumerate(answered) if one.error is None}
        adapters = [LoRARequest(f"candidate {number}", number, "in memory") for number in numbers.values()]
        self._call("load_population", {number: found[k] for k, number in numbers.items()})
        try:
            scored = shared.together([scorings[k] for k in numbers], adapters)
        finally:
            self._call("clear_population")
        for k, one in zip(numbers, scored, strict=True):
            answered[k] = one
        return answered

    def _multiples(self, recipe: Recipe) -> _Multiples | Infeasible:
        validate_recipe(recipe, self._num_blocks)
        try:
            return multiples(recipe, self._names, self._num_blocks)
        except Infeasible as error:
            return error


def _between(origin: _Multiples, target: _Multiples) -> _Multiples:
    """Return what an adapter adds to the weights of one merge to make another of them."""
    return {
        name: {expert: number - origin[name].get(expert, 0.0) for expert, number in own.items()}
        for name, own in target.items()
    }


class SharedEngine:
    """Lets functions that ask an engine for answers ask together.

    Args:
        ask: answers requests in their order, each as ``Request.adapter``.
        tokens: where the functions count what was generated for them.
    """

    def __init__(self, ask: Ask, tokens: TokenCount) -> None:
        """Take what answers."""
        self._ask = ask
        self._tokens = tokens
        self._asker = threading.local()

    def run(self, requests: Sequence[Request]) -> list[Any]:
        """Answer requests; called by a scoring of :meth:`together`, wait for those of the others."""
        dialogue: _Dialogue[Any] | None = getattr(self._asker, "dialogue", None)
        return self._ask(requests) if dialogue is None else dialogue.ask(requests)

    def together(self, scorings: Sequence[Callable[[], Result]], adapters: Sequence[Any]) -> list[Answered[Result]]:
        """Call functions that use :meth:`run`, each as an adapter of its own, and return how they ended.

        Only one of them runs at any time, in turn, so they may share what is not safe between threads.

        Raises:
            EngineError: the engine failed; none of them has a result then.
        """
        dialogues = [_Dialogue(scoring, self._asker) for scoring in scorings]
        answered: list[Answered[Result]] = [Answered() for _ in scorings]
        asked: dict[int, Sequence[Request]] = {}
        try:
            self._advance(dialogues, dict.fromkeys(range(len(dialogues))), asked, answered)
            while asked:
                batch = [replace(one, adapter=adapters[k]) for k, requests in asked.items() for one in requests]
                answers = iter(self._ask(batch))
                replies = {k: [next(answers) for _ in requests] for k, requests in asked.items()}
                self._advance(dialogues, replies, asked, answered)
        except BaseException as error:
            for k in asked:
                dialogues[k].give_up(error)
            raise
        return answered

    def _advance(
        self,
        dialogues: Sequence[_Dialogue[Result]],
        replies: dict[int, Any],
        asked: dict[int, Sequence[Request]],
        answered: list[Answered[Result]],
    ) -> None:
        """Let those with a reply go on, one after the other, to their next question or their end."""
        for k, reply in replies.items():
            asked.pop(k, None)
            before = self._tokens.generated
            question = dialogues[k].advance(reply)
            answered[k].generated_tokens += self._tokens.generated - before
            if isinstance(question, Answered):
                answered[k].result, answered[k].error = question.result, question.error
            else:
                asked[k] = question
                answered[k].prompt_tokens += sum(len(one.prompt) for one in question)


class _Dialogue(Generic[Result]):
    """A function in a thread of its own, which runs only while whoever it asks waits for its next question."""

    def __init__(self, function: Callable[[], Result], asker: threading.local) -> None:
        self._function, self._asker = function, asker
        self._questions: SimpleQueue[Any] = SimpleQueue()
        self._replies: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def advance(self, reply: Any) -> Sequence[Request] | Answered[Result]:
        """Start the function, or answer its last question; return its next one, or how it ended."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._replies.put(reply)
        question: Sequence[Request] | Answered[Result] = self._questions.get()
        return question

    def ask(self, requests: Sequence[Request]) -> list[Any]:
        """Called by the function: hand a question out and wait for the reply."""
        self._questions.put(requests)
        reply = self._replies.get()
        if isinstance(reply, BaseException):
            raise reply
        return list(reply)

    def give_up(self, error: BaseException) -> None:
        """End the function: its question is answered with an error."""
        self._replies.put(error)
        self._thread.join()

    def _run(self) -> None:
        self._asker.dialogue = self
        try:
            self._questions.put(Answered(result=self._function()))
        except Exception as error:
            self._questions.put(Answered(error=error))
