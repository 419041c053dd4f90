"""The verbs of experiments; each asks a server or the local store, and prints the same of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evomerge.desk import Desk, open_desk
from evomerge.errors import EvomergeError, InvalidInput, NotFound, SpecError
from evomerge.options import FormatOption, LocalStoreOption, ReferenceArgument, ServerOption
from evomerge.output import Format, Output

if TYPE_CHECKING:
    from api.schemas.experiments import ExperimentDetail, ExperimentView

SpecArgument = Annotated[Path, typer.Argument(help="Experiment spec (YAML); 'evomerge schema' describes it.")]
# Who watches is in no hurry: a server that is restarted comes back.
WATCHING_S = 300.0
PriorityOption = Annotated[int, typer.Option(help="Larger goes first.")]


def list_experiments(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Show the newest N.")] = 20,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """List experiments, newest first."""
    from evomerge.tables import experiments_table

    with open_desk(server, store) as desk:
        found = list(desk.experiments(limit=limit))
    Output(format is Format.JSON).shown({"experiments": found}, [experiments_table(found)])


def show(
    experiment: ReferenceArgument,
    candidate: Annotated[int | None, typer.Option(help="Show this candidate instead, with its recipe.")] = None,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Show an experiment: state, standings, Pareto front, and the report once there is one."""
    with open_desk(server, store) as desk:
        if candidate is None:
            show_experiment(desk, experiment, Output(format is Format.JSON))
        else:
            _show_candidate(desk, experiment, candidate, Output(format is Format.JSON))


def show_experiment(desk: Desk, reference: str, out: Output) -> ExperimentDetail:
    """Print an experiment and return it."""
    from evomerge.tables import experiment_lines

    shown = desk.experiment(reference)
    out.shown(shown, experiment_lines(shown))
    return shown


def submit(
    spec: SpecArgument,
    priority: PriorityOption = 0,
    watch: Annotated[bool, typer.Option("--watch", help="Then watch it until it ends.")] = False,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Hand a spec to a server, which runs it as soon as there is room; a local store keeps it for its server."""
    out = Output(format is Format.JSON)
    with open_desk(server, store, patience_s=WATCHING_S if watch else 10) as desk:
        created = desk.submit(spec, priority)
        if watch:
            out.say(f"experiment {created.id} is submitted")
            _watch(desk, created.id, out)
        else:
            _changed(out, created, "submitted")


def watch(
    experiment: ReferenceArgument,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Follow an experiment until it ends, then show it; Ctrl-C ends the watching, not the experiment."""
    with open_desk(server, store, patience_s=WATCHING_S) as desk:
        _watch(desk, experiment, Output(format is Format.JSON))


def pause(
    experiment: ReferenceArgument,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Stop an experiment at the next moment that loses nothing; 'resume' goes on."""
    with open_desk(server, store) as desk:
        _changed(Output(format is Format.JSON), desk.pause(experiment), "asked to pause")


def cancel(
    experiment: ReferenceArgument,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """End an experiment for good; what was found so far stays."""
    with open_desk(server, store) as desk:
        _changed(Output(format is Format.JSON), desk.cancel(experiment), "asked to end")


def extend(
    experiment: ReferenceArgument,
    evaluations: Annotated[int | None, typer.Option(min=1, help="New total of passes over all search items.")] = None,
    items: Annotated[int | None, typer.Option(min=1, help="New total of scored items.")] = None,
    generated_tokens: Annotated[int | None, typer.Option(min=1, help="New total of generated tokens.")] = None,
    hours: Annotated[float | None, typer.Option(help="New total of hours.")] = None,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Raise limits of an experiment's budget while its search runs or waits."""
    given = {"evaluations": evaluations, "items": items, "generated_tokens": generated_tokens, "hours": hours}
    budget = {name: value for name, value in given.items() if value is not None}
    if not budget:
        raise InvalidInput("extend", "no limit is given", "give --evaluations, --items, --generated-tokens or --hours")
    with open_desk(server, store) as desk:
        _changed(Output(format is Format.JSON), desk.extend(experiment, budget), "extended")


def clone(
    experiment: ReferenceArgument,
    name: Annotated[str | None, typer.Option(help="Name of the new one; default: the same.")] = None,
    changes: Annotated[
        Path | None, typer.Option(help="YAML file with what is different: part of a spec, null removes a key.")
    ] = None,
    priority: PriorityOption = 0,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Submit an experiment's spec once more, with the budget that it has now, and changes."""
    changed = {} if changes is None else _read_mapping(changes)
    with open_desk(server, store) as desk:
        created = desk.clone(experiment, name=name, changes=changed, priority=priority)
        _changed(Output(format is Format.JSON), created, "submitted")


def inject(
    experiment: ReferenceArgument,
    recipe: Annotated[
        Path, typer.Argument(help="YAML or JSON file with a recipe; what it leaves out is as the spec has it.")
    ],
    label: Annotated[str, typer.Option(help="Its name in reports.")] = "injected",
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Have a merge of your own scored beside the search; it can win like any other candidate."""
    with open_desk(server, store) as desk:
        injected = desk.inject(experiment, _read_mapping(recipe), label=label)
    text = f"'{injected.label}' will be scored"
    Output(format is Format.JSON).result(injected, text)


def compare(
    experiments: Annotated[list[str], typer.Argument(metavar="ID...", help="Two to six experiments.")],
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Show experiments side by side."""
    from rich.text import Text

    from evomerge.tables import comparison_table

    if not 2 <= len(experiments) <= 6:
        raise InvalidInput("ID", f"{len(experiments)} experiments are named", "name two to six")
    with open_desk(server, store) as desk:
        found = desk.compare(experiments)
    Output(format is Format.JSON).shown(found, [comparison_table(found), *map(Text, found.warnings)])


def export(
    experiment: ReferenceArgument,
    out: Annotated[Path, typer.Option("--out", help="Directory to write; must hold nothing else.")],
    candidate: Annotated[
        int | None, typer.Option(help="Number of the candidate to export; default: the winner.")
    ] = None,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Write the winner as a Hugging Face checkpoint with its recipe and model card."""
    with open_desk(server, store) as desk:
        saved = desk.save(experiment, out, candidate)
    data = {"exported": {"path": saved.path, "files": saved.files}, "candidate": saved.candidate}
    label = saved.candidate.label or f"candidate {saved.candidate.number}"
    Output(format is Format.JSON).result(data, f"{label} written to {saved.path}")


def _show_candidate(desk: Desk, reference: str, number: int, out: Output) -> None:
    from evomerge.tables import candidate_lines

    shown = desk.candidate(reference, number)
    out.shown(shown, candidate_lines(shown, json.dumps(shown.recipe, indent=2)))


def _watch(desk: Desk, reference: str, out: Output) -> None:
    from evomerge.watching import follow
    from experiments.states import ExperimentState

    follow(desk, reference)
    shown = show_experiment(desk, reference, out)
    if shown.state is not ExperimentState.FINISHED:
        raise EvomergeError(f"experiment {shown.id} is {shown.state}" + (f": {shown.error}" if shown.error else ""))


def _changed(out: Output, shown: ExperimentView, done: str) -> None:
    out.result(shown, f"experiment {shown.name} {shown.id} is {done}; it is {shown.state.value} now")


def _read_mapping(path: Path) -> dict[str, Any]:
    from experiments.spec_yaml import read_document

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(str(path), f"it cannot be read: {error}", "give the path of a YAML file") from error
    data = read_document(text).data
    if not isinstance(data, dict):
        raise SpecError(str(path), "it holds no keys", "write 'key: value' lines")
    return data
