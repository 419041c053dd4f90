"""Plans of real merges, and models that nobody may open, through the whole of the API."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from api.planning import Planner
from api.settings import Settings
from evals.provenance import Provenance, TaskProvenance
from evals.suite import TaskSuite
from evals.tasks import ItemScore
from experiments.spec import parse_spec
from experiments.states import CandidateKind, Split
from experiments.store import Store
from optimizer.sources import task_definitions
from runs import TinyExperiment

URL = "/api/v1/experiments"


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """None of this depends on the back end."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def settings(settings: Settings, tiny_experiment: TinyExperiment) -> Settings:
    """The models and tasks of the tiny experiment, copied where the server offers them."""
    for name in ("base", "a", "b"):
        shutil.copytree(tiny_experiment.folder / name, settings.model_roots[0] / name)
    for name in ("words.yaml", "choice.yaml", "items.jsonl"):
        shutil.copy(tiny_experiment.folder / name, settings.task_roots[0] / name)
    return settings


@pytest.fixture
def spec(tiny_experiment: TinyExperiment) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(tiny_experiment.spec("through-the-api").read_text())
    return found


def test_a_merge_is_planned_and_created(
    runner: TestClient, store: Store, settings: Settings, spec: dict[str, Any]
) -> None:
    response = runner.post(f"{URL}/validate", json={"spec": spec})
    assert response.status_code == 200, response.text
    plan = response.json()
    assert plan["dimensions"] == len(plan["genes"]) == 8  # two experts, two groups of blocks, attention and MLP
    stages = {one["stage"]: one for one in plan["needs"]["stages"]}
    assert list(stages) == ["baselines", "search", "selection", "test"]
    assert sum(stages[name]["items"] for name in ("baselines", "search")) == 24 * 20
    assert all(one["prompt_tokens"] > 0 for one in stages.values())
    assert plan["needs"]["host_bytes"]["weights"] > 0 and plan["needs"]["hours"] > 0
    created = runner.post(URL, json={"spec": spec})
    assert created.status_code == 201, created.text
    stored = store.get_experiment(created.json()["id"])
    assert stored.spec == plan["spec"]
    assert stored.spec["base_model"]["model"] == str(settings.model_roots[0] / "base")
    assert stored.resolved["models"]["a"]["path"] == str(settings.model_roots[0] / "a")
    clone = runner.post(f"{URL}/{stored.id}/clone", json={"changes": {"search": {"seed": 4}}})
    assert clone.status_code == 201, clone.text


def score(
    store: Store, experiment: str, number: int, *, items: int, attempted: bool, timings_s: dict[str, float]
) -> None:
    kind = CandidateKind.BASELINE
    one = store.record_ask(experiment, number=number, kind=kind, label="", vector=None, recipe={}, digest=str(number))
    attempt = store.record_started(one.id, Split.SEARCH, worker="here:1") if attempted else None
    scores = [ItemScore("words", f"item {place}", 1.0, None, None) for place in range(items)]
    none: dict[str, Any] = {"prompt_tokens": 0, "generated_tokens": 0}
    store.record_result(one.id, Split.SEARCH, scores, fitness=1.0, timings_s=timings_s, attempt=attempt, **none)


def test_earlier_experiments_say_how_long_one_takes(
    runner: TestClient,
    store: Store,
    store_url: str,
    spec: dict[str, Any],
    planner: Planner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planner, "_store_url", store_url)
    experiment = runner.post(URL, json={"spec": spec}).json()["id"]

    def needs() -> dict[str, Any]:
        found: dict[str, Any] = runner.post(f"{URL}/validate", json={"spec": spec}).json()["needs"]
        return found

    assert needs()["hours_source"].startswith("assumed")  # nothing of it is scored yet
    store.claim_driver(experiment)
    score(store, experiment, 0, items=10, attempted=True, timings_s={"apply": 1.0, "score": 4.0})
    # What was scored before cost nothing, and says nothing.
    score(store, experiment, 1, items=90, attempted=False, timings_s={})
    found = needs()
    items = sum(one["items"] for one in found["stages"])
    assert found["hours"] == pytest.approx(items * 5.0 / 10 / found["workers"] / 3600)
    assert found["hours_source"] == f"seconds per item of experiment {experiment}"


