"""Greedy model soup as a search."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evomerge.errors import SpecError
from experiments.spec_merge import MergeSpec
from optimizer.soup import GreedySoup, check_soup
from optimizer.space import Genome, build_genome
from runs import TinyExperiment, command, environment

NAMES = ("a", "b", "c", "d")


def genome(models: tuple[str, ...] = NAMES, **merge: Any) -> Genome:
    return build_genome(MergeSpec(**({"method": "linear"} | merge)), models, 4, sigma=0.1, seed=0, linear=True)


def weights(space: Genome, point: Any) -> dict[str, float]:
    given_weights = space.decode(point).coefficients["weight"]
    assert isinstance(given_weights, Mapping)
    return {name: value for name, (value,) in given_weights.items() if value}


def run(soup: GreedySoup, space: Genome, scores: list[float | None]) -> list[list[str]]:
    asked = []
    for score in scores:
        proposal = soup.ask()
        if proposal is None:
            break
        assert soup.ask() is None
        members = weights(space, proposal.point)
        assert set(members.values()) == {round(1 / len(members), 6)}
        asked.append(sorted(members))
        soup.tell(proposal, score)
    return asked


def test_experts_join_best_first_as_long_as_the_soup_does_not_get_worse() -> None:
    space = genome()
    soup = GreedySoup(space, {"a": 0.2, "b": 0.5, "c": 0.4, "d": 0.4})
    # c ties with the best and joins, d makes it worse, a cannot be scored.
    assert run(soup, space, [0.5, 0.3, None]) == [["b", "c"], ["b", "c", "d"], ["a", "b", "c"]]
    assert soup.ask() is None
    assert sorted(weights(space, soup.center())) == ["b", "c"]


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_the_soup_is_never_worse_than_the_best_expert(alone: list[float], soups: list[float]) -> None:
    space = genome()
    soup = GreedySoup(space, dict(zip(NAMES, alone, strict=True)))
    best, accepted = max(alone), 1
    for score in soups:
        proposal = soup.ask()
        assert proposal is not None
        soup.tell(proposal, score)
        if score >= best:
            best, accepted = score, accepted + 1
    assert soup.ask() is None
    assert len(weights(space, soup.center())) == accepted


def test_an_expert_that_could_not_be_scored_stays_out() -> None:
    space = genome()
    soup = GreedySoup(space, {"b": 0.1, "d": 0.2})
    assert run(soup, space, [0.3]) == [["b", "d"]]
    assert soup.ask() is None


def test_task_arithmetic_makes_the_same_soup() -> None:
    space = genome(method="task_arithmetic")
    check_soup(space)
    assert run(GreedySoup(space, {"a": 1.0, "b": 0.5}), space, [2.0]) == [["a", "b"]]


@pytest.mark.parametrize(
    "merge",
    [
        {"granularity": "layer"},
        {"method": "ties"},
        {"method": "task_arithmetic", "parameters": {"lambda": {"range": [0.5, 1.0]}}},
    ],
)
def test_other_search_spaces_are_refused(merge: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="one weight per expert"):
        check_soup(genome(**merge))


def test_a_range_without_zero_or_one_is_refused() -> None:
    with pytest.raises(SpecError, match=r"\[0.2, 1\] leaves out"):
        check_soup(genome(parameters={"weight": {"range": [0.2, 1.0]}}))


def test_a_real_run_ends_once_every_expert_had_its_turn(tiny_experiment: TinyExperiment) -> None:
    def greedy(spec: dict[str, Any]) -> None:
        spec["merge"] = {"method": "linear"}
        spec["search"]["algorithm"] = "greedy_soup"
        spec["search"].pop("options", None)

    spec = tiny_experiment.spec("soup", greedy)
    done = subprocess.run(
        command("run", spec, "--store", tiny_experiment.store("soup"), "--format", "json"),
        capture_output=True, text=True, env=environment(), timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kinds = [one["candidate"]["kind"] for one in json.loads(done.stdout)["leaders"]]
    assert kinds.count("search") == 1
    assert kinds.count("mean") <= 1
