"""Write the table of settings of docs/service.md from what they declare: ``python docs/settings_table.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from api.settings import Settings

PAGE = Path(__file__).with_name("service.md")
BEGIN = "<!-- settings: written by `python docs/settings_table.py`, checked by a test -->\n"
END = "<!-- end of settings -->"


def page() -> str:
    """Return docs/service.md with the present table."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


def table() -> str:
    """Return the Markdown table of all settings, in the order of their documentation."""
    listed = inspect.cleandoc(Settings.__doc__ or "").partition("Attributes:\n")[2]
    meanings = dict(re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", listed, re.MULTILINE))
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, meaning in meanings.items():
        default = _shown(Settings.model_fields[name].default)
        text = re.sub(r"``(\w+)``", _variable, re.sub(r"\s+", " ", meaning)).replace("``", "`")
        rows.append(f"| `EVOMERGE_{name.upper()}` | {default} | {text} |")
    return "\n".join(rows) + "\n"


def _variable(name: re.Match[str]) -> str:
    return f"`EVOMERGE_{name[1].upper()}`" if name[1] in Settings.model_fields else f"`{name[1]}`"


def _shown(default: Any) -> str:
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return "" if default in (None, "") else f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
