"""The one exception tree of evomerge.

EvomergeError                 exit code 1
├── InvalidInput              exit code 2: something the caller wrote is wrong; nothing was spent
│   ├── SpecError             the experiment spec
│   ├── ModelError            a checkpoint or adapter
│   ├── TaskError             a calibration task or its data
│   ├── RecipeError           a merge method, granularity, coefficient or option
│   ├── NotFound              an experiment, candidate or file that does not exist
│   └── StateConflict         the request does not fit the experiment's present state
├── Infeasible                this candidate cannot be merged or scored; the search goes on
├── EngineError               the inference engine cannot start or stopped answering
├── StoreError                the store is unreachable, damaged or of another schema version
└── Interrupted               exit code 130: stopped on request, resumable
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EvomergeError(Exception):
    """Root of every error that evomerge raises on purpose.

    ``code`` is stable and machine readable; ``exit_code`` is what the command line returns.
    """

    code = "error"
    exit_code = 1


class InvalidInput(EvomergeError):
    """Something the caller wrote cannot be used.

    Args:
        field: path of the offending field, file or argument (``tasks[0].metric``).
        problem: what was found and what was expected.
        fix: what to do about it.
    """

    code = "invalid_input"
    exit_code = 2

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(field, problem, fix)
        self.field = field
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}. Fix: {self.fix}"


class SpecError(InvalidInput):
    """The experiment spec is not valid."""

    code = "invalid_spec"


class ModelError(InvalidInput):
    """A checkpoint or adapter cannot be merged."""

    code = "invalid_model"


class TaskError(InvalidInput):
    """A calibration task or its data cannot be used."""

    code = "invalid_task"


class RecipeError(InvalidInput):
    """A merge method, granularity, coefficient or option is not valid."""

    code = "invalid_recipe"


class NotFound(InvalidInput):
    """The named thing does not exist."""

    code = "not_found"


class StateConflict(InvalidInput):
    """The request does not fit the present state of the experiment."""

    code = "state_conflict"


class Infeasible(EvomergeError):
    """A candidate cannot be merged or scored; it ranks last and the search goes on."""

    code = "infeasible"


class EngineError(EvomergeError):
    """The inference engine cannot start or stopped answering."""

    code = "engine"


class StoreError(EvomergeError):
    """The store is unreachable, damaged or of another schema version."""

    code = "store"


class Interrupted(EvomergeError):
    """Stopped on request; everything finished so far is stored and the run can be resumed."""

    code = "interrupted"
    exit_code = 130


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint such as ``did you mean 'ties'? (known: linear, ties)`` for an unknown name."""
    options = sorted(known)
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}(known: {', '.join(options)})"
