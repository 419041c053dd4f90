"""Scores against lm-eval's own evaluator, on a model with real answers."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.splits import item_id
from evals.suite import TaskSuite
from evals.tasks import SPLITS, TaskDefinition
from evomerge.errors import Infeasible, TaskError

SIZES = {"search": 8, "selection": 6, "test": 8}
MEAN = {"aggregation": "mean", "higher_is_better": True}
CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "{{label}}",
    "generation_kwargs": None,
}
# As winogrande: the beginnings are what is chosen from, and the text is the number of the right one.
INPUTS = CHOICE | {
    "doc_to_text": "{{label}}",
    "doc_to_choice": "{{[question ~ ' Is it red', question ~ ' Is it', question]}}",
    "doc_to_target": "{{answer}}",
}
TAKE_FIRST = {"function": "take_first"}
LIKELIHOOD = {"output_type": "loglikelihood", "generation_kwargs": None}


def define(source: str, metric: str = "exact_match", **options: Any) -> TaskDefinition:
    return TaskDefinition(name="quiz", source=source, metric=metric, **{**SIZES, **options})


def scores(suite: TaskSuite, lm: Any) -> dict[str, Any]:
    return {score.item: score for split in SPLITS for score in suite.score(lm, split)}


def expected(samples: list[dict[str, Any]], metric: str) -> dict[str, float]:
    return {item_id(sample["doc"]): sample[metric] for sample in samples}


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize(
    ("metric", "keys"),
    [
        ("exact_match", {}),
        ("acc", CHOICE | {"metric_list": [{"metric": "acc", **MEAN}]}),
        ("acc_norm", CHOICE | {"metric_list": [{"metric": "acc_norm", **MEAN}, {"metric": "acc", **MEAN}]}),
        ("acc", INPUTS | {"metric_list": [{"metric": "acc", **MEAN}]}),
        ("acc", LIKELIHOOD | {"metric_list": [{"metric": "acc", **MEAN}]}),
    ],
)
def test_scores_equal_lm_evals(
    learnt: Any, write_task: Any, reference: Any, metric: str, keys: dict[str, Any], chat: bool
) -> None:
    source = write_task(**keys)
    ours = scores(TaskSuite.load([define(source, metric, chat_template=chat)]), learnt)
    samples = reference(learnt, source, apply_chat_template=chat, fewshot_as_multiturn=chat)
    theirs = expected(samples, metric)
    assert len(ours) == sum(SIZES.values())
    assert {item: score.score for item, score in ours.items()} == {item: theirs[item] for item in ours}
    responses = {item_id(sample["doc"]): sample["resps"] for sample in samples}
    for item, score in ours.items():
        if keys.get("output_type") is None:
            assert score.output == responses[item][0][0]
        elif keys["output_type"] == "loglikelihood":
            assert score.reference_logprob == pytest.approx(responses[item][0][0][0], abs=1e-4)


def test_the_model_of_these_tests_answers_right_and_wrong(learnt: Any, write_task: Any) -> None:
    values = [s.score for s in TaskSuite.load([define(write_task(), chat_template=True)]).score(learnt, "search")]
    assert sum(values) >= 6, "the comparisons above mean little on a model that knows nothing"


@pytest.mark.parametrize("chat", [False, True])
def test_worked_examples_equal_lm_evals(
    learnt: Any, write_task: Any, reference: Any, rows: list[dict[str, Any]], tmp_path: Path, chat: bool
) -> None:
    files = {"test": tmp_path / "rows.json", "shots": tmp_path / "shots.json"}
    files["test"].write_text(json.dumps(rows))
    files["shots"].write_text(json.dumps([row | {"question": "Shot " + row["question"]} for row in rows]))
    source = write_task(
        dataset_kwargs={"data_files": {split: str(path) for split, path in files.items()}},
        fewshot_split="shots",
        fewshot_config={"sampler": "first_n"},
        num_fewshot=1,
    )
    ours = scores(TaskSuite.load([define(source, num_fewshot=2, chat_template=chat)]), learnt)
    samples = reference(learnt, source, num_fewshot=2, apply_chat_template=chat, fewshot_as_multiturn=chat)
    theirs = {item_id(sample["doc"]): (sample["exact_match"], sample["resps"][0][0]) for sample in samples}
    found = {item: (score.score, score.output) for item, score in ours.items()}
    assert found == {item: theirs[item] for item in ours}
    assert samples[0]["arguments"][0][0].count("Shot") == 2


def test_filters_metric_options_and_several_references(
    learnt: Any, write_task: Any, reference: Any, rows: list[dict[str, Any]]
) -> None:
    loud = [row | {"answers": [row["answer"].upper() + "!", "nothing"]} for row in rows]
    source = write_task(
        rows=loud,
        doc_to_target="answers",
        metric_list=[{"metric": "exact_match", **MEAN, "ignore_case": True, "ignore_punctuation": True}],
        filter_list=[
            {"name": "first word", "filter": [{"function": "regex", "regex_pattern": r"(\w+)"}, TAKE_FIRST]},
            {"name": "all", "filter": [{"function": "remove_whitespace"}, TAKE_FIRST]},
        ],
    )
    for pipeline in ("first word", "all"):
        definition = define(source, f"exact_match,{pipeline}", chat_template=True)
        ours = scores(TaskSuite.load([definition]), learnt)
        samples = reference(learnt, source, apply_chat_template=True)
        theirs = expected([s for s in samples if s["filter"] == pipeline], "exact_match")
        assert {item: score.score for item, score in ours.items()} == {item: theirs[item] for item in ours}
        assert 0 < sum(score.score for score in ours.values()) < len(ours) or pipeline == "all"


def test_scoring_twice_gives_the_same_and_leaves_no_state(learnt: Any, write_task: Any) -> None:
    definition = define(write_task(), chat_template=True, max_tokens=2)
    suite = TaskSuite.load([definition])
    first = suite.score(learnt, "search")
    model = learnt.model
    saved = copy.deepcopy(model.state_dict())
    for parameter in model.parameters():
        parameter.data.mul_(-1)
    other = suite.score(learnt, "search")
    model.load_state_dict(saved)
    assert [s.output for s in other] != [s.output for s in first]
    assert suite.score(learnt, "search") == first
    assert TaskSuite.load([definition]).score(learnt, "search") == first
    assert [(s.task, s.item) for s in first] == [(r.task, r.item) for r in suite.items("search")]


def test_some_positions_score_as_in_the_whole_split(learnt: Any, write_task: Any) -> None:
    suite = TaskSuite.load(
        [define(write_task(), chat_template=True), replace(define(write_task("other")), name="other")]
    )
    everything = suite.score(learnt, "search")
    positions = [0, 3, len(everything) - 1]
    # In fp32, sums over a batch of another shape may be taken in another order.
    expected = [
        replace(one, reference_logprob=pytest.approx(one.reference_logprob, abs=1e-4))
        for one in (everything[position] for position in positions)
    ]
    assert suite.score(learnt, "search", positions) == expected
    for bad in ([], [3, 0], [1, 1], [-1], [len(everything)]):
        with pytest.raises(TaskError, match="ascending positions"):
            suite.score(learnt, "search", bad)


def test_token_limit_is_obeyed(learnt: Any, write_task: Any) -> None:
    source = write_task(generation_kwargs={"until": ["zzz"], "max_new_tokens": 8})
    short = TaskSuite.load([define(source, max_tokens=1)]).score(learnt, "search")
    assert {len(learnt.tok_encode(score.output)) for score in short} == {1}


def test_reference_logprob_is_the_sum_over_answer_tokens(learnt: Any, write_task: Any) -> None:
    import torch

    suite = TaskSuite.load([define(write_task(), chat_template=True)])
    assert all(score.reference_logprob is None for score in suite.score(learnt, "selection"))
    docs = {item_id(doc): doc for doc in suite._tasks[0].docs.values()}
    for score in suite.score(learnt, "search"):
        doc = docs[score.item]
        chat = [{"role": "user", "content": doc["question"]}]
        prompt = learnt.tokenizer.encode(learnt.apply_chat_template(chat))
        answer = learnt.tokenizer.encode(doc["answer"])
        with torch.no_grad():
            logits = learnt.model(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
        by_hand = sum(float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(answer))
        assert score.reference_logprob == pytest.approx(by_hand, abs=1e-3)


def test_multiple_choice_names_the_option_and_the_gold_logprob(learnt: Any, write_task: Any, reference: Any) -> None:
    source = write_task(**CHOICE, metric_list=[{"metric": "acc", **MEAN}])
    ours = scores(TaskSuite.load([define(source, "acc")]), learnt)
    for sample in reference(learnt, source):
        if score := ours.get(item_id(sample["doc"])):
            lls = [response[0][0] for response in sample["resps"]]
            assert score.reference_logprob == pytest.approx(lls[sample["doc"]["label"]], abs=1e-4)
            assert score.output == sample["doc"]["choices"][lls.index(max(lls))]


def test_smaller_is_better_metrics_are_negated(learnt: Any, write_task: Any) -> None:
    down = [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": False}]
    better = scores(TaskSuite.load([define(write_task("up"), chat_template=True)]), learnt)
    worse = scores(TaskSuite.load([define(write_task("down", metric_list=down), chat_template=True)]), learnt)
    assert {item: -score.score for item, score in worse.items()} == {i: s.score for i, s in better.items()}
    assert any(score.score for score in better.values())


@pytest.mark.parametrize("keys", [CHOICE | {"metric_list": [{"metric": "acc", **MEAN}]}, {}])
def test_nan_weights_are_infeasible(learnt: Any, write_task: Any, keys: dict[str, Any]) -> None:
    definition = define(write_task(**keys), "acc" if keys else "exact_match", chat_template=True)
    suite = TaskSuite.load([definition])
    weight = learnt.model.model.norm.weight
    saved = weight.detach().clone()
    weight.data.fill_(math.nan)
    try:
        with pytest.raises(Infeasible, match="nan"):
            suite.score(learnt, "search")
    finally:
        weight.data.copy_(saved)


def test_an_engine_without_a_tokenizer_is_asked_in_text(learnt: Any, write_task: Any) -> None:
    from lm_eval.api.model import LM

    class Remote(LM):  # type: ignore[misc]
        def loglikelihood(self, requests: Any) -> Any:
            return learnt.loglikelihood(requests)

        def generate_until(self, requests: Any) -> Any:
            return learnt.generate_until(requests)

        def loglikelihood_rolling(self, requests: Any) -> Any:
            raise AssertionError("no task asks for this")

    suite = TaskSuite.load([define(write_task())])
    near, far = suite.score(learnt, "search"), suite.score(Remote(), "search")
    assert [(s.item, s.score, s.output) for s in far] == [(s.item, s.score, s.output) for s in near]
    for one, other in zip(near, far, strict=True):
        assert other.reference_logprob == pytest.approx(one.reference_logprob, abs=1e-3)


def test_describe_is_plain_and_stable_data(write_task: Any) -> None:
    source = write_task()
    described = TaskSuite.load([define(source, chat_template=True)]).describe()
    assert json.loads(json.dumps(described)) == described
    quiz = described["quiz"]
    assert quiz["items"] == SIZES
    assert quiz["pools"] == {use: {"split": "test", "rows": 24} for use in ("search", "test")}
    assert (quiz["chat_template"], quiz["num_fewshot"], quiz["metric"]) == (True, 0, "exact_match")
    assert TaskSuite.load([define(source, chat_template=True)]).describe() == described
    changed = TaskSuite.load([define(write_task(doc_to_text="Q: {{question}}"), chat_template=True)]).describe()
    assert changed["quiz"]["config_hash"] != quiz["config_hash"]
    assert changed["quiz"]["items_hash"] == quiz["items_hash"]
