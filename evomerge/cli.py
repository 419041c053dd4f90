"""The command line: results on stdout, messages on stderr, one exit code per kind of ending."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from evomerge.adapters_cli import adapter_app, pack
from evomerge.catalog_cli import algorithms, methods, models, tasks
from evomerge.desk import open_desk
from evomerge.errors import EngineError, EvomergeError, Interrupted, InvalidInput
from evomerge.evaluate_cli import evaluate
from evomerge.evaluations_cli import evaluations
from evomerge.experiments_cli import (
    cancel,
    clone,
    compare,
    export,
    extend,
    inject,
    list_experiments,
    pause,
    show,
    submit,
    watch,
)
from evomerge.merge_cli import merge
from evomerge.options import (
    DEFAULT_STORE,
    FormatOption,
    LocalStoreOption,
    ReferenceArgument,
    ServerOption,
    StoreOption,
    open_store,
    store_url,
)
from evomerge.output import Format, Output
from evomerge.report_cli import report
from evomerge.service_cli import db_app, driver, serve, token_app

if TYPE_CHECKING:
    from experiments.store import Store

app = typer.Typer(
    help="Find the best way to merge a set of language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    spec: Annotated[Path, typer.Argument(help="Experiment spec (YAML); 'evomerge schema' describes it.")],
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Show it in a browser while it runs.")] = False,
    store: StoreOption = DEFAULT_STORE,
    format: FormatOption = Format.TEXT,
) -> None:
    """Search for the best merge of a spec's models, on this machine or the cluster of RAY_ADDRESS."""
    from evomerge import beside
    from experiments.spec import load_any
    from optimizer.early import EarlyStart
    from optimizer.launch import create

    out = Output(format is Format.JSON)
    loaded = load_any(spec)
    with ExitStack() as held:
        opened = held.enter_context(open_store(store))
        if dashboard:
            out.say(f"look at it: {held.enter_context(beside.dashboard(opened, store_url(store)))}")
        out.say(f"checking {spec}")
        early = held.enter_context(EarlyStart())
        experiment, plan = create(opened, loaded.spec, loaded.source_dir, allow_code=True, say=out.say, early=early)
        out.say(f"experiment {experiment.id}: {len(plan.space.genes)} coefficients are searched")
        _drive(out, opened, experiment, plan)
        if dashboard:
            out.say("its pages end with it; 'evomerge serve' on the same store shows them again")


@app.command()
def plan(
    spec: Annotated[Path, typer.Argument(help="Experiment spec (YAML).")],
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Say what a run of a spec will need, in memory, work, disk and time, and refuse what cannot fit."""
    from evomerge.local_desk import LocalDesk
    from evomerge.tables import plan_lines

    out = Output(format is Format.JSON)
    with open_desk(server, store) as desk:
        # A server refuses what does not fit; here people see the numbers first, and a program gets one object.
        found, refusal = desk.plan(spec) if isinstance(desk, LocalDesk) else (desk.validate(spec), None)
    if refusal is None or not out.json:
        out.shown(found, plan_lines(found))
    if refusal is not None:
        raise refusal


@app.command()
def resume(
    experiment: ReferenceArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Take over from a driver that seems to live; its next write fails.")
    ] = False,
    server: ServerOption = None,
    store: LocalStoreOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Go on with an interrupted experiment, here or on its server; nothing finished is scored again."""
    from evomerge.client import Client

    out = Output(format is Format.JSON)
    with open_desk(server, store) as desk:
        if isinstance(desk, Client):
            if force:
                raise InvalidInput("--force", "a server looks after its drivers itself", "leave it out")
            shown = desk.resume(experiment)
            out.result(shown, f"experiment {shown.name} {shown.id} goes on as soon as there is room")
            return
        from evomerge.local_desk import LocalDesk
        from experiments.drivers import check_free
        from optimizer.early import EarlyStart
        from optimizer.launch import reopen

        assert isinstance(desk, LocalDesk)
        known = desk.store.get_experiment(experiment)
        if not force:
            check_free(known.id, known.driver)  # before anything is started for it
        with EarlyStart() as early:
            found, plan = reopen(desk.store, experiment, allow_code=True, early=early)
            out.say(f"resuming experiment {found.id}")
            _drive(out, desk.store, found, plan, force=force)


for name, verb in (
    ("ls", list_experiments),
    ("show", show),
    ("submit", submit),
    ("watch", watch),
    ("pause", pause),
    ("cancel", cancel),
    ("extend", extend),
    ("clone", clone),
    ("inject", inject),
    ("compare", compare),
    ("export", export),
    ("report", report),
    ("evaluate", evaluate),
    ("evaluations", evaluations),
    ("methods", methods),
    ("algorithms", algorithms),
    ("models", models),
    ("tasks", tasks),
):
    app.command(name)(verb)
app.command()(merge)
app.command()(pack)
app.add_typer(adapter_app, name="adapter")
app.command()(serve)
app.command()(driver)
app.add_typer(db_app, name="db")
app.add_typer(token_app, name="token")


@app.command()
def schema(format: FormatOption = Format.JSON) -> None:
    """Print the JSON schema of the experiment spec; it is JSON in either format."""
    from experiments.spec import json_schema

    Output(json=True).document(json_schema())


@app.command()
def doctor(store: StoreOption = DEFAULT_STORE, format: FormatOption = Format.TEXT) -> None:
    """Check that this machine can run experiments, down to an engine that scores a small model."""
    from evomerge.doctor import examine

    out = Output(format is Format.JSON)
    checks = []
    for check in examine(store_url(store)):
        checks.append(check)
        out.check(check)
    out.checks_done(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the ``evomerge`` command."""
    # Weights come from where the spec says; nothing else is to be fetched behind the user's back.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except EvomergeError as error:
        Output(_requested_format() == "json").error(error)
        sys.exit(error.exit_code)
    except SystemExit as end:
        # The parser has explained itself on stderr; a program that reads stdout is owed an object there.
        if end.code == InvalidInput.exit_code and _requested_format() == "json":
            message = "the command line is not valid; stderr says why"
            Output(json=True).document({"error": {"code": "usage", "message": message}})
        if not end.code and sys.argv[1:2] == ["merge"]:
            _leave()
        raise


def _leave() -> None:
    """End a process that has done its work; taking torch apart would take a tenth of a small merge's time."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _drive(out: Output, store: Store, experiment: Any, plan: Any, *, force: bool = False) -> None:
    from evomerge.live import LiveView
    from optimizer.launch import drive
    from optimizer.outcome import export as export_candidate
    from optimizer.outcome import summarize

    try:
        with LiveView(Console(stderr=True)) as live:
            drive(store, experiment, plan, live.update, force=force)
    except (Interrupted, KeyboardInterrupt):
        raise Interrupted(
            f"experiment {experiment.id} is interrupted, nothing finished is lost. "
            f"Go on with: evomerge resume {experiment.id}"
        ) from None
    except EngineError as error:
        raise EngineError(f"{error}. Once that is mended: evomerge resume {experiment.id}") from error
    finished = store.get_experiment(experiment.id)
    directory = plan.output(experiment.id)
    exported = None if directory is None else export_candidate(store, finished, directory)
    out.summary(summarize(store, finished), exported)


def _requested_format() -> str:
    """The --format of a command line that failed before it could be parsed in full."""
    words = sys.argv[1:]
    return next(
        (
            word.partition("=")[2] or following
            for word, following in zip(words, [*words[1:], ""], strict=True)
            if word == "--format" or word.startswith("--format=")
        ),
        "text",
    )