def with_auto_map(model: Path, file: str = "config.json") -> None:
    config = json.loads((model / file).read_text())
    config["nested"] = [{"auto_map": {"AutoModelForCausalLM": "modeling_evil.Evil"}}]
    (model / file).write_text(json.dumps(config))


def pickled(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def truncated(model: Path) -> None:
    (model / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:1000])


@pytest.mark.parametrize("harm", [with_auto_map, pickled, truncated])
def test_models_that_nobody_may_open(
    runner: TestClient, store: Store, settings: Settings, spec: dict[str, Any], harm: Any
) -> None:
    harm(settings.model_roots[0] / "base")
    response = runner.post(URL, json={"spec": spec})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_model"), response.text
    assert store.list_experiments() == []


@pytest.mark.parametrize(
    "task",
    [
        {"process_docs": "!function os.system"},
        {"doc_to_text": "{{ ''.__class__.__mro__[1].__subclasses__() }}"},
        {"metric_list": [{"metric": "evil/metric", "hf_evaluate": True}]},
    ],
)
def test_task_files_that_would_run_code(
    runner: TestClient, store: Store, settings: Settings, spec: dict[str, Any], task: dict[str, Any]
) -> None:
    path = settings.task_roots[0] / "words.yaml"
    text = yaml.safe_dump({**yaml.safe_load(path.read_text()), **task})
    path.write_text(text.replace("'!function os.system'", "!function os.system"))
    response = runner.post(URL, json={"spec": spec})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_task"), response.text
    assert store.list_experiments() == []


def test_search_items_are_chosen_through_the_api_and_recorded(
    runner: TestClient,
    store: Store,
    store_url: str,
    spec: dict[str, Any],
    planner: Planner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planner, "_store_url", store_url)
    first = store.get_experiment(runner.post(URL, json={"spec": spec}).json()["id"])

    def choosing(**splits: Any) -> dict[str, Any]:
        words, choice = spec["tasks"]
        return {**spec, "tasks": [words, choice | {"splits": {"search": 4, "selection": 6, "test": 8, **splits}}]}

    def refusal(**splits: Any) -> tuple[int, str]:
        response = runner.post(f"{URL}/validate", json={"spec": choosing(**splits)})
        return response.status_code, response.json()["detail"]

    status, detail = refusal(choose="discriminating")
    assert status == 422 and "the store has 0 such items of 26" in detail
    status, detail = refusal(choose="stratified", by="colour")
    assert status == 422 and "the data has no column 'colour'" in detail

    # Twenty candidates of which better ones get more of the items right, but for the first three, which all get right.
    described = first.resolved["tasks"]["choice"]
    asked = TaskProvenance(
        described["config_hash"], f"{described['metric']},{described['filter']}", 0, None, None, False, 0,
        described["items"], described["items_hash"],
    )  # fmt: skip
    made = Provenance("0", "lm-eval 0", "fake 0", {}, "cpu", "float32", 0, {}, "in place", "t", {"choice": asked})
    refs = TaskSuite.load(task_definitions(parse_spec(dict(first.spec)), Path("/"))).items("search")
    items = [ref.item for ref in refs if ref.task == "choice"]
    store.claim_driver(first.id)
    store.record_provenance(first.id, made.digest, made.to_dict())
    for number in range(20):
        one = store.record_ask(
            first.id, number=number, kind=CandidateKind.SEARCH, label="", vector=[0.0], recipe={}, digest=str(number)
        )
        attempt = store.record_started(one.id, Split.SEARCH, worker="here:1")
        scores = [
            ItemScore("choice", item, float(place < 3 or number * len(items) > place * 20), None, None)
            for place, item in enumerate(items)
        ]
        none: dict[str, Any] = {"prompt_tokens": 0, "generated_tokens": 0, "timings_s": {}}
        store.record_result(one.id, Split.SEARCH, scores, fitness=0.5, attempt=attempt, provenance=made.digest, **none)
    created = runner.post(URL, json={"spec": choosing(choose="discriminating")})
    assert created.status_code == 201, created.text
    chosen = store.get_experiment(created.json()["id"]).resolved["chosen"]["choice"]
    assert (chosen["pool"], chosen["candidates"], chosen["experiments"]) == (10, 20, [first.id])
    assert len(chosen["items"]) == 4 and not {*chosen["items"]} & {*items[:3]}
