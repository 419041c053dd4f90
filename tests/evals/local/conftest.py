"""Task files in the short form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from legs import rows


@pytest.fixture
def write_form(tmp_path: Path) -> Callable[..., Path]:
    """Write a task file in the short form with its data; keyword arguments replace its keys."""

    def write(name: str = "legs", data_rows: Sequence[dict[str, Any]] | None = None, **keys: Any) -> Path:
        text = "".join(json.dumps(row) + "\n" for row in (rows() if data_rows is None else data_rows))
        (tmp_path / f"{name}.jsonl").write_text(text)
        form: dict[str, Any] = {
            "data": f"{name}.jsonl",
            "prompt": "{{question}}",
            "answer": "total",
            "score": "numeric",
            "stop": ["<|im_end|>"],
            "max_tokens": 32,
        }
        form.update(keys)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in form.items() if value is not None}))
        return path

    return write
