"""Repairs of nevergrad where its defects are silent (found in 1.0.12) and cannot be configured away from outside.

Its CMA-ES, which most of its meta-optimizers use inside, drops the results of a whole generation that it did not just
ask for; it restarts from its start after a generation of ties; from 300 diagonal dimensions on pycma needs samples
that late results do not bring (issue 1690); and in one dimension it wants another package. The threads of its
sequential optimizers keep a finished process alive.
"""

from __future__ import annotations

import threading
from typing import Any

import cma
import numpy as np
from nevergrad.optimization import optimizerlib, recaster
from nevergrad.parametrization import parameter as p

from optimizer.search.pycma import NEVER_STOP, SINGLE_SAMPLES

CMA = optimizerlib._CMA
_original_strategy = CMA.es.fget
_original_tell = CMA._internal_tell_candidate


def repair() -> None:
    """Repair the classes in place, for every optimizer of this process that uses them."""
    CMA.es = property(_strategy)
    CMA._internal_tell_candidate = _tell
    recaster._MessagingThread.start = _start


def _strategy(optimizer: Any) -> Any:
    config = optimizer._config
    if config.fcmaes:
        return _original_strategy(optimizer)
    if optimizer._es is None:
        start = np.zeros(optimizer.dimension)
        if config.random_init:
            sample = optimizer.parametrization.sample()
            start = sample.get_standardized_data(reference=optimizer.parametrization)
        scale = config.scale
        if p.helpers.Normalizer(optimizer.parametrization).fully_bounded:
            scale *= 0.3 if optimizer.dimension < 18 else 0.15
        options = {
            **NEVER_STOP,
            **SINGLE_SAMPLES,
            "popsize": optimizer._popsize,
            "randn": optimizer._rng.randn,
            "CMA_diagonal": config.diagonal,
            "CMA_elitist": config.elitist,
            "seed": np.nan,
            "verbose": -9,
            **(config.inopts or {}),
        }
        optimizer._es = cma.CMAEvolutionStrategy(start, scale, options)
    return optimizer._es


def _tell(optimizer: Any, candidate: Any, loss: float) -> None:
    completes = not optimizer._config.fcmaes and len(optimizer._to_be_told) + 1 >= optimizer.es.popsize
    if completes and optimizer.es._flgtelldone:
        # pycma takes a generation only after an ask; late results and those of other optimizers come without.
        optimizer.es.ask(number=1)
    generations = optimizer.es.countiter if completes else 0
    _original_tell(optimizer, candidate, loss)
    if completes and optimizer.es.countiter == generations:
        raise RuntimeError(f"pycma refused a generation of {optimizer.name}, and nevergrad dropped its results")


def _start(thread: threading.Thread) -> None:
    thread.daemon = True
    threading.Thread.start(thread)
