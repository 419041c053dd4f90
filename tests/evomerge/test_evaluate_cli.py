"""``evomerge evaluate``: checkpoints one after the other in one engine, as lm-eval scores each of them on its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.provenance import Provenance
from evals.splits import item_id
from evomerge import cli
from experiments.spec import load_spec
from optimizer.preflight import make_plan
from runs import TinyExperiment, run

LABELS = ["base", "other", "a"]


@pytest.fixture(scope="module")
def other(tiny_experiment: TinyExperiment, tiny_llama: Callable[..., Path]) -> Path:
    """A checkpoint of the same architecture with weights of its own."""
    return tiny_llama(tiny_experiment.folder / "other", seed=7)


@pytest.fixture(scope="module")
def spec(tiny_experiment: TinyExperiment) -> Path:
    def change(one: dict[str, Any]) -> None:
        one["workers"]["dtype"] = "float32"
        one["tasks"][1]["domain"] = "choosing"

    return tiny_experiment.spec("evaluated", change)


def evaluate(*words: str | Path, code: int = 0) -> tuple[str, str]:
    done = run("evaluate", *words)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def found(tiny_experiment: TinyExperiment, spec: Path, other: Path) -> tuple[dict[str, Any], str, Path]:
    """Base, another checkpoint and an adapter, scored in one engine."""
    folder = tiny_experiment.folder
    out = folder / "results" / "all.json"
    words = (folder / "base", other, folder / "a", "--base", folder / "base", "--spec", spec, "--out", out)
    stdout, stderr = evaluate(*words, "--store", tiny_experiment.store("evaluated"), "--format", "json")
    return json.loads(stdout), stderr, out


def lm_eval_scores(checkpoint: Path, task: Path) -> dict[str, dict[str, Any]]:
    """What lm-eval's own evaluator gives every item of a task file with a checkpoint loaded from disk."""
    import torch
    from lm_eval import evaluator
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    lm = HFLM(pretrained=model.eval(), tokenizer=AutoTokenizer.from_pretrained(checkpoint), batch_size=16)
    config = yaml.safe_load(task.read_text())
    config["dataset_kwargs"]["data_files"]["test"] = str(task.parent / "items.jsonl")
    results = evaluator.simple_evaluate(
        model=lm,
        tasks=[config],
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    (samples,) = results["samples"].values()
    return {item_id(sample["doc"]): sample for sample in samples}


@pytest.mark.parametrize(("task", "metric"), [("words", "exact_match"), ("choice", "acc")])
def test_every_item_is_scored_as_lm_eval_scores_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_experiment: TinyExperiment, other: Path, found: Any,
    task: str, metric: str,
) -> None:  # fmt: skip
    import datasets
    from lm_eval import evaluator

    monkeypatch.setattr(evaluator, "add_env_info", lambda results: None)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    # The second of three: written over the first.
    theirs = lm_eval_scores(other, tiny_experiment.folder / f"{task}.yaml")
    mine = [one for one in found[0]["models"][1]["items"] if one["task"] == task]
    assert len(mine) == 8
    for one in mine:
        sample = theirs[one["item"]]
        assert one["score"] == sample[metric]
        if task == "choice":
            likelihoods = [float(response[0][0]) for response in sample["resps"]]
            choices = sample["doc"]["gold"]
            assert one["reference_logprob"] == pytest.approx(likelihoods[choices], abs=1e-4)
        else:
            assert sample["resps"][0][0].startswith(one["output"])


def test_three_models_share_an_engine_and_are_compared(
    found: Any, tiny_experiment: TinyExperiment, other: Path
) -> None:
    document, stderr, out = found
    assert [one["label"] for one in document["models"]] == LABELS
    assert "another engine" not in stderr
    assert len({one["weights"] for one in document["models"]}) == 3
    assert len({json.dumps(one["items"]) for one in document["models"]}) == 3
    digests = {Provenance.from_dict(one["provenance"]).digest for one in document["models"]}
    assert len(digests) == 1 and document["mixed"] == []
    assert [(one["first"], one["second"]) for one in document["pairs"]] == [
        ("base", "other"), ("base", "a"), ("other", "a"),
    ]  # fmt: skip
    for one in document["models"]:
        assert {*one["scores"]["tasks"]} == {"words", "choice"} and one["scores"]["overall"]["items"] == 16
        assert {*one["domains"]["domains"]} == {"words", "choosing"}
    assert json.loads(out.read_text()) == document


def test_task_files_need_no_spec_and_earlier_results_of_other_making_are_not_compared(
    found: Any, tiny_experiment: TinyExperiment, other: Path
) -> None:
    words = ("--tasks", tiny_experiment.folder / "choice.yaml", "--items", "all", "--engine", "transformers")
    stdout, stderr = evaluate(other, *words, "--against", found[2], "--store", tiny_experiment.store("others"))
    assert "not compared (see --mixed): the scores of base of all.json and " in stderr
    assert "dtype (float32 and bfloat16)" in stderr
    assert "paired by item" not in stdout
    shown = next(line for line in stdout.splitlines() if " 40 " in line)
    assert "±" in shown


def test_what_was_scored_is_in_the_store_and_is_not_scored_again(
    found: Any, tiny_experiment: TinyExperiment, spec: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder, store = tiny_experiment.folder, tiny_experiment.store("evaluated")
    words = (folder / "base", folder / "a", "--spec", spec, "--store", store, "--against", 2, "--format", "json")
    stdout, stderr = evaluate(*words)
    again = json.loads(stdout)
    assert stderr.count("the store has its scores") == 2 and "scoring" not in stderr
    assert [(one["label"], one["number"]) for one in again["models"]] == [("other #2", 2), ("base", 1), ("a", 3)]
    known = {one["number"]: one for one in found[0]["models"]}
    for one in again["models"]:
        by_item = [sorted(map(json.dumps, model["items"])) for model in (one, known[one["number"]])]
        assert by_item[0] == by_item[1] and one["scores"] == known[one["number"]]["scores"]
    # The hashes are those that experiments give their parents, so that they find these scores.
    loaded = load_spec(spec)
    assert {known[1]["weights"], known[3]["weights"]} < {*make_plan(loaded.spec, loaded.source_dir).parents.values()}

    def printed(*more: object) -> dict[str, Any]:
        monkeypatch.setattr(
            "sys.argv", ["evomerge", "evaluations", *map(str, more), "--store", store, "--format", "json"]
        )
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        read: dict[str, Any] = json.loads(capfd.readouterr().out)
        return read

    listed = printed()["evaluations"]
    assert [(one["id"], one["label"], one["split"], one["num_items"]) for one in listed] == [
        (3, "a", "test", 16), (2, "other", "test", 16), (1, "base", "test", 16),
    ]  # fmt: skip
    (pair,) = printed(1, 2)["pairs"]
    (same,) = [one for one in found[0]["pairs"] if (one["first"], one["second"]) == ("base", "other")]
    # Alone, so that nothing is corrected.
    assert pair == {**same, "first": "base #1", "second": "other #2", "adjusted_p": same["p_value"]}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--tasks", "x.yaml", "--items", "some"), "give a number from 1, or all"),
        ((), "--spec: tasks are named by --spec or by --suite and --tasks"),
        (("--spec", "x.yaml", "--tasks", "y.yaml"), "give one of the two ways"),
        (("--suite", "knowlege"), "did you mean 'knowledge'?"),
        (("--tasks", "missing.yaml"), "there is no file"),
    ],
)
def test_mistakes_are_found_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], problem: str
) -> None:
    monkeypatch.setattr("sys.argv", ["evomerge", "evaluate", "model", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2 and problem in capfd.readouterr().err
