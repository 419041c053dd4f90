"""The catalog against the tasks that lm-eval installs, on data laid out like theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evals.catalog import CatalogTask, find, suites
from evals.opening import task_manager
from evals.splits import item_id
from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError

TASKS = {task.full_name: task for tasks in suites().values() for task in tasks}
DOMAINS = {"instruction", "mathematics", "multilingual", "coding", "safety", "knowledge"}
ALIGNMENT = {"helpful", "honest", "harmless"}


def config_of(task: CatalogTask) -> Mapping[str, Any]:
    """lm-eval's configuration of a task, its functions unresolved; or a task file of the catalog as one."""
    from lm_eval.tasks._yaml_loader import load_yaml

    if task.path is not None:
        import yaml

        data = yaml.safe_load(task.path.read_text())["data"]
        return {"training_split": data.get("search"), "test_split": data["test"], "dataset_path": data["hub"]}
    found: Mapping[str, Any] = load_yaml(task_manager().task_index[task.task].yaml_path, resolve_func=False)
    return found


def test_there_is_a_suite_for_every_domain() -> None:
    assert set(suites()) == DOMAINS | ALIGNMENT
    assert all(any(task.search for task in suites()[name]) for name in DOMAINS), "a suite that nothing can search on"
    assert {task.task for name in ALIGNMENT for task in suites()[name]} <= {
        task.task for name in DOMAINS for task in suites()[name]
    }


@pytest.mark.parametrize("name", TASKS)
def test_what_the_catalog_says_is_what_lm_eval_installs(name: str) -> None:
    task = TASKS[name]
    config = config_of(task)
    scored = config.get("test_split") or config["validation_split"]
    assert task.test == scored, "lm-eval scores another data split"
    unseen = {config.get("training_split"), config.get("validation_split")} - {None, scored}
    assert task.search in (unseen | {None}), "the search would see the benchmark's own test items, or nothing"
    assert task.search or not unseen, "it has data for a search, and the catalog does not use them"
    assert task.source == f"https://huggingface.co/datasets/{config['dataset_path']}"
    if task.path is None:
        metric, _, pipeline = task.metric.partition(",")
        metrics = [str(one["metric"]).rpartition(".")[2] for one in config["metric_list"]]
        filters = [one["name"] for one in config.get("filter_list") or ()]
        assert metric in metrics
        assert pipeline in filters if pipeline else len(filters) < 2
        assert not config.get("unsafe_code"), "lm-eval would run a model's programs unconfined"


