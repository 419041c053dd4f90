"""What the driver needs to know of an experiment, whether it merges models or asks a black box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evals.tasks import ItemRef
from evals.texts import ItemText
from experiments.entities import Candidate
from experiments.reading import Reader
from experiments.spec_search import SearchSpec
from experiments.states import Split
from optimizer.baselines import Baseline
from optimizer.jobs import Pool, Subject
from optimizer.search.interface import Coordinate, Prior, Vector


class Space(Protocol):
    """The search space: from points in standardized units to what is scored."""

    @property
    def genes(self) -> tuple[Coordinate, ...]:
        """One for each dimension of a point."""
        ...

    def decode(self, point: Vector) -> Subject:
        """Turn a point, shape (dimension,), into what is scored."""
        ...


# Initial step as a fraction of each range.
DEFAULT_SIGMA = 0.1


@dataclass(frozen=True)
class Start:
    """Where a search starts.

    Args:
        space: centered there.
        source: the plain candidate that it starts from; None where the spec says where.
    """

    space: Space
    source: Candidate | None


class Problem(Protocol):
    """Everything that is fixed before a run starts."""

    @property
    def search(self) -> SearchSpec:
        """Algorithm, budget and what the result must keep."""
        ...

    @property
    def num_workers(self) -> int:
        """Jobs that are scored at the same time."""
        ...

    @property
    def items(self) -> Mapping[Split, tuple[ItemRef, ...]]:
        """The items of each split in scoring order; a split without items is left out of the run."""
        ...

    @property
    def task_weights(self) -> Mapping[str, float]:
        """Weight of each task in the fitness."""
        ...

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """What is scored before the search, parents first."""
        ...

    @property
    def parents(self) -> Mapping[str, str]:
        """Hash of the weights of base and experts by the digest of their recipe; of what is worth finding again."""
        ...

    def start(self, plain: Sequence[Candidate]) -> Start:
        """Choose where the search starts, given the scored baselines, best first."""
        ...

    def prior(self, start: Start, store: Reader, experiment: str) -> tuple[Prior | None, str]:
        """Return where good points are expected, or None, and the reason.

        Args:
            start: where the search starts; the prior is in its units.
            store: may know earlier experiments.
            experiment: id of the present one.
        """
        ...

    def texts(self) -> Sequence[ItemText]:
        """Return the words of the items; empty where they are mere names."""
        ...

    def similarity(self, expired: Callable[[], bool]) -> Mapping[str, Any] | None:
        """Return how the models' task vectors lie to each other, as JSON data; None where there are none.

        Args:
            expired: asked now and then whether there is no more time.

        Raises:
            EvomergeError: there was no time, or a model cannot be read.
        """
        ...

    def read(self, data: Mapping[str, Any]) -> Subject:
        """Return the subject whose ``to_dict`` gave the data."""
        ...

    def open_pool(self, say: Callable[[str], None]) -> Pool:
        """Start the workers; ``say`` is told what a person who waits for them should know."""
        ...

    def resources(self) -> AbstractContextManager[None]:
        """Hold what the workers run on."""
        ...

    def output(self, experiment: str) -> Path | None:
        """Return where the winner's checkpoint goes; None where none is wanted."""
        ...

    @property
    def space(self) -> Space:
        """The search space before it is known where the search starts."""
        ...

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What the record keeps of how the scores came about."""
        ...

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The part of the provenance that must be the same when a run is resumed."""
        ...
