"""The options of algorithms whose libraries take long to load; the library need not be there to read and list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

Startup = Annotated[int, Field(ge=1)]
Popsize = Annotated[int, Field(ge=3)]


@dataclass(frozen=True)
class PycmaOptions:
    """Options of ``pycma``.

    Args:
        popsize: scored candidates per update of the distribution; default 4 + 3 ln(dimension), or the number of
            workers if that is more.
        diagonal: learn one step size per coordinate and no correlations; default above 10 dimensions.
        sigma: initial step in initial steps of the search space.
    """

    popsize: Popsize | None = None
    diagonal: bool | None = None
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


@dataclass(frozen=True)
class ComoOptions:
    """Options of ``como-cma``.

    Args:
        kernels: trade-offs that are searched for.
        popsize: candidates per generation of a kernel; default 4 + 3 ln(dimension).
    """

    kernels: Annotated[int, Field(ge=2)] = 5
    popsize: Popsize | None = None


@dataclass(frozen=True)
class NevergradOptions:
    """Options of every optimizer of nevergrad's registry.

    Args:
        bounded: give the optimizer the parameters' ranges as hard bounds, instead of reflecting the points outside;
            default: where it jumps to infinity without them, as PSO does. CMA becomes elitist and diagonal by bounds.
    """

    bounded: bool | None = None


@dataclass(frozen=True)
class TpeOptions:
    """Options of ``optuna-tpe``.

    Args:
        startup: random candidates before the first estimate.
        multivariate: model all coordinates together instead of each by itself.
    """

    startup: Startup = 10
    multivariate: bool = True


@dataclass(frozen=True)
class GpOptions:
    """Options of ``optuna-gp``.

    Args:
        startup: random candidates before the first model.
    """

    startup: Startup = 10


@dataclass(frozen=True)
class CmaOptions:
    """Options of ``optuna-cma``.

    Args:
        popsize: candidates per generation; default 4 + 3 ln(dimension), or the number of workers if that is more,
            because results of an earlier generation are not used.
        separable: learn one step size per coordinate and no correlations.
    """

    popsize: Popsize | None = None
    separable: bool = False


@dataclass(frozen=True)
class Nsga2Options:
    """Options of ``optuna-nsga2``.

    Args:
        popsize: candidates per generation.
    """

    popsize: Popsize = 20
