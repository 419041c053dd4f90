"""The demo's calibration file: reproducible, for both experts, without a question of any task."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from merging.calibration.data import load_examples

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILE = EXAMPLES / "calibration" / "json-math.jsonl"


def test_the_script_reproduces_the_committed_file(tmp_path: Path) -> None:
    out = tmp_path / "new" / "file.jsonl"
    subprocess.run([sys.executable, str(EXAMPLES / "write_calibration.py"), "--out", str(out)], check=True, timeout=60)
    assert out.read_bytes() == FILE.read_bytes()


def test_both_experts_have_labelled_examples_that_no_task_asks() -> None:
    found = load_examples(FILE, experts=("arithmetic", "json"), limit=64, seed=0, labelled=True)
    assert {expert: len(examples) for expert, examples in found.items()} == {"arithmetic": 32, "json": 32}
    asked = {
        json.loads(line)["question"]
        for task in (EXAMPLES / "tasks").glob("*.jsonl")
        for line in task.read_text(encoding="utf-8").splitlines()
    }
    assert len(asked) >= 900
    for example in (one for examples in found.values() for one in examples):
        question = example.prompt.removeprefix("<|im_start|>user\n").removesuffix("<|im_end|>\n<|im_start|>assistant\n")
        assert question != example.prompt
        assert question not in asked
        assert example.completion is not None and example.completion.endswith("<|im_end|>")
