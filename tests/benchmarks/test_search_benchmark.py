"""The search benchmark: known truth, honest costs, a correct simulator and statistics, and a run from end to end."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "search"
sys.path.insert(0, str(BENCHMARK))

from arms import ABLATIONS, MAIN, arms_named
from compare import cost_ratio, expected_cost, holm, overtuning, paired
from pool import POOL, POOL_TASKS, Pool
from results import rows_of, save_runs
from runner import Arm, Session, run
from simulate import simulate
from surrogate import Rows, Surrogate, fit, quality
from tasks import TASKS, Task

from optimizer.search.interface import Proposal, Scores, SearchSetting, Vector

SMALL = Task("small", "layered", 4, 30, items=40)


class Steps:
    """A search that always has something to propose and whose center is the newest point told."""

    def __init__(self, setting: SearchSetting) -> None:
        self._random = np.random.default_rng(setting.seed)
        self._dimension = setting.dimension
        self._count = 0
        self._center = np.zeros(setting.dimension)
        self.open = 0
        self.most_open = 0

    def ask(self) -> Proposal | None:
        self._count += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        return Proposal(self._count - 1, self._random.standard_normal(self._dimension))

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        self.open -= 1
        self._center = proposal.point

    def center(self) -> Vector:
        return self._center


class Generations(Steps):
    """The same behind a barrier: nothing is proposed until a full generation is told."""

    def __init__(self, setting: SearchSetting, size: int) -> None:
        super().__init__(setting)
        self._size = size

    def ask(self) -> Proposal | None:
        full = self._count > 0 and self._count % self._size == 0
        return None if full and self.open else super().ask()


STEPS = Arm("steps", Steps, False, "best")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_truth_is_known_and_leaves_what_the_task_promises(task: Task) -> None:
    problem = task.problem(1)
    least, most = task.headroom
    assert least <= problem.best_known - problem.best_seed_truth <= most
    assert problem.best_known >= problem.truth(problem.optimum)
    random = np.random.default_rng(0)
    for point in random.uniform(-0.5, 1.8, (20, task.dimension)):
        assert problem.truth(point) <= problem.best_known + 1e-9


def test_scores_are_samples_of_the_truth_and_the_same_for_the_same_point() -> None:
    problem = replace(SMALL, items=2000).problem(0)
    everything = np.arange(2000)
    point = problem.uniform + 0.1
    scores = problem.score(point, everything)
    assert set(np.unique(scores)) <= {0.0, 1.0}
    assert scores.mean() == pytest.approx(problem.truth(point), abs=0.05)
    assert np.array_equal(scores, problem.score(point.copy(), everything))
    assert np.array_equal(scores[[5, 3]], problem.score(point, np.array([5, 3])))
    assert not np.array_equal(scores, problem.score(point + 1e-6, everything))


def test_all_arms_of_a_seed_meet_the_same_problem_and_other_seeds_another() -> None:
    first, again, other = SMALL.problem(3), SMALL.problem(3), SMALL.problem(4)
    assert np.array_equal(first.optimum, again.optimum)
    assert np.array_equal(first.search.loadings, again.search.loadings)
    assert not np.array_equal(first.search.loadings, other.search.loadings)


def test_a_run_charges_seeds_and_every_scored_item() -> None:
    problem = SMALL.problem(0)
    outcome = run(problem, STEPS, 400)
    assert (outcome.items, outcome.candidates) == (400, 10)
    assert outcome.tokens == 10 * problem.tokens.sum()
    seeded = run(problem, replace(STEPS, from_best_seed=True), 400)
    assert (seeded.items, seeded.candidates) == (400, 10 - len(problem.seeds))


def test_costs_are_of_the_first_time_that_the_truth_is_reached() -> None:
    problem = SMALL.problem(0)

    class Jump(Steps):
        def tell(self, proposal: Proposal, scores: Scores | None) -> None:
            if proposal.number == 7:
                steps = np.array([one.step for one in problem.space(problem.uniform)])
                self._center = (problem.optimum - problem.uniform) / steps

    outcome = run(problem, Arm("jump", Jump, False, "center"), 1200)
    half, _, almost = outcome.cost["center"]
    assert half is not None and 320 <= half <= 320 * 1.07 + 40
    # The abilities' optima differ, so the point that they scatter around is not the best merge.
    assert almost is None
    assert outcome.final["center"] == pytest.approx(problem.truth(problem.optimum))


def test_workers_of_a_search_that_never_waits_always_score() -> None:
    session = Session(SMALL.problem(0), STEPS, 400 * 40)
    search = Steps(session.setting(16))
    result = simulate(session, search, 16)
    assert result.scoring == pytest.approx(1.0)
    assert search.most_open == 16
    assert search.open == 0
    assert result.items == 400 * 40


def test_a_barrier_of_one_generation_per_worker_waits_for_the_slowest() -> None:
    """Even times: nobody waits. Two workers and a generation of three: the third round of every two is half idle."""
    session = Session(SMALL.problem(0), STEPS, 300 * 40)
    assert simulate(session, Generations(session.setting(4), 4), 4, spread=1).scoring == pytest.approx(1.0)
    session = Session(SMALL.problem(0), STEPS, 300 * 40)
    assert simulate(session, Generations(session.setting(2), 3), 2, spread=1).scoring_with_tail == pytest.approx(0.75)
    session = Session(SMALL.problem(0), STEPS, 1000 * 40)
    uneven = simulate(session, Generations(session.setting(16), 16), 16)
    # The mean over the largest of 16 log-normal times whose 5th and 95th percentiles are a factor of five apart.
    sigma = math.log(5) / (2 * 1.6449)
    times = np.exp(sigma * np.random.default_rng(0).standard_normal((20000, 16)))
    assert uneven.scoring_with_tail == pytest.approx(times.mean() / times.max(axis=1).mean(), abs=0.04)


def test_one_worker_takes_the_sum_of_the_times() -> None:
    session = Session(SMALL.problem(0), STEPS, 25 * 40)
    result = simulate(session, Steps(session.setting(1)), 1, spread=1)
    assert result.time == pytest.approx(25)
    assert result.scoring_with_tail == pytest.approx(1.0)


def test_expected_cost_counts_what_failures_spent() -> None:
    assert expected_cost([10, 30], [100, 100]) == 20
    assert expected_cost([10, None], [100, 100]) == 110
    assert math.isinf(expected_cost([None, None], [100, 100]))
    ratio = cost_ratio(([20, 20, 20], [100] * 3), ([10, 10, 10], [100] * 3))
    assert (ratio.value, ratio.low, ratio.high) == (2, 2, 2)


def test_paired_statistics() -> None:
    random = np.random.default_rng(0)
    noise = random.standard_normal(20)
    better = paired(list(noise + 0.5 + 0.1 * random.standard_normal(20)), list(noise))
    assert better.p_value < 0.001
    assert better.low > 0.4
    assert (better.wins, better.losses) == (20, 0)
    assert paired([1.0, 2.0], [1.0, 2.0]).p_value == 1.0
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert overtuning([0.4, 0.6, 0.5], [0.5, 0.5, 0.5]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("arm", [*MAIN, *ABLATIONS], ids=lambda arm: arm.name)
def test_every_arm_runs_within_its_budget(arm: Arm) -> None:
    problem = SMALL.problem(2)
    outcome = run(problem, arm, 14 * 40)
    assert outcome.items <= 15 * 40
    assert set(outcome.final) == {"center", "native", "final"}
    assert all(0 <= truth <= problem.best_known for truth in outcome.final.values())


def test_the_same_run_gives_the_same_result() -> None:
    problem = SMALL.problem(2)
    first, second = (replace(run(problem, MAIN[0], 30 * 40), seconds=0.0) for _ in range(2))
    assert first == second
    with pytest.raises(SystemExit, match="no arm is named nobody"):
        arms_named(["nobody"])


def test_a_surrogate_learns_where_it_has_data_and_is_pessimistic_where_it_has_none() -> None:
    random = np.random.default_rng(0)
    points = 0.7 + 0.25 * random.standard_normal((300, 20))
    ability = 2 - 6 * ((points[:, :5] - 0.9) ** 2).sum(axis=1)
    positions = np.array([random.choice(60, 24, replace=False) for _ in points])
    logits = ability[:, None] - random.standard_normal(60)[positions]
    chances = 1 / (1 + np.exp(-logits))
    scores = (random.random(logits.shape) < chances).astype(float)
    rows = Rows(points, positions, scores, np.log(chances), 60)
    found = quality(rows, steps=400)
    assert found["log_loss"] < 0.9 * found["log_loss_of_item_means"]
    assert found["candidate_score_correlation"] > 0.7
    surrogate = Surrogate(fit(rows, steps=400), points)
    far = np.full(20, 1.8)
    assert surrogate.disagreement(far) > surrogate.disagreement(points[0])
    assert surrogate.predict(far)[0].mean() < 0.1


def test_the_pool_gives_the_same_numbers_everywhere() -> None:
    pool = Pool.load(POOL)
    assert pool.rows.points.shape == (len(pool.rows.positions), 20)
    assert 300 <= pool.rows.items <= 400
    assert POOL.stat().st_size < 3 * 2**20
    twenty = POOL_TASKS[1].problem(0)
    two = POOL_TASKS[0].problem(0)
    best = pool.rows.points[int(np.argmax(pool.rows.scores.mean(axis=1)))]
    everything = np.arange(len(twenty.tokens))
    assert np.array_equal(twenty.score(best, everything), twenty.score(best, everything))
    assert two.truth(np.array([0.7, 0.7])) == pytest.approx(twenty.truth(np.full(20, 0.7)))
    # Neither expert alone can do the task, which the README reports from a run of its own.
    assert max(twenty.truth(twenty.seeds[name]) for name in ("base", "expert 0", "expert 1")) < 0.1
    assert twenty.best_known > twenty.best_seed_truth + 0.05
    roles = np.concatenate(twenty.roles)
    assert np.array_equal(np.sort(roles), np.arange(pool.rows.items))


def test_files_keep_the_runs_that_were_not_repeated(tmp_path: Path) -> None:
    def runs(arm: str, items: int) -> list[dict[str, object]]:
        return [
            {"task": "t", "arm": arm, "seed": seed, "items": items, "n": 10, "passes": 3, "curve": [0.0] * 18}
            for seed in range(2)
        ]

    path = tmp_path / "tier_a.json"
    save_runs(path, [*runs("old", 1), *runs("both", 2)], 1.0)
    save_runs(path, [*runs("both", 3), *runs("new", 4)], 1.0)
    content = json.loads(path.read_text())
    assert {(row["arm"], row["items"]) for row in rows_of(content)} == {("old", 1), ("both", 3), ("new", 4)}
    assert len(content["rows"]) == 6
    assert [made["arms"] for made in content["made"]] == [["both", "old"], ["both", "new"]]


def test_a_quick_run_from_end_to_end(tmp_path: Path) -> None:
    words = [
        "--quick",
        "--tier",
        "a",
        "--tasks",
        "merge-10",
        "--arms",
        "merge-cma",
        "mergekit-evolve",
        "--processes",
        "1",
    ]
    command = [sys.executable, str(BENCHMARK / "run.py"), *words, "--out", str(tmp_path / "results")]
    done = subprocess.run(
        [*command, "--images", str(tmp_path / "images")], capture_output=True, text=True, check=True, timeout=300
    )
    assert "| merge-10 |" in done.stdout
    assert "never significantly worse" in done.stdout
    assert (tmp_path / "images" / "search-tier-a.svg").exists()
    refused = subprocess.run([*command[:2], "--quick"], capture_output=True, text=True, check=False, timeout=60)
    assert "--quick needs --out" in refused.stderr
