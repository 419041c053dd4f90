"""What a resident engine can do, whatever runs underneath."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.progress import beat

if TYPE_CHECKING:
    import torch
    from lm_eval.api.model import LM

    from merging.recipe import Recipe
    from workers.config import WorkerConfig


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


class Engine(ABC):
    """A language model that stays in memory while candidate weights are written into it.

    Attributes:
        lm: the lm-eval language model that answers with the resident weights.
        tokens: running count of the tokens that ``lm`` has read and written.
    """

    lm: LM
    tokens: TokenCount

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
            Seconds by step: ``apply``, ``write``, ``repack``, ``reset``.

        Raises:
            Infeasible: a merged weight is not finite.
            RecipeError: the recipe does not fit the models.
            EngineError: the engine cannot take the weights.
        """

    @abstractmethod
    def adopt(self, config: WorkerConfig) -> None:
        """Go on with other experts: forget all that was computed of the present ones.

        ``config.engine_only`` must be that of the configuration the engine was made with.

        Raises:
            ModelError: a model cannot be opened for merging.
        """

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
