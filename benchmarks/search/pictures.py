"""The figures of docs/search.md: progress over cost, and the share of problems solved over cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from arms import OURS, RIVAL
from matplotlib.axes import Axes
from tables import Results, costs, is_flat

INK, MUTED = "#1f2933", "#9aa5b1"
COLORS = {
    OURS: "#0b6e99",
    RIVAL: "#c2410c",
    "sakana": "#7c3aed",
    "optuna-gp": "#be185d",
    "evo-merging": "#b45309",
    "pycma": "#15803d",
    "grid": INK,
}


def draw(found: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write one figure for each tier that was run."""
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"font.size": 9, "text.color": INK, "axes.edgecolor": MUTED, "svg.hashsalt": "evomerge"})
    for tier, shown in (("tier_a", ("merge-10", "merge-20")), ("tier_b", ("smollm2-2", "smollm2-20"))):
        if tier not in found:
            continue
        results = Results(found[tier])
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4))
        for axes, task in zip((left, middle), shown, strict=True):
            _draw_curves(axes, found[tier], task)
        _draw_solved(right, results)
        left.set_ylabel("progress: best seed 0, best known 1")
        right.legend(frameon=False, fontsize=8)
        for axes in (left, middle, right):
            axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        figure.savefig(folder / f"search-{tier.replace('_', '-')}.svg", metadata={"Date": None})
        plt.close(figure)


def _draw_curves(axes: Axes, content: Mapping[str, Any], task: str) -> None:
    for curve in content["curves"]:
        if curve["task"] == task and curve["arm"] in COLORS:
            bold = 2.0 if curve["arm"] == OURS else 1.2
            axes.plot(curve["passes"], curve["progress"], color=COLORS[curve["arm"]], linewidth=bold)
    axes.set(xscale="log", xlabel="passes over the search items", title=task, ylim=(-0.3, 1.0))
    axes.axhline(0, color=MUTED, linewidth=0.8, linestyle=":")


def _draw_solved(axes: Axes, results: Results) -> None:
    """Share of all problems, easy and hard, on which the center has come 80 % of the way."""
    for arm, color in COLORS.items():
        reached: list[float] = []
        for task in results.tasks:
            rows = [] if is_flat(task) else results.of(task, arm)
            for row, cost in zip(rows, costs(rows, 80)[0], strict=True):
                reached.append(np.inf if cost is None else cost / row["n"] / row["passes"])
        if reached:
            shares = np.arange(1, len(reached) + 1) / len(reached)
            axes.step(np.sort(reached), shares, where="post", color=color, label=arm)
    axes.set(xscale="log", xlim=(0.02, 1), ylim=(0, 1), xlabel="share of the budget", title="problems solved to 80 %")
