"""How the command line shows what a desk answers: tables and lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from api.schemas.candidates import CandidateDetail
    from api.schemas.catalog import AlgorithmView, MethodView, NeedsView, Plan
    from api.schemas.charts import Comparison
    from api.schemas.experiments import ExperimentDetail, ExperimentView, StandingView, TradeoffsView
    from optimizer.front import Tradeoffs

# A front of more candidates than this is a cloud, not a choice.
FRONT_SHOWN = 20


def experiments_table(found: Sequence[ExperimentView]) -> Table:
    """Return experiments in one line each."""
    table = Table("id", "name", "state", "candidates", "best fitness", "owner", "created (UTC)", box=None)
    for one in found:
        table.add_row(
            one.id,
            one.name,
            one.state.value,
            str(one.progress.candidates),
            _number(one.progress.best_fitness),
            escape(one.owner),
            f"{one.created_at:%Y-%m-%d %H:%M}",
        )
    return table


def experiment_lines(shown: ExperimentDetail) -> Iterator[RenderableType]:
    """Yield an experiment in full."""
    stopping = shown.state == "running" and shown.wanted in ("pause", "cancel")
    wanted = f", asked to {shown.wanted}" if stopping else ""
    yield f"{shown.name} {shown.id}: {shown.state.value}{wanted}"
    if shown.error:
        yield Text(shown.error)
    yield standings_table("best on the search items", shown.standings)
    outcome = shown.outcome
    if outcome is None:
        return
    if outcome.tradeoffs is not None:
        yield front_table(outcome.tradeoffs)
    if outcome.winner is not None:
        yield Text(f"winner: candidate {outcome.winner.number} {outcome.winner.label}")
    if outcome.report is not None and outcome.report.get("models"):
        yield report_table(outcome.report)
        yield Text(outcome.report["statement"])
    yield from map(Text, outcome.notes)


def standings_table(title: str, standings: Sequence[StandingView]) -> Table:
    """Return a leaderboard."""
    table = Table("candidate", "fitness", "task scores", title=title, title_justify="left", box=None)
    for one in standings:
        scores = [
            f"{split.value} ({found.items} items): "
            + ", ".join(f"{task} {scores.score:.3f}" for task, scores in found.tasks.items())
            for split, found in one.splits.items()
        ]
        table.add_row(escape(f"{one.number} {one.label}"), _number(one.fitness), escape("; ".join(scores)))
    return table


def front_table(found: TradeoffsView | Tradeoffs) -> Table:
    """Return the Pareto front, as far as it is a choice and not a cloud."""
    title = f"Pareto front of the search items, hypervolume {found.hypervolume:.4f}"
    columns = "candidate", *map(escape, found.reference), "on the selection items"
    table = Table(*columns, title=title, title_justify="left", box=None)
    table.add_row("volume is above", *(f"{score:.3f}" for score in found.reference.values()))
    for one in found.members[:FRONT_SHOWN]:
        searched = [one.search[task] for task in found.reference]
        cells = [f"{cell.mean:.3f}" + (f" ± {cell.deviation:.3f}" if cell.deviation else "") for cell in searched]
        selected = ", ".join(f"{task} {score:.3f}" for task, score in (one.selection or {}).items())
        beaten = ", beaten there" if one.selection and one.number not in found.confirmed else ""
        table.add_row(escape(f"{one.number} {one.label}"), *cells, escape(selected + beaten))
    if len(found.members) > FRONT_SHOWN:
        table.caption = f"and {len(found.members) - FRONT_SHOWN} more"
    return table


def report_table(report: Mapping[str, Any]) -> Table:
    """Return the comparison on the test items."""
    models = report["models"]
    tasks = list(models[0]["tasks"])
    several = tasks if len(tasks) > 1 else []
    title = f"on {report['n']} untouched test items"
    table = Table("model", "role", "overall (95 %)", *several, title=title, title_justify="left", box=None)
    for model in models:
        cells = [model["overall"], *(model["tasks"][task] for task in several)]
        table.add_row(
            escape(model["label"]),
            model["role"],
            *(f"{cell['mean']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})" for cell in cells),
        )
    return table


def candidate_lines(shown: CandidateDetail, recipe: str) -> Iterator[RenderableType]:
    """Yield a candidate with its scores by split and task; ``recipe`` is its recipe as text."""
    reason = f": {shown.reason}" if shown.reason else ""
    yield Text(f"candidate {shown.number} {shown.label}: {shown.kind.value}, {shown.state.value}{reason}")
    table = Table("split", "block", "state", "items", "fitness", "task scores", box=None)
    for one in shown.evaluations:
        scores = ", ".join(f"{task} {found.score:.3f}" for task, found in one.summary.items())
        block = "all" if one.block < 0 else str(one.block)
        fitness = _number(one.fitness)
        table.add_row(one.split.value, block, one.state.value, str(one.num_items), fitness, escape(scores))
    yield table
    yield Text(recipe)


def comparison_table(comparison: Comparison) -> Table:
    """Return experiments in one column each."""
    found = comparison.experiments
    table = Table("", *(escape(f"{one.experiment.name} {one.experiment.id}") for one in found), box=None)
    table.add_row("state", *(one.experiment.state.value for one in found))
    table.add_row("candidates", *(str(one.experiment.progress.candidates) for one in found))
    table.add_row("scored search items", *(str(one.experiment.progress.search_items) for one in found))
    table.add_row("generated tokens", *(str(one.experiment.progress.generated_tokens) for one in found))
    table.add_row("hours", *(f"{one.experiment.seconds_spent / 3600:.2f}" for one in found))
    table.add_row("best search fitness", *(_number(one.experiment.progress.best_fitness) for one in found))
    outcomes = [one.outcome for one in found]
    winners = [None if one is None else one.winner for one in outcomes]
    table.add_row("winner", *("" if one is None else escape(f"{one.number} {one.label}") for one in winners))
    for split in ("search", "selection", "test"):
        cells = [None if one is None or one.gap is None else one.gap.get(split) for one in outcomes]
        if any(cells):
            table.add_row(f"winner on {split} items", *(_interval(cell) for cell in cells))
    return table


def plan_lines(plan: Plan) -> Iterator[RenderableType]:
    """Yield what a run needs."""
    yield f"{plan.dimensions} coefficients are searched"
    needs = plan.needs
    if needs is None:
        return
    yield _work_table(needs)
    yield _memory_table(needs)
    for node in needs.nodes:
        free = "" if node.free_bytes is None else f", {_gib(node.free_bytes)} of it free now"
        yield Text(f"{node.name}: {_gib(node.memory_bytes)}{free}; room for {node.workers} workers")
    disk = "unknown" if needs.store_bytes is None else f"{needs.store_bytes / 2**20:.1f} MiB"
    yield f"disk: {disk} for the store, {_gib(needs.export_bytes)} for the export"
    hours = "unknown" if needs.hours is None else f"{needs.hours:.2f} hours"
    yield Text(f"time: {hours} ({needs.hours_source})")


def methods_lines(methods: Sequence[MethodView]) -> Iterator[RenderableType]:
    """Yield merge methods with what can be searched of them."""
    from merging.operators.base import COSTS

    costs = {str(cost): text for cost, text in COSTS.items()}
    for method in methods:
        paper = "" if method.paper == "none" else f" (arXiv {method.paper})"
        yield f"[bold]{method.name}[/bold]  {escape(method.summary + paper)}"
        yield f"  {method.linear}; preparing takes {costs[method.cost]}"
        table = Table("parameter", "of", "default", "range", "searched", "meaning", box=None, padding=(0, 2))
        for one in method.parameters:
            searched = "yes" if one.searched else "if a range is given"
            owner = {"model": "each model", "merge": "the merge", "step": "each step"}[one.scope]
            table.add_row(one.name, owner, f"{one.default:g}", f"{one.low:g} to {one.high:g}", searched, one.doc)
        for option in method.options:
            choices = "" if option.choices is None else " | ".join(str(choice) for choice in option.choices)
            table.add_row(option.name, "option", str(option.default), choices, "", option.doc)
        yield table


def algorithms_lines(algorithms: Sequence[AlgorithmView]) -> Iterator[RenderableType]:
    """Yield search algorithms with their options."""
    for one in algorithms:
        yield f"[bold]{one.name}[/bold]  {escape(f'{one.summary} ({one.source})')}"
        table = Table("option", "type", "default", "meaning", box=None, padding=(0, 2))
        for option in one.options:
            default = "" if option.default is None else str(option.default)
            table.add_row(option.name, escape(option.kind), default, option.doc)
        if one.options:
            yield table


def _work_table(needs: NeedsView) -> Table:
    table = Table("stage", "candidates", "items", "tokens read", "tokens written, at most", box=None)
    for stage in needs.stages:
        counts = (stage.candidates, stage.items, stage.prompt_tokens, stage.generated_tokens)
        table.add_row(stage.stage, *("by the budget" if count is None else f"{count:,}" for count in counts))
    return table


def _memory_table(needs: NeedsView) -> Table:
    columns = {"node": needs.host_bytes, "each GPU": needs.device_bytes}
    shown = [name for name, parts in columns.items() if parts]
    table = Table("memory of one worker", *shown, box=None)
    for part in sorted({*needs.host_bytes, *needs.device_bytes}, key=lambda part: -needs.host_bytes.get(part, 0)):
        table.add_row(part, *(_gib(columns[name].get(part, 0)) for name in shown))
    table.add_row("together", *(_gib(sum(columns[name].values())) for name in shown))
    for part, size in needs.node_bytes.items():
        table.add_row(f"{part}, shared by a node's workers", _gib(size))
    if needs.mirror_bytes:
        table.add_row("of a merge, as far as it fits", "", _gib(needs.mirror_bytes))
    if needs.assumed:
        table.caption = f"operator state of {', '.join(needs.assumed)} is assumed"
    return table


def _interval(cell: Mapping[str, Any] | None) -> str:
    return "" if cell is None else f"{cell['mean']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
