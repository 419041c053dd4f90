"""What limits a result, in sentences: how it was chosen, what it loses on fresh items, how used its test items are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evals.statistics import Interval, aggregate_interval
from experiments.entities import Candidate, Experiment
from experiments.quantities import task_weights
from experiments.states import CandidateKind, Split
from experiments.store import Store
from optimizer.jobs import Choice
from optimizer.screening import screening_notes


@dataclass(frozen=True)
class Gap:
    """The winner's weighted mean score on each split, and the number of items behind it; without the reference term."""

    scores: Mapping[Split, Interval]
    items: Mapping[Split, int]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data: by split, mean, low, high and the number of items."""
        return {split.value: {**asdict(one), "items": self.items[split]} for split, one in self.scores.items()}

    def sentence(self) -> str:
        """Say what is left of the search score on items that were not searched on."""
        parts = ", ".join(
            f"{split.value} {score.mean:.3f} ({self.items[split]} items)" for split, score in self.scores.items()
        )
        text = f"The winner's mean score: {parts}."
        last = next((one for one in (Split.TEST, Split.SELECTION) if one in self.scores), None)
        if last is None or Split.SEARCH not in self.scores:
            return text
        gap = self.scores[Split.SEARCH].mean - self.scores[last].mean
        return f"{text} Generalisation gap: search minus {last.value} is {gap:+.3f}."


def measure_gap(store: Store, experiment: Experiment, winner: Candidate) -> Gap:
    """Read the winner's item scores on every split."""
    weights = task_weights(experiment)
    scores, counts = {}, {}
    for split in Split:
        by_task: dict[str, list[float]] = {}
        for one in store.items(experiment.id, split, candidate_id=winner.id):
            by_task.setdefault(one.task, []).append(one.score)
        if by_task:
            scores[split] = aggregate_interval(by_task, weights)
            counts[split] = sum(len(values) for task, values in by_task.items() if weights[task])
    return Gap(scores, counts)


def notes(
    decisions: Mapping[str, Mapping[str, Any]], winner: Candidate | None, gap: Gap | None, test_uses: int
) -> Iterator[str]:
    """Yield what was decided and what limits the result, one sentence each."""
    if "search" in decisions:
        yield _design(decisions["search"])
    if "population" in decisions:
        yield _ways(Choice(**decisions["population"]))
    yield from screening_notes(decisions)
    if decisions.get("prior", {}).get("prior") is not None:
        yield f"The search started from a prior: {decisions['prior']['reason']}."
    if winner is not None:
        yield from _choice(decisions["winner"], winner)
        if "blackbox" in winner.recipe:
            values = ", ".join(f"{name} {value:g}" for name, value in winner.recipe["blackbox"].items())
            yield f"The winner's coefficients: {values}."
    if gap is not None:
        yield gap.sentence()
    if test_uses > 1:
        yield (
            f"Warning: {test_uses} experiments of this store were tested on these test items. Every choice that was "
            "made after seeing them makes the result look better than it is; test on fresh items before you rely on it."
        )
    elif test_uses == 1:
        yield "No other experiment of this store was tested on these test items."


def chosen_items(resolved: Mapping[str, Any]) -> Iterator[str]:
    """Yield from an experiment's record which search scores may not be compared with those on random items."""
    for task, one in resolved.get("chosen", {}).items():
        yield (
            f"The {len(one['items'])} search items of {task} were chosen from {one['pool']} ({_chosen_by(one)}): its "
            "search scores do not compare with those on random items. Selection and test items are random."
        )


def _chosen_by(chosen: Mapping[str, Any]) -> str:
    if chosen["by"] is not None:
        return f"stratified by {chosen['by']}"
    kind = "stratified by difficulty" if chosen["choose"] == "stratified" else chosen["choose"]
    return f"{kind}, by scores of {chosen['candidates']} candidates of {', '.join(chosen['experiments'])}"


def _ways(choice: Choice) -> str:
    text = choice.sentence()
    rest = " The finalists were written in place for the selection and test items." if choice.width > 1 else ""
    return f"On the search items {text}.{rest}"


def _design(design: Mapping[str, Any]) -> str:
    options = ", ".join(f"{name}: {value}" for name, value in design["options"].items())
    what = f"{design['algorithm']}{f' ({options})' if options else ''}"
    return f"Searched by {what} on {design['block_size']} items at a time, because {design['reason']}."


def _choice(decision: Mapping[str, Any], winner: Candidate) -> Iterator[str]:
    if "survivors" not in decision:  # recorded before races
        return
    survivors, dropped = len(decision["survivors"]), len(decision["dropped"])
    searched = winner.kind is not CandidateKind.BASELINE
    kind = "searched" if searched else "a parent or plain merge; no searched merge did better"
    yield (
        f"The {decision['split']} items chose {winner.label} ({kind}) among {survivors + dropped} finalists, of which "
        f"{dropped} dropped out early (error level {decision['error_level']:g} over the whole race)."
    )
    for number, reasons in decision["breaches"].items():
        yield f"Candidate {number} breaks a constraint: {'; '.join(reasons)}."
    if not decision["constraints_met"]:
        yield "Warning: no finalist keeps every constraint, the winner neither."
