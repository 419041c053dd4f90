"""The example of a black box runs as it is, and finds what its scorer hides."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import yaml

from experiments.spec import json_schema
from runs import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_example_runs_and_its_winner_is_better_than_its_start(tmp_path: Path) -> None:
    words = ("run", EXAMPLES / "blackbox.yaml", "--store", f"sqlite:///{tmp_path / 'box.db'}", "--format", "json")
    done = run(*words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    sys.path.insert(0, str(EXAMPLES))
    try:
        from blackbox_scorer import BEST
    finally:
        sys.path.remove(str(EXAMPLES))
    winner = found["winner"]["recipe"]["blackbox"]
    assert winner.keys() == BEST.keys()
    assert max(abs(winner[name] - best) for name, best in BEST.items()) < 0.25
    assert found["report"]["significant"]


def test_the_examples_are_what_the_schema_says() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    specs = sorted(EXAMPLES.glob("*.yaml"))
    assert len(specs) >= 3
    for path in specs:
        validator.validate(yaml.safe_load(path.read_text()))
