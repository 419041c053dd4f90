"""The Markdown tables of docs/search.md, from the results of ``run.py``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from arms import MAIN, OURS, RIVAL, SLOW
from compare import LEVEL, cost_ratio, expected_cost, expected_cost_interval, holm, overtuning, paired
from results import rows_of

Row = dict[str, Any]


class Results:
    """Runs of one tier by task and arm, in the order of their seeds."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self._groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows_of(content):
            self._groups.setdefault((row["task"], row["arm"]), []).append(row)
        for rows in self._groups.values():
            rows.sort(key=lambda row: row["seed"])

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in the order of the runs."""
        return list(dict.fromkeys(task for task, _ in self._groups))

    def arms(self, task: str) -> list[str]:
        """Names of the arms that were run on a task."""
        return [arm for other, arm in self._groups if other == task]

    def of(self, task: str, arm: str) -> list[Row]:
        """Runs of one arm on one task; empty where there are none."""
        return self._groups.get((task, arm), [])

    def pairs(self, task: str, first: str, second: str) -> tuple[list[Row], list[Row]]:
        """Return the runs of two arms on the seeds that both have."""
        groups = [{row["seed"]: row for row in self.of(task, arm)} for arm in (first, second)]
        seeds = sorted(groups[0].keys() & groups[1].keys())
        return [groups[0][seed] for seed in seeds], [groups[1][seed] for seed in seeds]

    def dimension(self, task: str) -> int:
        """Dimension of a task."""
        return int(self.of(task, self.arms(task)[0])[0]["dimension"])


def report(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return everything that the results support."""
    parts = []
    for tier, title in (("tier_a", "Tier A"), ("tier_b", "Tier B")):
        if tier not in found:
            continue
        results = Results(found[tier])
        parts += [f"### {title}", "\n".join(verdicts(results)), "#### Against mergekit-evolve", rival_table(results)]
        parts += ["#### Cost to 80 %, in passes over the search items", cost_table(results)]
        parts += ["#### Progress of the center at the end of the budget", final_table(results)]
        parts += ["#### Runs that end below the best seed", overtuning_table(results)]
        ablation = ablation_table(results)
        parts += ["#### Ablation", ablation] if ablation else []
        parts += ["Made with:", origins(found[tier])]
    if "workers" in found:
        parts += ["### Workers", worker_table(found["workers"]), "Made with:", origins(found["workers"])]
    return "\n\n".join(part for part in parts if part)


def origins(content: Mapping[str, Any]) -> str:
    """Say what made the results: commands, machine, dates, versions."""
    lines = []
    for made in content["made"]:
        packages = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
        lines.append(f"- `{made['command']}`, {made['date']}, {made['cores']} x {made['machine']}, {packages}")
    return "\n".join(lines)


def costs(rows: Sequence[Row], target: int, rule: str = "center", unit: str = "cost") -> tuple[list[Any], list[int]]:
    """Return when each run reached a target (None: never), and all that it spent."""
    reached = [row[unit][rule][(50, 80, 95).index(target)] for row in rows]
    spent = [row["items"] if unit == "cost" else row["tokens"] for row in rows]
    return reached, spent


