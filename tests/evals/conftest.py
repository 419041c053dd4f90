"""A small model that has really learnt its answers, and the task files it is scored on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

END = "<|im_end|>"
NOUNS = """river stone apple tiger cloud piano candle bridge forest mirror ladder harp
    window garden pencil rocket basket hammer feather island teapot wagon button lantern"""
COLOURS = ["red", "deep blue", "green"]


def questions() -> list[dict[str, Any]]:
    """24 questions whose answers the model of this folder was trained on."""
    rows = []
    for number, noun in enumerate(NOUNS.split()):
        label = number * 5 % 7 % 3
        rows.append(
            {
                "question": f"Which colour has the {noun}?",
                "answer": COLOURS[label],
                "choices": COLOURS,
                "label": label,
            }
        )
    return rows


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return questions()


@pytest.fixture
def write_task(tmp_path: Path) -> Callable[..., str]:
    """Write a task file with its data and return its path; keyword arguments replace the file's keys."""

    def write(name: str = "quiz", rows: Sequence[dict[str, Any]] | None = None, **keys: Any) -> str:
        data = tmp_path / f"{name}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in (questions() if rows is None else rows)))
        config: dict[str, Any] = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_text": "{{question}}",
            "doc_to_target": "{{answer}}",
            "target_delimiter": "",
            "generation_kwargs": {"until": [END], "do_sample": False, "max_gen_toks": 8},
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        }
        config.update(keys)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in config.items() if value is not None}))
        return str(path)

    return write


def train(path: Path, pairs: Sequence[tuple[str, str]], steps: int) -> Any:
    """Return an lm-eval model: the checkpoint, trained until it answers each text with what belongs to it."""
    import torch
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    prompts = [tokenizer.encode(prompt) for prompt, _ in pairs]
    answers = [tokenizer.encode(answer + END) for _, answer in pairs]
    width = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
    tokens = torch.full((len(pairs), width), tokenizer.pad_token_id)
    before = torch.zeros(len(pairs), width, dtype=torch.bool)
    for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        tokens[number, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        before[number, len(prompt) - 1 : len(prompt) + len(answer) - 1] = True
    # Logits of the words that are answered and of some others, in place of all 49152: those are most of the work.
    words, targets = torch.unique(tokens.roll(-1, dims=1)[before], return_inverse=True)
    others = torch.arange(0, len(tokenizer), 97)
    words = torch.cat([words, others[~torch.isin(others, words)]])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        hidden = model.model(input_ids=tokens).last_hidden_state[before]
        logits = hidden @ model.lm_head.weight[words].T
        loss = torch.nn.functional.cross_entropy(logits, targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < 0.1 and bool((logits.argmax(-1) == targets).all()):
            break
    return HFLM(pretrained=model.eval(), tokenizer=tokenizer, batch_size=8, max_length=256)


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """On a busy machine the threads of a small model wait for each other most of the time."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def teach(one_thread: None) -> Callable[..., Any]:
    return train


@pytest.fixture(scope="session")
def learnt(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], one_thread: None) -> Any:
    """An lm-eval model: a small Llama that memorized the answers in chat form and as plain text."""
    from transformers import AutoTokenizer

    path = tiny_llama(tmp_path_factory.mktemp("learnt") / "model", seed=3, num_hidden_layers=1)
    tokenizer = AutoTokenizer.from_pretrained(path)
    pairs = []
    for row in questions():
        chat = [{"role": "user", "content": row["question"]}]
        pairs.append((tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True), row["answer"]))
        pairs.append((row["question"], row["answer"]))
    return train(path, pairs, 60)


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Score a task file with lm-eval's own evaluator and return its logged samples."""
    import datasets
    from lm_eval import evaluator
    from lm_eval.tasks import TaskManager

    # A description of the machine costs seconds and changes no score.
    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def run(lm: Any, source: str | dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        results = evaluator.simple_evaluate(
            model=lm,
            tasks=[source],
            **{
                "task_manager": TaskManager(include_defaults=False),
                "bootstrap_iters": 0,
                "log_samples": True,
                **options,
            },
        )
        samples: list[dict[str, Any]] = next(iter(results["samples"].values()))
        return samples

    return run
