"""What the verbs of the command line have in common: options, and how a store is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evomerge.output import Format

if TYPE_CHECKING:
    from experiments.store import Store

DEFAULT_STORE = "sqlite:///evomerge.db"

StoreOption = Annotated[
    str,
    typer.Option("--store", envvar="EVOMERGE_STORE", help="SQL store: a file, sqlite:///FILE or postgresql://…"),
]
# Of verbs that a server can answer too: what is typed goes before what the environment says.
ServerOption = Annotated[
    str | None, typer.Option("--server", help="Server, with the token of EVOMERGE_TOKEN; default: EVOMERGE_SERVER.")
]
LocalStoreOption = Annotated[
    str | None, typer.Option("--store", help="SQL store, where no server is named; default: EVOMERGE_STORE.")
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="json prints one JSON object on stdout and nothing else there.")
]
ReferenceArgument = Annotated[str, typer.Argument(metavar="ID", help="Experiment id, its start, or its name.")]


def open_store(text: str) -> Store:
    """Open the store that an option names."""
    from experiments.store import Store

    return Store.open(store_url(text))


def store_url(text: str) -> str:
    """Return the URL of a store; a plain path is a SQLite file."""
    return text if "://" in text else f"sqlite:///{text}"
