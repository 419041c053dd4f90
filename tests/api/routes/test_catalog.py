"""What a server offers."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient
from seeded import write_model

from api.catalog.tasks import list_tasks
from api.schemas.catalog import TaskView
from api.settings import Settings
from merging.operators import operator_names
from optimizer.search.catalog import algorithms


def test_models(reader: TestClient, settings: Settings, tmp_path: Path) -> None:
    root = settings.model_roots[0]
    write_model(root / "plain")
    write_model(root / "org" / "deep")
    write_model(root / "coded", config='{"auto_map": {"AutoModel": "x.py"}}')
    (root / "adapter").mkdir()
    (root / "adapter" / "adapter_config.json").write_text("{}")
    (root / "notes").mkdir()
    outside = write_model(tmp_path / "outside" / "secret").parent
    (root / "link").symlink_to(outside / "secret")
    (root / "loop").symlink_to(root)
    found = {one["name"]: one for one in reader.get("/api/v1/models").json()["models"]}
    direct = {name: one for name, one in found.items() if not name.startswith("loop/")}
    assert set(direct) == {"plain", "org/deep", "coded", "adapter"}
    assert (direct["plain"]["kind"], direct["plain"]["architecture"]) == ("checkpoint", "LlamaForCausalLM")
    assert direct["plain"]["size_bytes"] == len("weights")
    assert direct["adapter"]["kind"] == "adapter"
    assert "auto_map" in direct["coded"]["problem"] and direct["plain"]["problem"] is None


def test_tasks(reader: TestClient, settings: Settings, tmp_path: Path) -> None:
    root = settings.task_roots[0]
    (root / "more").mkdir()
    for name in ("words.yaml", "more/choice.yml", "items.jsonl"):
        (root / name).write_text("task: x")
    (tmp_path / "secret.yaml").write_text("task: x")
    (root / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    found = [(one["name"], one["kind"]) for one in reader.get("/api/v1/tasks").json()["tasks"]]
    assert found == [("more/choice.yml", "file"), ("words.yaml", "file"), ("gsm8k", "lm-eval")]


def test_the_catalog_is_offered_by_suite_and_by_task(tmp_path: Path) -> None:
    found = list_tasks((tmp_path,), ("winogrande", "safety", "mathematics/gsm8k"))
    names = [(one.name, one.kind) for one in found]
    assert ("mathematics/gsm8k", "catalog") in names and ("safety/toxigen", "catalog") in names
    assert names[-1] == ("winogrande", "lm-eval")
    assert {name.partition("/")[0] for name, _ in names} == {"mathematics", "safety", "winogrande"}
    shown = {one.name: TaskView.model_validate(one).benchmark for one in found}
    gsm8k, truthful = shown["mathematics/gsm8k"], shown["safety/truthfulqa"]
    assert gsm8k is not None and (gsm8k.search, gsm8k.test, gsm8k.licence) == ("train", "test", "MIT")
    assert truthful is not None and truthful.search is None


def test_methods_and_algorithms_are_those_of_the_installation(reader: TestClient) -> None:
    methods = reader.get("/api/v1/methods").json()["methods"]
    assert [one["name"] for one in methods] == list(operator_names())
    ties = reader.get("/api/v1/methods/ties").json()
    assert ties in methods and {one["name"] for one in ties["parameters"]} >= {"weight", "density"}
    missing = reader.get("/api/v1/methods/tise")
    assert missing.status_code == 404 and "did you mean 'ties'?" in missing.json()["fix"]
    found = reader.get("/api/v1/algorithms").json()["algorithms"]
    assert [one["name"] for one in found] == [one.name for one in algorithms()]
