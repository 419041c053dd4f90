"""The figure of docs/mergebench.md: what merges score, what they forget, and what finding them costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from rows import figures_of

INK, MUTED, ACCENT = "#1f2933", "#9aa5b1", "#0b6e99"
COLORS = {"base": MUTED, "expert": MUTED, "default": MUTED, "grid": INK, "search": ACCENT}


def draw(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Write the figure: intervals of the mean score on the left, score against forgetting on the right."""
    figures = figures_of(rows)
    plt.rcParams.update({"font.size": 9, "text.color": INK, "axes.edgecolor": MUTED, "svg.hashsalt": "evomerge"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=(1.2, 1))
    for place, (row, one) in enumerate(zip(rows, figures, strict=True)):
        color = COLORS[row["kind"]]
        left.plot([one.low, one.high], [place, place], color=color)
        left.plot(one.mean, place, "o", color=color)
        right.plot(one.forgotten, one.mean, "o", color=color, fillstyle="none" if row["kind"] == "default" else "full")
        if row["kind"] in ("grid", "search"):
            right.annotate(
                row["label"], (one.forgotten, one.mean), textcoords="offset points", xytext=(5, 3), fontsize=7
            )
    names = [row["label"] if row["kind"] in ("base", "expert") else f"{row['label']}, {row['kind']}" for row in rows]
    left.set_yticks(range(len(rows)), names)
    left.invert_yaxis()
    left.set_xlabel("mean score on test items, 95 % interval")
    right.set_xlabel("forgotten of the base's grammar")
    right.set_ylabel("mean score on test items")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})
