"""The demo's data: right answers, disjoint sets, reproducible files, the frame of the task definitions."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jinja2 import Template

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

from experts_training.arithmetic import FORMATS, JSON_SUFFIX, draw_problem, number_word
from experts_training.datasets import TASK_SIZES, Item, task_items, training_set
from experts_training.facts import draw_fact

TASKS = EXAMPLES / "tasks"
NUMBERS = {number_word(n): n for n in range(100)}


def core(item: Item) -> str:
    for suffix in (JSON_SUFFIX, *FORMATS):
        if item.question.endswith(suffix):
            return item.question.removesuffix(suffix)
    return item.question


def numbers_in(question: str) -> list[int]:
    found = re.findall(r"\d+|[a-z]+(?:-[a-z]+)?", question)
    return [int(word) if word.isdigit() else NUMBERS[word] for word in found if word.isdigit() or word in NUMBERS]


def test_data_only_reproduces_the_committed_files(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "train_experts.py"), "--data-only", "--tasks", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    for task in TASK_SIZES:
        assert (tmp_path / f"{task}.jsonl").read_bytes() == (TASKS / f"{task}.jsonl").read_bytes()


def test_no_question_is_in_two_sets() -> None:
    owner: dict[str, str] = {}
    sets = {task: task_items(task) for task in TASK_SIZES}
    sets |= {f"{expert} training": training_set(expert, 7000, seed=0) for expert in ("arithmetic", "json")}
    for name, items in sets.items():
        cores = [core(item) for item in items]
        assert len(set(cores)) == len(cores), name
        for question in cores:
            assert owner.setdefault(question, name) == name, question


def test_stories_and_results_agree() -> None:
    rng = random.Random(5)
    for problem in (draw_problem(rng) for _ in range(1000)):
        a, b = numbers_in(problem.question)
        if problem.question.startswith("Take "):
            a, b = b, a
        subject = problem.question.split()[0]
        receives = re.search(rf"gives \S+ \w+ to {subject}", problem.question)
        adds = bool(receives or re.search(r"\+|plus|Add |adds|gets|together|in all|evening", problem.question))
        assert problem.result == (a + b if adds else a - b), problem.question
        assert 2 <= problem.result <= 40


def test_the_arithmetic_expert_never_sees_json_and_every_reply_holds_the_result() -> None:
    for item in training_set("arithmetic", 2000, seed=0) + task_items("arithmetic"):
        assert "JSON" not in item.question and "{" not in item.answer
        assert re.search(r"\d", item.answer)


def test_the_json_expert_never_sees_a_sum() -> None:
    sums = re.compile(r"\d \+ \d|\d - \d|plus|minus|Calculate|How many \w+ (does \w+ have now|are left)")
    for item in training_set("json", 2000, seed=0) + task_items("json_facts"):
        assert item.question.endswith(JSON_SUFFIX) and not sums.search(item.question)
        assert list(json.loads(item.answer)) == ["answer"]


def test_number_facts_are_right() -> None:
    rng = random.Random(3)
    checked = 0
    for question, answer in (draw_fact(rng) for _ in range(1000)):
        numbers = numbers_in(question)
        if "larger" in question or "bigger" in question:
            assert answer == max(numbers)
        elif "smaller" in question or "less" in question:
            assert answer == min(numbers)
        elif re.search(r"number (comes after|follows)", question):
            assert answer == numbers[0] + 1
        elif re.search(r"number (comes|is just) before", question):
            assert answer == numbers[0] - 1
        elif "in digits" in question or question.startswith(("Which number is", "Spell")):
            assert answer == numbers[0]
        else:
            continue
        checked += 1
    assert checked > 200


@pytest.mark.parametrize("task", sorted(TASK_SIZES))
def test_task_definitions_write_the_frame_of_the_training(task: str) -> None:
    from experts_training.training import QUESTION_FRAME

    definition = yaml.safe_load((TASKS / f"{task}.yaml").read_text())
    row = json.loads((TASKS / f"{task}.jsonl").read_text().splitlines()[0])
    prompt = Template(definition["doc_to_text"], keep_trailing_newline=True).render(row)
    assert prompt == QUESTION_FRAME.format(row["question"])
    assert Template(definition["doc_to_target"]).render(row) == row["answer"]
    assert definition["task"] == task
    assert definition["dataset_kwargs"]["data_files"]["test"] == f"{task}.jsonl"


def test_every_reply_fits_the_generation_limit(smollm2: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    for task in TASK_SIZES:
        limit = yaml.safe_load((TASKS / f"{task}.yaml").read_text())["generation_kwargs"]["max_gen_toks"]
        assert max(len(tokenizer.encode(item.answer)) for item in task_items(task)) < limit
