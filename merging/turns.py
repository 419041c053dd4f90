"""What merging one tensor takes, as an item that threads can map over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from evomerge.errors import Infeasible
from merging.fitted import FittedRecipe
from merging.operators.base import Prepared
from merging.recipe import Recipe

Result = TypeVar("Result")


@dataclass(frozen=True)
class Turn(Generic[Result]):
    """The work on one tensor.

    Args:
        name: of the tensor.
        prepared: what it is merged from; None for the base's own.
        run: does it.
    """

    name: str
    prepared: Prepared | None
    run: Callable[[], Result]

    def nbytes(self) -> int:
        """Return the memory that a merged tensor takes beside the models; the base's own takes none."""
        return 0 if self.prepared is None else self.prepared.inputs.base.nbytes

    def take(self) -> tuple[str, Result]:
        """Do the work; return the name with the result."""
        return self.name, self.run()


def bound(merge: FittedRecipe, name: str, bind: Callable[[], Callable[[], Result]]) -> Callable[[], Result]:
    """Return work on one tensor whose errors name it, bound now, or when it is done if that takes long."""
    named = Named(merge.recipe, name)
    if merge.operator.binds_late(merge.options):

        def late() -> Result:
            with named:
                return bind()()

        return late
    with named:
        work = bind()

    def run() -> Result:
        with named:
            return work()

    return run


@dataclass(frozen=True)
class Named:
    """Says in an ``Infeasible`` error which tensor of which recipe it is about."""

    recipe: Recipe
    name: str

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Name the tensor and the recipe in the error."""
        if isinstance(error, Infeasible):
            raise Infeasible(f"{self.name} in recipe {self.recipe.digest()} ({self.recipe.method}): {error}") from error
