"""Where a key stands in a YAML file."""

from __future__ import annotations

from pathlib import Path

import yaml


def place(path: Path, *keys: str | int) -> str:
    """Return ``file:line: key.key`` of a key, with the line of the last of the keys that the file has."""
    names = ".".join(map(str, keys))
    node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next(((name, value) for name, value in node.value if name.value == str(key)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
    return f"{path}:{line}: {names}" if names else f"{path}:{line}"
