"""What a resident engine can do, whatever runs underneath."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from evomerge.errors import EngineError
from workers.progress import beat

if TYPE_CHECKING:
    import torch
    from lm_eval.api.model import LM

    from merging.recipe import Recipe
    from workers.config import WorkerConfig

Result = TypeVar("Result")


@dataclass
class TokenCount:
    """What a language model has done since it was made: tokens read and written, and steps of the engine.

    ``steps`` moves on while the model is at work, so a watchdog can tell a slow engine from one that hangs; engines
    that cannot look into a batch while it runs leave it at 0.
    """

    prompt: int = 0
    generated: int = 0
    steps: int = 0

    def step(self) -> None:
        """Count a step of the engine."""
        self.steps += 1
        beat()


@dataclass
class Answered(Generic[Result]):
    """How one of several scorings ended; exactly one of ``result`` and ``error`` is set.

    ``prompt_tokens`` and ``generated_tokens`` are those that the engine read and wrote for it.
    """

    result: Result | None = None
    error: Exception | None = None
    prompt_tokens: int = 0
    generated_tokens: int = 0


class Engine(ABC):
    """A language model that stays in memory while candidate weights are written into it.

    Attributes:
        lm: the lm-eval language model that answers with the resident weights.
        tokens: running count of the tokens that ``lm`` has read and written.
        losses: what task vectors truncated for screening miss of each expert's (``merging.lora.experts``); empty where
            none are.
    """

    lm: LM
    tokens: TokenCount
    losses: Mapping[str, Mapping[str, float]] = MappingProxyType({})

    @abstractmethod
    def prepare(self, recipe: Recipe) -> None:
        """Compute everything of a recipe that does not depend on its coefficients.

        Raises:
            RecipeError: the recipe does not fit the models.
        """

    @abstractmethod
    def write(self, recipe: Recipe) -> Mapping[str, float]:
        """Merge a recipe into the resident weights and forget everything computed with the old ones.

        After any error the resident weights are undefined until the next successful write.

        Returns:
            Seconds by step, see ``ScoreResult.timings_s``: ``apply`` and what else the engine needs.

        Raises:
            Infeasible: a merged weight is not finite.
            RecipeError: the recipe does not fit the models.
            EngineError: the engine cannot take the weights.
        """

    def merge_ahead(self, recipe: Recipe) -> None:
        """Begin to merge the candidate that will be written next, beside the resident weights.

        May be called from any thread at any time between a write and the next adoption, and returns at once. An engine
        that was not started for it (``WorkerConfig.ahead``) merges in the write.
        """
        return

    @abstractmethod
    def adopt(self, config: WorkerConfig) -> None:
        """Go on with other experts: forget all that was computed of the present ones.

        ``config.engine_only`` must be that of the configuration the engine was made with, but for a base that can take
        the place of the present one (``workers.swaps``); its weights are there after the next write.

        Raises:
            ModelError: a model cannot be opened for merging.
        """

    def together(
        self,
        recipes: Sequence[Recipe],
        scorings: Sequence[Callable[[], Result]],
        resident: Recipe | None = None,
    ) -> list[Answered[Result]]:
        """Score several candidates in the same batches, none of which is written into the weights.

        Args:
            recipes: linear merges of adapters, or of task vectors that stand for truncated ones
                (``Population.truncated``); at most ``Population.width``.
            scorings: one for each, which asks ``lm`` and is answered by its candidate.
            resident: the linear merge that was written last; None says that it was the base.

        Raises:
            EngineError: the engine failed, or was not started for it (``WorkerConfig.population``).
            RecipeError: a recipe is no linear merge.
        """
        raise EngineError("this engine scores one candidate at a time: set engine: vllm and population")

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Name, versions, dtype and device, for the record."""

    @abstractmethod
    def close(self) -> None:
        """Free the model; the engine cannot be used afterwards."""


class MergedTensors:
    """Merged tensors on their way into an engine, with the merge timed apart from the copying.

    Attributes:
        seconds: time spent on merging so far, without the consumer's own time.
    """

    def __init__(self, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
        """Take the tensors; they are merged while they are iterated over, once."""
        self._tensors = tensors
        self.seconds = 0.0

    def __iter__(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield name and tensor; raises what the merge raises."""
        iterator = iter(self._tensors)
        while True:
            start = time.perf_counter()
            pair = next(iterator, None)
            self.seconds += time.perf_counter() - start
            if pair is None:
                return
            beat()
            yield pair
