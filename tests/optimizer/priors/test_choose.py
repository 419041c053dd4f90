"""Which prior a search gets, on a tiny real experiment and a real store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evals.tasks import ItemScore, TaskDefinition
from evomerge.errors import SpecError
from experiments.spec_merge import MergeSpec
from experiments.states import CandidateKind, ExperimentState, Split
from experiments.store import Store
from merging.models import ModelRef, ModelSet
from optimizer.priors import Circumstances, GradientOptions, choose_prior
from optimizer.priors.history import scored_points
from optimizer.space import Genome, build_genome
from runs import TinyExperiment

DIGESTS = {"base": ["0"], "a": ["1"], "b": ["2"]}


@pytest.fixture(scope="module")
def given(tiny_experiment: TinyExperiment) -> Circumstances:
    folder = tiny_experiment.folder
    refs = {name: ModelRef(name, str(folder / name)) for name in ("base", "a", "b")}
    tasks = [
        TaskDefinition("words", str(folder / "words.yaml"), "exact_match", 2.0, teacher_forced=True, search=6, test=8),
        TaskDefinition("choice", str(folder / "choice.yaml"), "acc", search=6, test=8),
    ]
    tasks = [replace(task, selection=6) for task in tasks]
    models = ModelSet.open(refs["base"], [refs["a"], refs["b"]])
    return Circumstances(genome(), models, tasks, digests=DIGESTS, options=GradientOptions(items=6))


def genome(method: str = "task_arithmetic", **merge: Any) -> Genome:
    spec = MergeSpec.model_validate({"method": method, "granularity": "group:2+module", **merge})
    return build_genome(spec, ("a", "b"), 4, sigma=0.1, seed=0)


def earlier(path: Path, space: Genome, best: np.ndarray, **changes: Any) -> Store:
    """Record a finished search of 30 candidates whose best ones lie around a point."""
    store = Store.open(f"sqlite:///{path}/store.db")
    resolved = {"inputs": {"models": DIGESTS}, "genes": list(space.labels)} | changes
    experiment = store.create_experiment({"name": "earlier"}, "/", resolved)
    store.claim_driver(experiment.id)
    rng = np.random.default_rng(0)
    for number in range(30):
        good = number % 5 == 0
        point = best + 0.1 * rng.standard_normal(len(best)) if good else rng.standard_normal(len(best))
        recipe = space.decode(point)
        candidate = store.record_ask(
            experiment.id, number=number, kind=CandidateKind.SEARCH, label="", vector=point,
            recipe=recipe.to_dict(), digest=recipe.digest(),
        )  # fmt: skip
        attempt = store.record_started(candidate.id, Split.SEARCH, worker="w")
        store.record_result(
            candidate.id, Split.SEARCH, [ItemScore("t", "0" * 16, float(good), None, None)],
            fitness=float(good), timings_s={}, prompt_tokens=0, generated_tokens=0, attempt=attempt,
        )  # fmt: skip
    store.release_driver(experiment.id, ExperimentState.FINISHED)
    return store


def test_none_is_none(given: Circumstances) -> None:
    assert choose_prior("none", given) == (None, "the spec asks for none")


def test_auto_takes_gradients_of_the_search_items_where_the_merge_is_a_sum(given: Circumstances) -> None:
    prior, reason = choose_prior("auto", given)
    assert prior is not None and reason.startswith("gradient: gradients of 6 reference answers")
    assert prior.mean.shape == (given.genome.dimension,)
    assert prior.mean.any() and np.abs(prior.mean).max() <= 1 + 1e-9
    before, after = (float(word) for word in reason.removesuffix(" nats").split(" from ")[1].split(" to "))
    assert after < before
    again, _ = choose_prior("auto", given)
    assert again is not None and torch.equal(torch.tensor(again.factor), torch.tensor(prior.factor))


def test_auto_falls_back_to_the_sizes_of_task_vectors(given: Circumstances) -> None:
    prior, reason = choose_prior("auto", replace(given, genome=genome("ties")))
    assert prior is not None and not prior.mean.any()
    assert reason.startswith("no gradient prior: ties is no weighted sum of task vectors; layers: ")


def test_auto_says_why_there_is_none(given: Circumstances) -> None:
    other = genome("iso_c")
    assert choose_prior("auto", replace(given, genome=other)) == (
        None,
        "no gradient prior: iso_c is no weighted sum of task vectors; no layers prior: no weights of task vectors are "
        "searched; no history prior: there is no store",
    )


def test_a_prior_that_is_asked_for_must_exist(given: Circumstances) -> None:
    with pytest.raises(SpecError, match="there is no 'gradient' prior here: iso_c") as caught:
        choose_prior("gradient", replace(given, genome=genome("iso_c")))
    assert caught.value.field == "search.prior"


def test_history_is_that_of_the_same_models_and_genes(given: Circumstances, tmp_path: Path) -> None:
    best = np.linspace(-1, 1, given.genome.dimension)
    with earlier(tmp_path, given.genome, best) as store:
        with_store = replace(given, store=store)
        prior, reason = choose_prior("history", with_store)
        assert prior is not None and "the best of 30 candidates of one earlier search" in reason
        assert prior.mean == pytest.approx(best, abs=0.15)
        for stranger in (
            replace(with_store, digests={**DIGESTS, "a": ["9"]}),
            replace(with_store, genome=genome(granularity="layer")),
            replace(with_store, experiment=store.list_experiments()[0].experiment.id),
        ):
            with pytest.raises(SpecError, match="no earlier experiment"):
                choose_prior("history", stranger)


def test_history_is_read_in_the_coordinates_of_this_search(given: Circumstances, tmp_path: Path) -> None:
    with earlier(tmp_path, given.genome, np.ones(given.genome.dimension)) as store:
        moved = given.genome.centered_on(given.genome.decode(np.ones(given.genome.dimension)))
        points, fitness = scored_points(moved, store, store.list_experiments()[0].experiment.id)
        assert points.shape == (30, given.genome.dimension)
        assert points[fitness == 1.0].mean(axis=0) == pytest.approx(np.zeros(given.genome.dimension), abs=0.2)
