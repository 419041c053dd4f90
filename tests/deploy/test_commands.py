"""Every command line and variable of the deployment files is one that the programs know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from api.settings import Settings
from deployment import PAGES, Command, commands, environments
from evomerge.cli import app


def parse(group: Any, words: list[str]) -> None:
    """Parse a command line down to the last command, as when it runs, without running it."""
    context = group.make_context(words[0], words[1:])
    while hasattr(group, "resolve_command"):
        name, group, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        context = group.make_context(name, rest, parent=context)


def variables(group: Any) -> Iterator[str]:
    for command in getattr(group, "commands", {}).values():
        yield from variables(command)
    for parameter in group.params:
        if parameter.envvar:
            yield parameter.envvar


@pytest.mark.parametrize("command", commands(), ids=lambda command: f"{command.where}: {' '.join(command.words)}")
def test_a_command_line_can_be_parsed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_HEAD_IP", "127.0.0.1")
    if command.words[0] == "evomerge":
        parse(typer.main.get_command(app), command.words)
    else:
        assert command.words[0] == "ray"
        from ray.scripts.scripts import cli

        parse(cli, command.words)


def test_a_wrong_command_line_cannot_be_parsed() -> None:
    """The test above would notice: an unknown verb, an unknown option, a missing argument."""
    for words in (["evomerge", "shwo"], ["evomerge", "ls", "--no-such-option"], ["evomerge", "show"]):
        with pytest.raises(Exception, match=r"No such (command|option)|Missing parameter"):
            parse(typer.main.get_command(app), words)


def ours() -> list[str]:
    """Our variables that the deployment files set and the page on installing lists."""
    listed = re.findall(r"^\| `(EVOMERGE_\w+)`", (PAGES / "install.md").read_text(), re.MULTILINE)
    return sorted({*listed, *(name for _, name, _ in environments() if name.startswith("EVOMERGE_"))})


@pytest.mark.parametrize("name", ours())
def test_a_variable_is_one_that_is_read(name: str) -> None:
    settings = {f"EVOMERGE_{field.upper()}" for field in Settings.model_fields}
    assert name in settings | set(variables(typer.main.get_command(app)))


def test_no_variable_opens_an_engine_to_others() -> None:
    dangerous = {"VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_INSECURE_SERIALIZATION"}
    assert not dangerous & {name for _, name, _ in environments()}
