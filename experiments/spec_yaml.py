"""Reading the YAML of a spec: safe, without the surprises of YAML 1.1, and with line numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from evomerge.errors import SpecError

Location = tuple[int | str, ...]

# PyYAML follows YAML 1.1, where 1e-3 is text; everybody means a number.
_FLOAT = re.compile(
    r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
    r"|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class _SpecLoader(yaml.SafeLoader):
    """Safe loader whose mappings have unique text keys and whose dates stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML declares it as a plain class attribute)
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if key_node.tag != "tag:yaml.org,2002:str":
                shown = getattr(key_node, "value", "")
                shown = shown if isinstance(shown, str) else "a nested value"
                raise SpecError(f"line {line}", f"key {shown} is not text", f'quote it: "{shown}"')
            if key_node.value in seen:
                first = seen[key_node.value]
                raise SpecError(
                    f"line {line}",
                    f"key '{key_node.value}' is written twice (first on line {first})",
                    "keep one of the two",
                )
            seen[key_node.value] = line
        return super().construct_mapping(node, deep)


_SpecLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


@dataclass(frozen=True)
class Document:
    """A parsed YAML document: plain data, and the node tree that remembers the lines."""

    data: Any
    root: yaml.Node | None

    def line(self, location: Location) -> int | None:
        """Return the line (from 1) of the deepest node on the way to ``location``."""
        if self.root is None:
            return None
        value, named = self.root, self.root
        for part in location:
            step = _step(value, part)
            if step is None:
                break
            named, value = step
        return int(named.start_mark.line) + 1


def read_document(text: str) -> Document:
    """Parse one YAML document.

    Raises:
        SpecError: not YAML, more than one document, a duplicate key, a key that is not text, an unsafe
            tag; the message names the line.
    """
    try:
        loader = _SpecLoader(text)
        try:
            root = loader.get_single_node()
            data = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else "spec"
        raise SpecError(where, f"not valid YAML: {error.problem}", "correct the YAML syntax there") from error
    except (yaml.YAMLError, ValueError) as error:
        cause = str(error).splitlines()[0]
        raise SpecError("spec", f"not valid YAML: {cause}", "write the spec as plain YAML text") from error
    except RecursionError as error:
        raise SpecError("spec", "values are nested too deeply", "remove the nesting") from error
    return Document(data, root)


def _step(node: yaml.Node, part: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the node that names a child (its key, or itself in a list) and the child."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
