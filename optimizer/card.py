"""The model card of an exported merge: parents, coefficients, scores, and how to make it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from evomerge import __version__
from experiments.entities import Candidate, Experiment

if TYPE_CHECKING:
    from optimizer.outcome import Summary


def model_card(summary: Summary, candidate: Candidate) -> str:
    """Return the card as Markdown with the metadata block that the Hugging Face hub reads."""
    experiment = summary.experiment
    return "\n".join(
        [
            "---",
            yaml.safe_dump(_metadata(experiment), sort_keys=False).strip(),
            "---",
            f"# {experiment.name}",
            "",
            f"A merge found by evomerge {__version__}: {candidate.label} of experiment `{experiment.id}`.",
            "",
            "## Parents",
            "",
            *_parents(experiment),
            "",
            "## Coefficients",
            "",
            *_coefficients(candidate.recipe, experiment.resolved["slots"]),
            "",
            "## Scores",
            "",
            _scores(summary, candidate),
            "",
            *summary.notes,
            "",
            "## How it was made",
            "",
            f"{summary.counts['candidates']} candidates got {summary.counts['search_items']} scores of search items"
            f" ({summary.counts['generated_tokens']} generated tokens, {experiment.seconds_spent / 60:.1f} minutes)."
            " The selection items chose among the finalists; the test items were scored once, for the table above.",
            "`recipe.json` holds the exact recipe, the versions and the checksums of the inputs.",
            "",
            "```json",
            json.dumps(experiment.resolved["versions"], indent=1, sort_keys=True),
            "```",
            "",
        ]
    )


def _metadata(experiment: Experiment) -> dict[str, Any]:
    models = [experiment.spec["base_model"], *experiment.spec["models"].values()]
    # Local directories mean nothing to the reader of a card; hub ids do.
    published = [
        model["model"]
        for model, ref in zip(models, experiment.resolved["models"].values(), strict=True)
        if ref["revision"] is not None
    ]
    metadata: dict[str, Any] = {"library_name": "transformers", "tags": ["merge", "evomerge"]}
    if published:
        metadata["base_model"] = published
    return metadata


def _parents(experiment: Experiment) -> list[str]:
    spec = experiment.spec
    named = {"base": spec["base_model"], **spec["models"]}
    return [
        f"- {name}: `{model['model']}`" + (f" at `{model['revision']}`" if model.get("revision") else "")
        for name, model in named.items()
    ]


def _coefficients(recipe: Mapping[str, Any], slots: list[str]) -> list[str]:
    lines = [f"Method `{recipe['method']}`, granularity `{recipe['granularity']}`, in slot order:", ""]
    for parameter, setting in recipe["coefficients"].items():
        owners = setting.items() if isinstance(setting, Mapping) else [("the merge", setting)]
        for owner, values in owners:
            lines.append(f"- {parameter} of {owner}: " + ", ".join(f"{value:.3f}" for value in values))
    if recipe["granularity"] != "global":
        lines += ["", "Slots: " + "; ".join(slots)]
    return lines


def _scores(summary: Summary, candidate: Candidate) -> str:
    if summary.report is None:
        return "This experiment has not been scored on its test items yet."
    note = ""
    if summary.winner is None or candidate.number != summary.winner.number:
        note = f"\n\nThe exported model is {candidate.label}, not the winner of the experiment."
    elif candidate.label in {model.label for model in summary.report.models}:
        note = f"\n\nThe exported model is {candidate.label}: no searched merge beat it on the selection items."
    return summary.report.to_markdown().strip() + note