def test_names_that_are_not_there() -> None:
    assert find("gsm8k") is None
    assert find("org/model") is None
    with pytest.raises(TaskError, match="did you mean 'gsm8k'"):
        find("mathematics/gsm8")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lay data sets out below the current directory, where ``datasets`` looks before it asks the hub."""
    import datasets

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def write(repository: str, name: str, **splits: list[dict[str, Any]]) -> None:
        folder = tmp_path / repository
        folder.mkdir(parents=True)
        files = [{"split": split, "path": f"{split}.jsonl"} for split in splits]
        header = json.dumps({"configs": [{"config_name": name, "data_files": files}]})
        (folder / "README.md").write_text(f"---\n{header}\n---\n")
        for split, entries in splits.items():
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))

    return write


def sums(split: str, count: int) -> list[dict[str, Any]]:
    return [{"question": f"{split} {n} + 1?", "answer": f"{n} and 1.\n#### {n + 1}"} for n in range(count)]


def test_a_benchmark_of_lm_eval_is_searched_on_train_and_tested_as_lm_eval_does(
    learnt: Any, hub: Callable[..., None], reference: Callable[..., list[dict[str, Any]]]
) -> None:
    shared = sums("train", 1)
    hub("openai/gsm8k", "main", train=[*shared, *sums("train", 30)], test=[*shared, *sums("test", 8)])
    sizes = {"search": 10, "selection": 8, "test": 9, "num_fewshot": 0, "max_tokens": 4}
    metric = "exact_match,flexible-extract"
    suite = TaskSuite.load([TaskDefinition("sums", "mathematics/gsm8k", metric, search_from="train", **sizes)])
    asked = {split: [doc["question"] for doc in _docs(suite, split)] for split in ("search", "selection", "test")}
    assert all(text.startswith("train") and text != "train 0 + 1?" for text in asked["search"] + asked["selection"])
    assert sorted(asked["test"]) == sorted(row["question"] for row in [*shared, *sums("test", 8)])
    assert suite.describe()["sums"]["pools"] == {
        "search": {"split": "train", "rows": 31},
        "test": {"split": "test", "rows": 9},
    }
    samples = reference(learnt, "gsm8k", task_manager=task_manager(), num_fewshot=0, gen_kwargs="max_gen_toks=4")
    theirs = {
        item_id(one["doc"]): (one["exact_match"], one["resps"][0][0])
        for one in samples
        if one["filter"] == "flexible-extract"
    }
    assert {one.item: (one.score, one.output) for one in suite.score(learnt, "test")} == theirs


def _docs(suite: TaskSuite, split: str) -> list[dict[str, Any]]:
    return [suite._tasks[0].docs[ref.item] for ref in suite.items(split)]


MBPP = [
    {
        "text": f"Add {n} to a number.",
        "code": f"def add(x):\r\n    return x + {n}",
        "test_list": [f"assert add({x}) == {x + n}" for x in range(3)],
        "test_setup_code": "",
        "task_id": n,
    }
    for n in range(14)
]
HUMANEVAL = [
    {
        "task_id": f"T/{n}",
        "prompt": f'def add(x):\n    """Return x + {n}."""\n',
        "canonical_solution": f"    return x + {n}\n",
        "test": f"def check(candidate):\n    assert candidate(1) == {n + 1}\n",
        "entry_point": "add",
    }
    for n in range(6)
]
MMLU = [
    {"question": f"{n} + 1 = ", "subject": "s", "choices": [str(n), str(n + 1), "a", "b"], "answer": 1}
    for n in range(12)
]


def test_tasks_of_the_catalogs_own_ask_what_lm_eval_asks(
    learnt: Any, hub: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.utils import apply_template

    from evals.scoring import plan

    monkeypatch.setenv("EVOMERGE_ALLOW_CODE_TASKS", "1")
    hub("openai/openai_humaneval", "openai_humaneval", test=HUMANEVAL)
    hub("cais/mmlu", "all", validation=MMLU[:6], test=MMLU[6:], dev=MMLU[:1])
    hub("google-research-datasets/mbpp", "full", train=MBPP[:6], test=MBPP[6:10], prompt=MBPP[10:])
    for name, lm_evals, sizes in (
        ("coding/humaneval", "humaneval", (0, 0, 6)),
        ("knowledge/mmlu", "mmlu_abstract_algebra", (3, 2, 6)),
        ("coding/mbpp", "mbpp", (3, 2, 4)),
    ):
        search, selection, test = sizes
        definition = TaskDefinition(name, name, search=search, selection=selection, test=test, num_fewshot=0)
        loaded = TaskSuite.load([definition])._tasks[0]
        config = config_of(CatalogTask("", "", lm_evals, "", "", "", ""))
        for entry in plan(learnt, loaded, "test"):
            doc = loaded.docs[entry.item]
            assert entry.instances[0].args[0] == apply_template(config["doc_to_text"], doc)
            if loaded.task.OUTPUT_TYPE == "multiple_choice":
                assert [one.args[1] for one in entry.instances] == [f" {letter}" for letter in config["doc_to_choice"]]


def test_programs_of_the_catalogs_tasks_are_tested_by_their_items(
    hub: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from evals.local.scorer import scorer_of

    monkeypatch.setenv("EVOMERGE_ALLOW_CODE_TASKS", "1")
    hub("openai/openai_humaneval", "openai_humaneval", test=HUMANEVAL)
    hub("google-research-datasets/mbpp", "full", train=MBPP[:6], test=MBPP[6:10], prompt=MBPP[10:])
    answers = {
        "coding/humaneval": [
            "    return x + 2\n",
            "```python\ndef add(x):\n    return 2 + x\n```",
            "    return 2\n",
            "",
        ],
        "coding/mbpp": [
            "def add(x): return x + 2",
            "```python\ndef add(x):\n    return 2 + x\n```",
            "def add(x): return 3",
            "",
        ],
    }
    for name, texts in answers.items():
        searched = (
            {"search": 3, "selection": 2, "test": 4}
            if name == "coding/mbpp"
            else {"search": 0, "selection": 0, "test": 6}
        )
        loaded = TaskSuite.load([TaskDefinition(name, name, **searched)])._tasks[0]
        scorer = scorer_of(loaded.task)
        assert scorer is not None
        doc = (MBPP if name == "coding/mbpp" else HUMANEVAL)[2]
        assert scorer.score([[text] for text in texts], [doc] * 4) == [1.0, 1.0, 0.0, 0.0]


def test_items_that_fail_their_own_tests_refuse_a_benchmark_only_where_none_passes(
    hub: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOMERGE_ALLOW_CODE_TASKS", "1")
    broken = [row | {"canonical_solution": "    return None\n"} for row in HUMANEVAL]
    hub("openai/openai_humaneval", "openai_humaneval", test=broken)
    sizes = {"search": 0, "selection": 0, "num_fewshot": 0}
    with pytest.raises(TaskError, match="the reference program fails the item's tests"):
        TaskSuite.load([TaskDefinition("code", "coding/humaneval", test=6, **sizes)])
    lacking = [{key: value for key, value in row.items() if key != "test_list"} for row in MBPP]
    hub("google-research-datasets/mbpp", "full", train=lacking[:6], test=lacking[6:10], prompt=MBPP[10:])
    with pytest.raises(
        TaskError, match=r"mbpp.yaml: data.hub: the data set 'google-research-datasets/mbpp' cannot be loaded"
    ):
        TaskSuite.load([TaskDefinition("code", "coding/mbpp", search=2, selection=2, test=2)])


def test_tasks_of_several_inputs_are_accepted_with_the_context_as_the_choice(
    learnt: Any, hub: Callable[..., None]
) -> None:
    rows = [
        {
            "sentence": f"{n} boxes fit, since the _ is small.",
            "option1": "box",
            "option2": "lid",
            "answer": str(n % 2 + 1),
        }
        for n in range(12)
    ]
    hub("allenai/winogrande", "winogrande_xl", train=rows[:6], validation=rows[6:])
    definition = TaskDefinition("w", "winogrande", search=3, selection=2, test=6, search_from="train")
    suite = TaskSuite.load([definition])
    for one in suite.score(learnt, "test"):
        doc = suite._tasks[0].docs[one.item]
        place = doc["sentence"].index("_")
        choices = [doc["sentence"][:place] + doc[option] for option in ("option1", "option2")]
        assert one.output in choices and one.score == float(choices.index(one.output) == int(doc["answer"]) - 1)
