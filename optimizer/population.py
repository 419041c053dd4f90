"""Whether a worker scores several candidates of the search at once as adapters, or screens them, and how many."""

from __future__ import annotations

from evomerge.errors import ModelError, RecipeError, SpecError
from experiments.spec_search import ScreeningSpec
from experiments.spec_sections import WorkersSpec
from merging.models import ModelSet
from merging.multiples import check_linear
from merging.operators import get_operator
from optimizer.jobs import IN_PLACE, Choice
from optimizer.space import Genome
from workers.engines.lora_population import plan_population, plan_screening
from workers.population import Population, Trial

AUTO_WIDTH = 8
# In place is what will be exported; a population must be worth the other rounding.
MIN_GAIN = 1.1


def population_of(
    spec: WorkersSpec, screening: ScreeningSpec | None, models: ModelSet, genome: Genome
) -> Population | None:
    """Return what ``workers.population`` or ``search.screening`` asks of the workers; None means neither.

    Raises:
        SpecError: the engine cannot score populations.
        ModelError, RecipeError: candidates of these models or methods are no adapters, or cannot be told from them.
    """
    able = spec.engine == "vllm" and not spec.batch_invariant
    if screening is not None:
        return _screening(spec, screening, models, genome, able=able)
    if spec.population == "off":
        return None
    if spec.population != "auto":
        if not able:
            raise SpecError(
                "workers.population",
                "only engine: vllm without batch_invariant scores populations",
                "set workers.population: off",
            )
        return _planned(models, genome, spec.population, measured=False)
    # On the CPU the matrix units are busy with one candidate: measured, a population gains nothing there.
    if not able or spec.gpus == 0:
        return None
    try:
        return _planned(models, genome, AUTO_WIDTH, measured=True)
    except (ModelError, RecipeError):
        return None


def choose(population: Population | None, trial: Trial | None) -> Choice | None:
    """Return the choice that follows from what is asked and what was measured; None while a trial is missing."""
    if population is None or population.truncated is not None:
        return IN_PLACE
    if not population.measured:
        return Choice(population.width, "the spec asks for it")
    if trial is None:
        return None
    return Choice(population.width if trial.gain >= MIN_GAIN else 1, trial.sentence())


def _planned(models: ModelSet, genome: Genome, width: int, *, measured: bool) -> Population:
    _check_linear(genome)
    return plan_population(models, width, measured=measured)


def _screening(
    spec: WorkersSpec, screening: ScreeningSpec, models: ModelSet, genome: Genome, *, able: bool
) -> Population:
    if not able:
        raise SpecError("search.screening", "only engine: vllm without batch_invariant screens candidates", "remove it")
    if spec.population not in ("auto", "off"):
        raise SpecError(
            "search.screening",
            "candidates that are scored as adapters need no screen",
            "remove it, or workers.population",
        )
    _check_linear(genome)
    return plan_screening(models, AUTO_WIDTH, screening.rank)


def _check_linear(genome: Genome) -> None:
    for method in genome.methods:
        known = {option.name for option in get_operator(method).all_options()}
        options = {name: value for name, value in genome.options.items() if name in known}
        check_linear(method, options, genome.granularity)
