"""A search of a black box: coefficients go out, scores of items come back, and nobody sees a weight."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.tasks import ItemRef
from evals.texts import ItemText
from evomerge.errors import SpecError
from experiments.entities import Candidate
from experiments.reading import Reader
from experiments.spec_blackbox import BlackboxExperiment
from experiments.spec_search import SearchSpec
from experiments.states import Split
from optimizer.baselines import Baseline
from optimizer.calls import CallPool, Endpoint, Evaluator, import_function
from optimizer.checks import check_budget, check_search
from optimizer.jobs import Pool
from optimizer.problem import DEFAULT_SIGMA, Start
from optimizer.search.catalog import GREEDY_SOUP
from optimizer.search.interface import Coordinate, Prior, Vector
from optimizer.versions import versions

TASK = "items"


@dataclass(frozen=True)
class Coefficients:
    """A point of a black box, as it is sent out."""

    values: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"blackbox": dict(self.values)}

    def digest(self) -> str:
        """Return the same text for equal coefficients."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class CoefficientSpace:
    """See ``optimizer.problem.Space``: one coordinate for each coefficient, reflected at the ends of its range."""

    genes: tuple[Coordinate, ...]

    def decode(self, point: Vector) -> Coefficients:
        """See ``Space.decode``."""
        return Coefficients({gene.parameter: _value(gene, float(z)) for gene, z in zip(self.genes, point, strict=True)})


@dataclass(frozen=True)
class BlackboxPlan:
    """See ``optimizer.problem.Problem``."""

    spec: BlackboxExperiment
    source_dir: Path
    evaluate: Evaluator
    items: Mapping[Split, tuple[ItemRef, ...]]
    space: CoefficientSpace
    provenance: Mapping[str, Any]
    inputs: Mapping[str, Any]

    @property
    def search(self) -> SearchSpec:
        """See ``Problem.search``."""
        return self.spec.search

    @property
    def num_workers(self) -> int:
        """See ``Problem.num_workers``."""
        return self.spec.blackbox.workers

    @property
    def task_weights(self) -> dict[str, float]:
        """See ``Problem.task_weights``."""
        return {TASK: 1.0}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """The start alone: what a search has to beat."""
        start = {name: parameter.start for name, parameter in self.spec.blackbox.parameters.items()}
        return (Baseline("start", "base", Coefficients(start)),)

    @property
    def parents(self) -> dict[str, str]:
        """See ``Problem.parents``: who asks a black box twice may get another answer."""
        return {}

    def start(self, plain: Sequence[Candidate]) -> Start:
        """See ``Problem.start``: where the spec says."""
        return Start(self.space, None)

    def prior(self, start: Start, store: Reader, experiment: str) -> tuple[Prior | None, str]:
        """See ``Problem.prior``."""
        return None, "a black box has none"

    def texts(self) -> tuple[ItemText, ...]:
        """See ``Problem.texts``."""
        return ()

    def similarity(self, expired: Callable[[], bool]) -> None:
        """See ``Problem.similarity``."""

    def read(self, data: Mapping[str, Any]) -> Coefficients:
        """See ``Problem.read``."""
        return Coefficients(data["blackbox"])

    def open_pool(self, say: Callable[[str], None]) -> Pool:
        """See ``Problem.open_pool``."""
        box = self.spec.blackbox
        return CallPool(self.evaluate, self.items, box.workers, timeout_s=box.timeout_s, retries=box.retries)

    def resources(self) -> AbstractContextManager[None]:
        """See ``Problem.resources``."""
        return nullcontext()

    def output(self, experiment: str) -> Path | None:
        """See ``Problem.output``: there is nothing to write."""
        return None


def make_blackbox_plan(spec: BlackboxExperiment, source_dir: Path, *, allow_code: bool) -> BlackboxPlan:
    """Check a black-box spec in full.

    Args:
        spec: of the experiment.
        source_dir: where modules are looked for besides the installed ones.
        allow_code: whether a spec may name a Python function, which then runs here with all rights of this process.

    Raises:
        SpecError: naming the field and the fix.
    """
    box = spec.blackbox
    check_search(spec.search)
    if spec.search.algorithm == GREEDY_SOUP:
        raise SpecError("search.algorithm", f"'{GREEDY_SOUP}' averages models, a black box has none", "use auto")
    items = {
        Split.SEARCH: _refs(box.items, "item"),
        Split.SELECTION: _refs(box.selection, "selection"),
        Split.TEST: _refs(box.test, "test"),
    }
    check_budget(spec.search, 1, len(items[Split.SEARCH]))
    evaluate: Evaluator
    if box.url is not None:
        evaluate = Endpoint(box.url, box.timeout_s)
    elif not allow_code:
        raise SpecError(
            "blackbox.callable",
            f"'{box.callable}' is Python code, which only specs of this machine's own user may run",
            "run it with the command line, or serve it as blackbox.url",
        )
    else:
        evaluate = import_function(str(box.callable), source_dir)
    sigma = DEFAULT_SIGMA if spec.search.sigma is None else spec.search.sigma
    genes = tuple(
        Coordinate(name, None, one.start, sigma * (one.range[1] - one.range[0]), *one.range)
        for name, one in box.parameters.items()
    )
    inputs = {
        "items": {split.value: _digest([ref.item for ref in refs]) for split, refs in items.items()},
        "space": _digest([vars(gene) for gene in genes]),
        "source": box.url or box.callable,
    }
    provenance = {"inputs": inputs, "genes": [gene.parameter for gene in genes], "versions": versions()}
    return BlackboxPlan(spec, source_dir, evaluate, items, CoefficientSpace(genes), provenance, inputs)


def _refs(items: int | tuple[str, ...], prefix: str) -> tuple[ItemRef, ...]:
    names = [f"{prefix}-{number}" for number in range(items)] if isinstance(items, int) else items
    return tuple(ItemRef(TASK, name) for name in names)


def _value(gene: Coordinate, z: float) -> float:
    span = gene.high - gene.low
    offset = (gene.init + z * gene.step - gene.low) % (2 * span)
    # The same text on every machine.
    return round(gene.low + (offset if offset <= span else 2 * span - offset), 9)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()[:16]