def rival_table(results: Results) -> str:
    """Compare with mergekit-evolve: cost ratios at three targets, the native rule's, and the final truth."""
    tasks = [task for task in results.tasks if results.of(task, OURS) and results.of(task, RIVAL)]
    tests = {task: final_test(results, task, OURS, RIVAL) for task in tasks}
    adjusted = holm({task: test.p_value for task, test in tests.items()})
    lines = [
        "| task | its cost to 50 % / ours | to 80 % (95 % interval) | to 80 %, native rules | in tokens, to 80 % | "
        "final truth, ours less its (95 % interval) | wins/losses | p (Holm) |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for task in tasks:
        ours, rival = results.pairs(task, OURS, RIVAL)
        half = cost_ratio(costs(rival, 50), costs(ours, 50))
        most = cost_ratio(costs(rival, 80), costs(ours, 80))
        native = cost_ratio(costs(rival, 80, "native"), costs(ours, 80, "native"))
        tokens = cost_ratio(costs(rival, 80, unit="token_cost"), costs(ours, 80, unit="token_cost"))
        test = tests[task]
        cells = [
            task,
            number(half.value),
            "" if math.isnan(most.value) else f"{number(most.value)} ({number(most.low)} to {number(most.high)})",
            number(native.value),
            number(tokens.value),
            f"{test.difference:+.3f} ({test.low:+.3f} to {test.high:+.3f})",
            f"{test.wins}/{test.losses}",
            f"{adjusted[task]:.2g}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def final_test(results: Results, task: str, first: str, second: str) -> Any:
    """Test the truths of two arms' centers at the end of the budget, seed by seed."""
    ends = [[row["final"]["center"] for row in rows] for rows in results.pairs(task, first, second)]
    return paired(ends[0], ends[1])


def cost_table(results: Results) -> str:
    """Expected cost to 80 % in passes over the search items, every arm on every task."""
    arms = main_arms(results)
    tasks = [task for task in results.tasks if not is_flat(task)]
    lines = [f"| task (budget) | {' | '.join(arms)} |", f"|---|{'---:|' * len(arms)}"]
    for task in tasks:
        cells, passes = [], 0
        for arm in arms:
            rows = results.of(task, arm)
            if not rows:
                cells.append("")
                continue
            passes = rows[0]["passes"]
            reached, spent = costs(rows, 80)
            hits = sum(one is not None for one in reached)
            value = expected_cost(reached, spent) / rows[0]["n"]
            cells.append(f"{number(value)}{'' if hits == len(rows) else f' ({hits}/{len(rows)})'}")
        lines.append(f"| {task} ({passes}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def main_arms(results: Results) -> list[str]:
    """Return the arms that were run, in the order in which they are listed, without the ablations."""
    ran = {arm for task in results.tasks for arm in results.arms(task)}
    return [arm.name for arm in (*MAIN, *SLOW) if arm.name in ran]


def is_flat(task: str) -> bool:
    """Whether the task has next to nothing to gain: it is there to show overtuning, not cost."""
    return task.startswith("little-gain")


def final_table(results: Results) -> str:
    """Mean progress of the center at the end of the budget (0: best seed, 1: best known), with standard errors."""
    arms = main_arms(results)
    lines = [f"| task | {' | '.join(arms)} |", f"|---|{'---:|' * len(arms)}"]
    for task in results.tasks:
        if is_flat(task):
            continue
        cells = []
        for arm in arms:
            found = [progress(row, "center") for row in results.of(task, arm)]
            cells.append(f"{np.mean(found):.2f} ± {np.std(found) / math.sqrt(len(found)):.2f}" if found else "")
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines)


def progress(row: Row, rule: str) -> float:
    """Return how far a run came from the best seed to the best known."""
    return float((row["final"][rule] - row["best_seed"]) / (row["best_known"] - row["best_seed"]))


def overtuning_table(results: Results) -> str:
    """Share of runs that end below the best seed, by rule, on the tasks with little to gain and on the others."""
    flat = [task for task in results.tasks if is_flat(task)]
    rest = [task for task in results.tasks if not is_flat(task)]
    groups = [(name, tasks) for name, tasks in (("little gain", flat), ("others", rest)) if tasks]
    heads = [f"{name}: {rule}" for name, _ in groups for rule in ("native", "center", "final")]
    lines = [
        f"| arm | {' | '.join(heads)} | search score less truth | loss where it loses |",
        f"|---|{'---:|' * (len(heads) + 2)}",
    ]
    for arm in main_arms(results):
        cells = []
        for _, tasks in groups:
            rows = [row for task in tasks for row in results.of(task, arm)]
            for rule in ("native", "center", "final"):
                cells.append(f"{overtuning_of(rows, rule):.2f}" if rows else "")
        rows = [row for task in results.tasks for row in results.of(task, arm)]
        lost = [row["final"]["native"] - row["best_seed"] for row in rows]
        losses = [loss for loss in lost if loss < 0]
        gap = f"{np.mean([row['gap'] for row in rows]):+.3f}"
        lines.append(f"| {arm} | {' | '.join(cells)} | {gap} | {np.mean(losses) if losses else 0:+.3f} |")
    return "\n".join(lines)


def overtuning_of(rows: Sequence[Row], rule: str) -> float:
    """Return the overtuning rate of some runs."""
    return overtuning([row["final"][rule] for row in rows], [row["best_seed"] for row in rows])


def ablation_table(results: Results) -> str:
    """Every switch of merge-cma against its default, on the tasks where both were run."""
    compared = main_arms(results)
    tasks = [task for task in results.tasks if any(arm not in compared for arm in results.arms(task))]
    if not any(tasks := [task for task in tasks if results.of(task, OURS)]):
        return ""
    common = set.intersection(*(set(results.arms(task)) for task in tasks))
    variants = [arm for arm in results.arms(tasks[0]) if arm in common and arm not in compared]
    tests = {(task, arm): final_test(results, task, arm, OURS) for task in tasks for arm in variants}
    adjusted = holm({f"{task}/{arm}": test.p_value for (task, arm), test in tests.items()})
    heads = [f"{task}: cost to 80 % | progress" for task in tasks]
    lines = [f"| variant | {' | '.join(heads)} |", f"|---|{'---:|' * (2 * len(tasks))}"]
    for arm in (OURS, *variants):
        cells = []
        for task in tasks:
            rows = results.of(task, arm)
            cost = expected_cost_interval(*costs(rows, 80))
            n = rows[0]["n"]
            mark = "" if arm == OURS or adjusted[f"{task}/{arm}"] >= LEVEL else " *"
            cells.append(f"{number(cost.value / n)} ({number(cost.low / n)} to {number(cost.high / n)})")
            cells.append(f"{np.mean([progress(row, 'center') for row in rows]):.3f}{mark}")
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "\\* final truth differs from the default's, p < 0.05 after Holm's correction."])


