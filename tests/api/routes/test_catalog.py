"""What a server offers."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient
from seeded import write_model

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


def test_methods_and_algorithms_are_those_of_the_installation(reader: TestClient) -> None:
    methods = reader.get("/api/v1/methods").json()["methods"]
    assert [one["name"] for one in methods] == list(operator_names())
    ties = reader.get("/api/v1/methods/ties").json()
    assert ties in methods and {one["name"] for one in ties["parameters"]} >= {"weight", "density"}
    missing = reader.get("/api/v1/methods/tise")
    assert missing.status_code == 404 and "did you mean 'ties'?" in missing.json()["fix"]
    found = reader.get("/api/v1/algorithms").json()["algorithms"]
    assert [one["name"] for one in found] == [one.name for one in algorithms()]
