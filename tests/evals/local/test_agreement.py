"""Every kind of score against lm-eval's own evaluator on one checkpoint, and against what the answers deserve."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from judges import FakeJudge
from legs import ANSWERS, rows

from evals.local.compiling import compile_form, read_form
from evals.splits import item_id
from evals.suite import TaskSuite
from evals.tasks import SPLITS, TaskDefinition

SCHEMA = {"type": "object", "properties": {"legs": {"type": "integer"}}, "required": ["legs"]}
PROGRAM = "{{code}}\nassert legs(1) == 2\n"
# Kind -> keys of the task file, and the score that each of the twelve answers deserves.
CASES: dict[str, tuple[dict[str, Any], list[float]]] = {
    "numeric": ({}, [1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1]),
    "numeric first": ({"score": {"kind": "numeric", "which": "first"}}, [1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1]),
    "near": ({"score": {"kind": "numeric", "tolerance": 0.2}}, [1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1]),
    "exact": (
        {"answer": "{{value | tojson}}", "score": {"kind": "exact", "ignore_punctuation": True, "ignore_case": True}},
        [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0],
    ),
    "regex": (
        {"answer": "letter", "score": {"kind": "regex", "pattern": "(It|legs)"}},
        [1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0],
    ),
    "json": (
        {"answer": "value", "score": {"kind": "json", "schema": SCHEMA}},
        [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    ),
    "json fenced": ({"answer": None, "score": {"kind": "json", "fenced": True}}, [0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0]),
    "code": ({"answer": None, "score": {"kind": "code", "program": PROGRAM}}, [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0]),
    "judge": (
        {
            "answer": None,
            "score": {"kind": "judge", "model": "m", "rubric": "{{question}} {{output}}", "scale": [0, 4]},
        },
        [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0],
    ),
}
OURS = {"near", "json", "json fenced", "code", "judge"}
"""Kinds that lm-eval has no metric for."""


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Any, teach: Any) -> Any:
    path = tiny_llama(tmp_path_factory.mktemp("taught") / "model", seed=5, num_hidden_layers=1)
    return teach(path, [(row["question"], ANSWERS[row["noun"]]) for row in rows()], 150)


@pytest.fixture
def lm_evals(reference: Callable[..., Any]) -> Callable[..., dict[str, float]]:
    """Scores by item of a task file, from lm-eval's evaluator and its own way of reading the data."""

    def run(lm: Any, path: Path, metric: str, by_lm_eval_alone: bool) -> dict[str, float]:
        compiled = compile_form(path, read_form(path, yaml.safe_load(path.read_text())))
        written = path.with_suffix(".rows.jsonl")
        written.write_text("".join(json.dumps(row.values) + "\n" for row in compiled.rows["test"]))
        config = {
            "task": path.stem,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(written)}},
            **compiled.config,
        }
        source: Any = config
        if by_lm_eval_alone:
            source = str(path.with_suffix(".lm_eval.yaml"))
            Path(source).write_text(yaml.safe_dump(config))
        return {item_id(sample["doc"]): sample[metric] for sample in reference(lm, source)}

    return run


@pytest.mark.parametrize("kind", CASES)
def test_scores_equal_lm_evals_and_what_answers_deserve(
    kind: str,
    taught: Any,
    write_form: Callable[..., Path],
    lm_evals: Callable[..., dict[str, float]],
    fake_judge: Callable[[], FakeJudge],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("EVOMERGE_ALLOW_CODE_TASKS", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keys, deserved = CASES[kind]
    judge = fake_judge()
    judge.reply = lambda question: f"I see.\nScore: {4 if '4' in question.split('?')[1].split('End')[0] else 0}"
    if kind == "judge":
        keys = {**keys, "score": keys["score"] | {"url": judge.url}}
    path = write_form(**keys)
    suite = TaskSuite.load([TaskDefinition("legs", str(path), search=6, selection=3, test=3)])
    ours = {one.item: one for split in SPLITS for one in suite.score(taught, split)}
    theirs = lm_evals(taught, path, suite._tasks[0].metric, kind not in OURS)
    assert {item: one.score for item, one in ours.items()} == theirs
    nouns = {item: doc["noun"] for item, doc in suite._tasks[0].docs.items()}
    said = {nouns[item]: one.output for item, one in ours.items()}
    assert said == ANSWERS
    assert {noun: ours[item].score for item, noun in nouns.items()} == dict(zip(ANSWERS, deserved, strict=True))


def test_exact_answers_can_be_forced(taught: Any, write_form: Callable[..., Path]) -> None:
    said = [row | {"total": ANSWERS[row["noun"]][number % 2 :]} for number, row in enumerate(rows())]
    source = str(write_form(data_rows=said, score={"kind": "exact", "strip": False}))
    sizes = {"search": 10, "selection": 1, "test": 1}
    both = [TaskDefinition("legs", source, teacher_forced=forced, **sizes) for forced in (True, False)]
    forced, generated = (TaskSuite.load([one]).score(taught, "search") for one in both)
    assert [(one.item, one.score) for one in forced] == [(one.item, one.score) for one in generated]
    assert {one.score for one in forced} == {0.0, 1.0}


@pytest.mark.parametrize("normalize", [False, True])
def test_choices_equal_lm_evals(
    normalize: bool, taught: Any, write_form: Callable[..., Path], lm_evals: Callable[..., dict[str, float]]
) -> None:
    keys = {"choices": ["It has", "def legs(x): return"], "answer": "side", "separator": ""}
    path = write_form(score={"kind": "choice", "normalize": normalize}, stop=None, max_tokens=None, **keys)
    suite = TaskSuite.load([TaskDefinition("legs", str(path), search=6, selection=3, test=3)])
    ours = {one.item: one.score for split in SPLITS for one in suite.score(taught, split)}
    assert ours == lm_evals(taught, path, "acc_norm" if normalize else "acc", True)
    assert len(set(ours.values())) == 2


def test_examples_system_text_and_a_search_file_of_its_own(taught: Any, tmp_path: Path) -> None:
    from evals.scoring import plan

    shots = [{"question": f"Shot {number}?", "total": number} for number in range(5)]
    for name, data in {"seen": rows()[:8], "unseen": rows()[6:], "shots": shots}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    files = {"search": "seen.jsonl", "test": "unseen.jsonl", "examples": "shots.jsonl"}
    path = tmp_path / "three.yaml"
    keys = {"data": files, "prompt": "{{question}}", "answer": "total", "score": "numeric", "stop": ["\n"]}
    path.write_text(yaml.safe_dump({**keys, "examples": 2, "system": "Count.\n", "separator": " "}))
    suite = TaskSuite.load([TaskDefinition("three", str(path), search=4, selection=2, test=6)])
    nouns = {s: {suite._tasks[0].docs[r.item]["noun"] for r in suite.items(s)} for s in SPLITS}
    # Two items are in both files: they are test items alone.
    assert nouns["search"] | nouns["selection"] == set(list(ANSWERS)[:6])
    assert nouns["test"] == set(list(ANSWERS)[6:])
    prompt = plan(taught, suite._tasks[0], "search")[0].instances[0].args[0]
    assert prompt.startswith("Count.\n")
    assert prompt.count("Shot") == 2
    assert suite.describe()["three"]["pools"] == {
        "search": {"split": "search", "rows": 8},
        "test": {"split": "test", "rows": 6},
    }
