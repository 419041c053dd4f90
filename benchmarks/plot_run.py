"""Draw a finished run: the search on the left, the untouched test items on the right.

python benchmarks/plot_run.py ID [--store evomerge.db] [--out docs/images/json-math.svg]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from evals.report import Report
from experiments.entities import Candidate
from experiments.states import CandidateKind, Split
from experiments.store import Store
from optimizer.outcome import summarize

INK, MUTED, ACCENT = "#1f2933", "#9aa5b1", "#0b6e99"


def main() -> None:
    """Read the run and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment")
    parser.add_argument("--store", default="evomerge.db")
    parser.add_argument("--out", type=Path, default=Path("docs/images/json-math.svg"))
    arguments = parser.parse_args()
    url = arguments.store if "://" in arguments.store else f"sqlite:///{arguments.store}"
    with Store.open(url) as store:
        experiment = store.get_experiment(arguments.experiment)
        report = summarize(store, experiment).report
        if report is None:
            raise SystemExit(f"experiment {experiment.id} has no report yet: finish it with 'evomerge resume'")
        standings = store.leaderboard(experiment.id, limit=store.progress(experiment.id).candidates)
        summaries = {one.candidate.id: one.splits[Split.SEARCH].summary for one in standings}
        scores = {
            number: float(sum(task["score"] for task in summary.values()) / len(summary))
            for number, summary in summaries.items()
        }
        candidates = [one for one in store.candidates(experiment.id) if one.id in scores]
    plt.rcParams.update({"font.size": 10, "text.color": INK, "axes.edgecolor": MUTED, "svg.hashsalt": "evomerge"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(1.15, 1))
    _draw_search(left, candidates, scores)
    _draw_report(right, report)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, metadata={"Date": None})
    print(arguments.out)


def _draw_search(axes: Axes, candidates: list[Candidate], scores: dict[int, float]) -> None:
    searched = [one for one in candidates if one.kind is not CandidateKind.BASELINE]
    plain = [one for one in candidates if one.kind is CandidateKind.BASELINE]
    best = max(plain, key=lambda one: scores[one.id])
    axes.scatter([one.number for one in searched], [scores[one.id] for one in searched], s=12, color=MUTED)
    running: list[float] = []
    for one in searched:
        running.append(max(scores[one.id], *running[-1:]) if running else scores[one.id])
    axes.step([one.number for one in searched], running, where="post", color=ACCENT)
    axes.axhline(scores[best.id], color=INK, linestyle="--", linewidth=1)
    axes.annotate(
        best.label,
        (1, scores[best.id]),
        xytext=(0, -3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
    axes.set(xlabel="candidate", ylabel="exact match", title="Search items: every candidate on those it was scored on")


def _draw_report(axes: Axes, report: Report) -> None:
    models = list(report.models)[::-1]
    for row, model in enumerate(models):
        color = ACCENT if model.role == "merge" else MUTED
        axes.plot([model.overall.low, model.overall.high], [row, row], color=color, linewidth=2)
        axes.plot(model.overall.mean, row, "o", color=color)
        axes.annotate(
            f"{model.overall.mean:.3f}",
            (model.overall.mean, row),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
        )
    axes.set_yticks(range(len(models)), [model.label for model in models])
    axes.set_ylim(-0.5, len(models) - 0.2)
    axes.set_xlim(left=-0.1)
    axes.set(xlabel="exact match, 95 % interval", title=f"{report.n} untouched test items")


if __name__ == "__main__":
    main()
