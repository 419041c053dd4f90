"""Whole runs whose candidates are adapters: from the spec through Ray to vLLM and the record."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from fine_tunes import make_fine_tunes

from experiments.entities import Candidate
from experiments.spec import load_spec
from experiments.states import CandidateKind, CandidateState, Split
from experiments.store import Store
from merging.recipe import Recipe
from optimizer.agreement import rank_correlation
from optimizer.fleet import Fleet
from optimizer.launch import create, drive_claimed

EXAMPLES = Path(__file__).parents[2] / "examples"
ITEMS = 8
# The pool asks the head of the cluster whether it is there, by the address that Ray gives this machine.
pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost", ray.util.get_node_ip_address()])


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Keeps the worker of a run for questions, until another run needs another engine."""
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100 * 2**20,
        _node_ip_address="127.0.0.1",
    )
    made = Fleet()
    yield made
    made.close()
    ray.shutdown()


@pytest.fixture
def run(fleet: Fleet, tmp_path: Path) -> Iterator[Callable[..., tuple[Store, str]]]:
    """Run the demo's spec, changed and small, to its end; the worker waits in the fleet then."""
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:

        def go(change: Callable[[dict[str, Any]], None]) -> tuple[Store, str]:
            spec = yaml.safe_load((EXAMPLES / "json-math.yaml").read_text())
            spec["base_model"] = str(EXAMPLES / spec["base_model"])
            spec["models"] = {name: str(EXAMPLES / path) for name, path in spec["models"].items()}
            spec["merge"]["granularity"] = "global"
            (task,) = spec["tasks"]
            task |= {"task": str(EXAMPLES / task["task"]), "splits": {"search": ITEMS, "selection": 4, "test": 4}}
            spec["search"] |= {"algorithm": "merge-cma", "options": {"popsize": 6}, "finalists": 1}
            spec["workers"]["cpus"] = 1
            del spec["output"]
            change(spec)
            path = tmp_path / "spec.yaml"
            path.write_text(yaml.safe_dump(spec))
            experiment, plan = create(store, load_spec(path).spec, tmp_path)
            claimed = store.claim_driver(experiment.id)
            drive_claimed(store, claimed, replace(plan, fleet=fleet), lambda progress: None, threading.Event())
            return store, experiment.id

        yield go


def scored(store: Store, experiment: str) -> list[Candidate]:
    return [one for one in store.candidates(experiment) if one.state is CandidateState.SCORED]


def test_a_population_scores_as_one_candidate_after_the_other_does(
    run: Callable[..., tuple[Store, str]], fleet: Fleet
) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["search"]["budget"] = {"evaluations": 24}
        spec["workers"]["population"] = 4

    store, experiment = run(change)
    decided = store.decisions(experiment)["population"]
    assert decided == {"width": 4, "reason": "the spec asks for it"}
    candidates = scored(store, experiment)
    assert len([one for one in candidates if one.kind is CandidateKind.SEARCH]) >= 12
    provenances = {one.split: one.provenance for one in store.evaluations(experiment)}
    assert provenances[Split.SELECTION] == provenances[Split.TEST] != provenances[Split.SEARCH]

    ((_, worker),) = fleet._waiting
    stored = {(one.number, one.item): one for one in store.items(experiment, Split.SEARCH)}
    pairs, agreeing = [], []
    for one in candidates:
        alone = ray.get(worker.score.remote(Recipe.from_dict(one.recipe), "search")).items
        together = [stored[one.number, item.item] for item in alone]
        agreeing += [a.score == b.score for a, b in zip(alone, together, strict=True)]
        pairs.append(
            (sum(item.reference_logprob or 0.0 for item in alone), sum(b.reference_logprob or 0.0 for b in together))
        )
    # Three items in a hundred turn where bf16 rounds elsewhere (docs/engines.md).
    assert len(agreeing) == ITEMS * len(candidates) and sum(agreeing) >= 0.9 * len(agreeing)
    tau = rank_correlation([pairs])
    assert tau is not None and tau.low > 0.8


def test_stand_ins_choose_candidates_while_they_rank_them(
    run: Callable[..., tuple[Store, str]], smollm2: Path, tmp_path: Path
) -> None:
    experts = make_fine_tunes(smollm2, tmp_path / "fine-tunes")

    def change(spec: dict[str, Any]) -> None:
        spec["models"] = {one.name: one.path for one in experts}
        spec["search"]["budget"] = {"evaluations": 36}
        spec["search"]["screening"] = {"rank": 12, "proposals": 3, "bound": 0.1}

    store, experiment = run(change)
    decisions = store.decisions(experiment)
    generations = [decisions[name] for name in sorted(decisions) if re.fullmatch(r"screening_\d+", name)]
    assert "screening_off" not in decisions
    assert all(value is not None for one in generations for value in one["values"])
    assert generations[0]["lots"] == 6 and {"arithmetic", "json"} == set(generations[0]["losses"])
    chosen = [one for one in generations if one["count"] > 6]
    assert chosen and all(one["lots"] == 3 and one["count"] == 18 and one["tau"][1] > 0.1 for one in chosen)
    for one in chosen:
        others = one["values"][one["lots"] :]
        taken = [one["values"][place] for place in one["chosen"][one["lots"] :]]
        assert sorted(taken) == sorted(others)[-3:]
    # Only the chosen ones became candidates, and none of a stand-in's scores is one of theirs.
    assert len([one for one in scored(store, experiment) if one.kind is CandidateKind.SEARCH]) <= 6 * len(generations)
    (note,) = [one for one in decisions["outcome"]["notes"] if "stand-ins;" in one]
    assert f"{sum(one['count'] for one in generations)} stand-ins" in note