def verdicts(results: Results) -> list[str]:
    """Say of every target whether it is met."""
    both = [task for task in results.tasks if results.of(task, OURS) and results.of(task, RIVAL)]
    if not both:
        return []
    tasks = [task for task in both if not is_flat(task)]
    large = [task for task in tasks if results.dimension(task) >= 20]
    ratios = {}
    for task in large:
        ours, rival = results.pairs(task, OURS, RIVAL)
        ratios[task] = cost_ratio(costs(rival, 80), costs(ours, 80)).value
    ratios = {task: ratio for task, ratio in ratios.items() if not math.isnan(ratio)}
    small = [task for task in tasks if results.dimension(task) <= 10]
    tests = {task: final_test(results, task, OURS, RIVAL) for task in small}
    adjusted = holm({task: test.p_value for task, test in tests.items()})
    worse = [task for task in small if tests[task].difference < 0 and adjusted[task] < LEVEL]
    rates = {
        arm: overtuning_of([row for task in both for row in results.of(task, arm)], rule)
        for arm, rule in ((OURS, "final"), (RIVAL, "native"))
    }
    lines = []
    finite = {task: ratio for task, ratio in ratios.items() if math.isfinite(ratio)}
    if finite:
        met = [task for task, ratio in ratios.items() if ratio >= 2]
        middle = math.exp(float(np.mean(np.log([*finite.values()]))))
        lowest = min(finite, key=lambda task: finite[task])
        lines.append(
            f"- at most half of its item evaluations to 80 % at 20 dimensions and more: met on {len(met)} of "
            f"{len(large)} tasks; its cost is {number(middle)} times ours (geometric mean), at least "
            f"{number(ratios[lowest])} times ({lowest})"
        )
    elif large:
        lines.append("- at 20 dimensions and more mergekit-evolve never came 80 % of the way: compare the cost to 50 %")
    if small:
        verdict = f"missed on {', '.join(worse)}" if worse else "met"
        lines.append(f"- never significantly worse at 2 to 10 dimensions: {verdict}")
    lines.append(
        f"- overtuning at most half of its: {'met' if rates[OURS] <= rates[RIVAL] / 2 else 'missed'} "
        f"({rates[OURS]:.3f} against {rates[RIVAL]:.3f} of all runs)"
    )
    return lines


def worker_table(content: Mapping[str, Any]) -> str:
    """Share of the workers' time that goes into scoring, and where the same budget ends."""
    rows = rows_of(content)
    lines = [
        "| workers | arm | scoring | with the tail | time (passes of one worker) | progress |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for workers in sorted({row["workers"] for row in rows}):
        for arm in dict.fromkeys(row["arm"] for row in rows):
            mine = [row for row in rows if row["workers"] == workers and row["arm"] == arm]
            mean = {
                key: float(np.mean([row[key] for row in mine]))
                for key in ("scoring", "scoring_with_tail", "time", "progress")
            }
            lines.append(
                f"| {workers} | {arm} | {100 * mean['scoring']:.1f} % | {100 * mean['scoring_with_tail']:.1f} % | "
                f"{mean['time']:.1f} | {mean['progress']:.2f} |"
            )
    return "\n".join(lines)


def number(value: float) -> str:
    """Write a number with two or three digits; nothing where there is none."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
