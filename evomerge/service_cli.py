"""The verbs of whoever runs a service: serve, driver, db, token."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evomerge.errors import InvalidInput
from evomerge.options import DEFAULT_STORE, FormatOption, StoreOption, open_store, store_url
from evomerge.output import Format, Output

if TYPE_CHECKING:
    from experiments.entities import Token

db_app = typer.Typer(help="The store itself: upgrade, backup, check.", no_args_is_help=True)
token_app = typer.Typer(help="Access tokens of the service.", no_args_is_help=True)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; default 127.0.0.1 (EVOMERGE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; default 8000 (EVOMERGE_PORT).")] = None,
    store: Annotated[str | None, typer.Option(help="SQL store (EVOMERGE_STORE).")] = None,
    launcher: Annotated[
        str | None, typer.Option(help="local, ray or none: who runs the drivers (EVOMERGE_LAUNCHER).")
    ] = None,
    until_stdin_ends: Annotated[
        bool, typer.Option("--until-stdin-ends", help="End when the standard input does.", hidden=True)
    ] = False,
) -> None:
    """Serve the API, and run what is submitted; every setting is an environment variable, see docs/service.md."""
    from api.server import serve as run
    from api.settings import load_settings

    if until_stdin_ends:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    run(load_settings(host=host, port=port, store=store, launcher=launcher))


def driver(
    experiment: Annotated[str | None, typer.Option(help="Full id of the experiment to drive.")] = None,
    artifact: Annotated[str | None, typer.Option(help="Id of a pending artifact to make, instead.")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Drive one experiment of a store to its end: what servers start, and 'ray job submit' can."""
    from api.logs import configure
    from api.settings import load_settings

    if (experiment is None) == (artifact is None):
        raise InvalidInput("--experiment", "give it or --artifact, and not both", "name an experiment of the store")
    configure(load_settings(store=store_url(store)))
    if artifact is not None:
        from optimizer.exports import make_artifact

        with open_store(store) as opened:
            make_artifact(opened, artifact)
        return
    from evomerge.driver_log import DriverLog
    from optimizer.unattended import drive_unattended

    assert experiment is not None
    log = DriverLog(experiment)
    drive_unattended(store_url(store), experiment, log.update, log.say)


def _end_with_stdin() -> None:
    # Not sys.stdin, whose lock this thread would hold while the interpreter ends.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


@db_app.command()
def upgrade(store: StoreOption = DEFAULT_STORE, format: FormatOption = Format.TEXT) -> None:
    """Create the store or bring its schema up to date; several at once wait for each other."""
    with open_store(store) as opened:
        revision = opened.schema()
    Output(format is Format.JSON).result({"schema": revision}, f"the store has schema {revision}")


@db_app.command()
def backup(
    out: Annotated[Path, typer.Option("--out", help="File to write; must not exist.")],
    store: StoreOption = DEFAULT_STORE,
    format: FormatOption = Format.TEXT,
) -> None:
    """Copy a SQLite store while it is in use; for PostgreSQL use pg_dump."""
    from experiments.maintenance import backup_sqlite

    backup_sqlite(store_url(store), out)
    Output(format is Format.JSON).result({"file": str(out), "bytes": out.stat().st_size}, f"copied to {out}")


@db_app.command()
def check(store: StoreOption = DEFAULT_STORE, format: FormatOption = Format.TEXT) -> None:
    """Prove that a store is whole: its files, its keys, its counts and its ledgers."""
    with open_store(store) as opened:
        problems = opened.audit()
    Output(format is Format.JSON).result({"problems": problems}, "\n".join(problems) or "the store is whole")
    if problems:
        raise typer.Exit(1)


@token_app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[str, typer.Option(help="read, run or admin.")] = "run",
    owner: Annotated[str, typer.Option(help="Who bears it: experiments and quotas are by owner.")] = "admin",
    days: Annotated[float | None, typer.Option(help="Valid for so many days; default: for ever.")] = None,
    store: StoreOption = DEFAULT_STORE,
    format: FormatOption = Format.TEXT,
) -> None:
    """Make a token; its secret is printed once."""
    from experiments.states import Scope

    if scope not in list(Scope):
        raise InvalidInput("--scope", f"'{scope}' is none", f"choose one of {', '.join(Scope)}")
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with open_store(store) as opened:
        token, secret = opened.create_token(name, Scope(scope), owner, expires)
    Output(format is Format.JSON).result({"token": token, "secret": secret}, secret)


@token_app.command("ls")
def list_tokens(store: StoreOption = DEFAULT_STORE, format: FormatOption = Format.TEXT) -> None:
    """List tokens, newest first."""
    with open_store(store) as opened:
        _print_tokens(format, opened.tokens())


@token_app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="Id of the token.")],
    store: StoreOption = DEFAULT_STORE,
    format: FormatOption = Format.TEXT,
) -> None:
    """End a token now."""
    with open_store(store) as opened:
        _print_tokens(format, [opened.revoke_token(token)])


def _print_tokens(format: Format, tokens: Sequence[Token]) -> None:
    rows = [
        [
            one.id,
            one.name,
            one.owner,
            one.scope.value,
            "revoked" if one.revoked_at else _moment(one.expires_at, "never ends"),
        ]
        for one in tokens
    ]
    Output(format is Format.JSON).listed("tokens", tokens, ("id", "name", "owner", "scope", "until"), rows)


def _moment(at: datetime | None, never: str) -> str:
    return never if at is None else f"{at:%Y-%m-%d %H:%M}"
