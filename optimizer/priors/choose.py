"""Which prior a search starts from, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import psutil

from evals.tasks import TaskDefinition
from evomerge.errors import EvomergeError, SpecError
from experiments.reading import Reader
from merging.models import ModelSet
from optimizer.priors.gradient import GradientOptions, gradient_prior
from optimizer.priors.history import earlier_prior
from optimizer.priors.layers import layers_prior
from optimizer.priors.surrogate import is_summed
from optimizer.search.interface import Prior
from optimizer.space import Genome

Kind = Literal["auto", "none", "gradient", "layers", "history"]
_BYTES_PER_PARAMETER = 5


@dataclass(frozen=True)
class Circumstances:
    """What priors are made from.

    Args:
        genome: centered on the start.
        models: base and experts.
        tasks: of the experiment.
        store: where earlier experiments are; None where there is none.
        digests: of the weight files by model name, as the record has them under ``inputs``.
        experiment: id of the present one.
        options: how much a gradient prior may spend.
    """

    genome: Genome
    models: ModelSet
    tasks: Sequence[TaskDefinition]
    store: Reader | None = None
    digests: dict[str, Any] = field(default_factory=dict)
    experiment: str | None = None
    options: GradientOptions = field(default_factory=GradientOptions)


def choose_prior(kind: Kind, given: Circumstances) -> tuple[Prior | None, str]:
    """Return a prior, or None, and the reason for people.

    ``auto`` takes the first that there is: gradient, layers, history. One that is asked for by name must be there.

    Raises:
        SpecError: the prior that is asked for does not exist here, naming ``search.prior`` and why.
    """
    if kind == "none":
        return None, "the spec asks for none"
    if kind != "auto":
        prior, problem = _try(kind, given)
        if prior is None:
            raise SpecError("search.prior", f"there is no '{kind}' prior here: {problem}", "use prior: auto or none")
        return prior, f"{kind}: {prior.source}"
    problems: list[str] = []
    for one in ("gradient", "layers", "history"):
        prior, problem = _try(one, given)
        if prior is not None:
            return prior, "; ".join([*problems, f"{one}: {prior.source}"])
        problems.append(f"no {one} prior: {problem}")
    return None, "; ".join(problems)


def _try(kind: str, given: Circumstances) -> tuple[Prior | None, str]:
    makers: dict[str, Callable[[Circumstances], tuple[Prior | None, str]]] = {
        "gradient": _gradient,
        "history": _history,
        "layers": _layers,
    }
    try:
        return makers[kind](given)
    except EvomergeError as error:
        return None, str(error)


def _gradient(given: Circumstances) -> tuple[Prior | None, str]:
    recipe = given.genome.decode(np.zeros(given.genome.dimension))
    if not is_summed(recipe):
        return None, f"{recipe.method} is no weighted sum of task vectors"
    sizes = [int(np.prod(given.models.tensor_info(name).shape)) for name in given.models.tensor_names()]
    needed, there = sum(sizes) * _BYTES_PER_PARAMETER, psutil.virtual_memory().available
    if given.options.device == "cpu" and needed > there:
        return (
            None,
            f"it needs {needed / 1e9:.1f} GB of memory for the model in fp32, and {there / 1e9:.1f} GB are free",
        )
    return gradient_prior(given.genome, given.models, given.tasks, given.options), ""


def _history(given: Circumstances) -> tuple[Prior | None, str]:
    if given.store is None:
        return None, "there is no store"
    prior = earlier_prior(given.genome, given.store, given.digests, given.experiment)
    return prior, "no earlier experiment has finished with the same models and coordinates"


def _layers(given: Circumstances) -> tuple[Prior | None, str]:
    if "weight" not in {gene.parameter for gene in given.genome.genes}:
        return None, "no weights of task vectors are searched"
    return layers_prior(given.genome, given.models), ""
