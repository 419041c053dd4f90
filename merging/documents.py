"""YAML and JSON files whose entries know where they are written, so that every complaint names file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evomerge.errors import RecipeError, nearest

MOST_ENTRIES = 200_000


@dataclass(frozen=True)
class Node:
    """One entry of a document.

    Args:
        value: plain data.
        path: where it is in the document, such as ``models[0].parameters.weight``; empty for the whole.
        file: how messages name the file.
        lines: line number of every entry of the document, by path.
    """

    value: Any
    path: str
    file: str
    lines: Mapping[str, int]

    @property
    def where(self) -> str:
        """File, line and path of the entry, as far as they are known."""
        line = self.lines.get(self.path)
        return ": ".join(part for part in (self.file, f"line {line}" if line else "", self.path) if part)

    def error(self, problem: str, fix: str) -> RecipeError:
        """Return an error about this entry."""
        return RecipeError(self.where, problem, fix)

    def wrong_type(self, expected: str) -> RecipeError:
        """Return the error for a value of the wrong type."""
        return self.error(f"found {self.value!r}, expected {expected}", f"write {expected}")

    def fields(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Node]:
        """Return the entries of a mapping that are not null.

        Raises:
            RecipeError: no mapping, an unknown key, or a required one is missing.
        """
        known = tuple(known)
        entries = self.entries()
        for key, node in entries.items():
            if key not in known:
                raise node.error("is not a key that is known here", nearest(key, known))
        for key in required:
            if key not in entries:
                raise self.error(f"{key!r} is missing", f"add '{key}'")
        return entries

    def entries(self) -> dict[str, Node]:
        """Return the entries of a mapping with free keys, without those that are null.

        Raises:
            RecipeError: no mapping, or a key that is no string.
        """
        if not isinstance(self.value, dict):
            raise self.wrong_type("a mapping")
        for key in self.value:
            if not isinstance(key, str):
                raise self.error(f"the key {key!r} is no string", "put it in quotes")
        return {key: self._child(f".{key}", value) for key, value in self.value.items() if value is not None}

    def items(self) -> tuple[Node, ...]:
        """Return the entries of a list.

        Raises:
            RecipeError: no list, or an empty one.
        """
        if not isinstance(self.value, list) or not self.value:
            raise self.wrong_type("a list with at least one entry")
        return tuple(self._child(f"[{index}]", value) for index, value in enumerate(self.value))

    def text(self) -> str:
        """Return a string.

        Raises:
            RecipeError: no string.
        """
        if not isinstance(self.value, str):
            raise self.wrong_type("a string")
        return self.value

    def one_of(self, choices: Iterable[str]) -> str:
        """Return one of some strings.

        Raises:
            RecipeError: another value.
        """
        choices = tuple(choices)
        if self.value not in choices:
            raise self.error(f"found {self.value!r}", nearest(str(self.value), choices))
        return self.text()

    def integer(self) -> int:
        """Return an integer.

        Raises:
            RecipeError: no integer.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong_type("an integer")
        return self.value

    def _child(self, step: str, value: Any) -> Node:
        return Node(value, f"{self.path}{step}".removeprefix("."), self.file, self.lines)


def load_documents(text: str, file: str) -> list[Node]:
    """Parse every document of a YAML text (JSON is YAML too); only plain data is built.

    Args:
        text: the content.
        file: how messages name it.

    Raises:
        RecipeError: not YAML, a key that is written twice, or no document at all.
    """
    loader = yaml.SafeLoader(text)
    documents: list[Node] = []
    try:
        while loader.check_node():
            root = loader.get_node()
            lines = _Lines(file)
            _walk(root, "", lines)
            documents.append(Node(loader.construct_document(root), "", file, lines.known))
    except yaml.YAMLError as error:
        raise RecipeError(file, f"is not valid YAML ({' '.join(str(error).split())})", "correct the file") from error
    except RecursionError as error:
        raise RecipeError(file, "is nested too deeply or refers to itself", "write it without anchors") from error
    finally:
        loader.dispose()
    documents = [document for document in documents if document.value is not None]
    if not documents:
        raise RecipeError(file, "is empty", "write a recipe")
    return documents


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        RecipeError: the file is missing, unreadable or no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(str(path), "is no UTF-8 text", "give a YAML or JSON file") from error
    except OSError as error:
        raise RecipeError(str(path), f"cannot be read ({error.strerror})", "give the path of a recipe file") from error


class _Lines:
    """Line numbers by path."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.known: dict[str, int] = {}

    def note(self, path: str, line: int) -> None:
        # Aliases of aliases grow without bound; no recipe comes near this.
        if len(self.known) > MOST_ENTRIES:
            raise RecipeError(self.file, f"has more than {MOST_ENTRIES} entries", "write it without anchors")
        if path in self.known:
            where = f"{self.file}: line {line}: {path}"
            raise RecipeError(where, f"is written in line {self.known[path]} already", "keep one")
        self.known[path] = line


def _walk(node: yaml.Node | None, path: str, lines: _Lines) -> None:
    if node is None:
        return
    if path:
        lines.note(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            # A merge key brings in the entries of another mapping; those keep their own lines.
            if key.tag != "tag:yaml.org,2002:merge":
                _walk(value, f"{path}.{key.value}".removeprefix("."), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, f"{path}[{index}]", lines)
