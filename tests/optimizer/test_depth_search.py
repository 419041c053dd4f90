"""A search over layer paths, from the spec to a checkpoint of another depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from runs import TinyExperiment, run


def test_paths_are_searched_and_exported_with_their_own_number_of_blocks(
    tiny_experiment: TinyExperiment, tmp_path: Path
) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["merge"] = {"method": "layer_path", "options": {"max_blocks": 5}}
        spec["search"]["sigma"] = 0.3

    spec, store = tiny_experiment.spec("paths", change), tiny_experiment.store("paths")

    def evomerge(*words: str | Path) -> dict[str, Any]:
        done = run(*words, "--store", store, "--format", "json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    outcome = evomerge("run", spec)
    experiment = outcome["experiment"]["id"]
    searched = [one["candidate"] for one in outcome["leaders"] if one["candidate"]["kind"] == "search"]
    assert searched
    chosen = searched[0]
    length = sum(value >= 0.5 for value in chosen["recipe"]["coefficients"]["include"])
    out = tmp_path / "merged"
    evomerge("export", experiment, "--out", out, "--candidate", str(chosen["number"]))
    assert json.loads((out / "config.json").read_text())["num_hidden_layers"] == length
    with safe_open(out / "model.safetensors", framework="pt") as file:
        blocks = {int(name.split(".")[2]) for name in file.keys() if ".layers." in name}  # noqa: SIM118
    assert blocks == set(range(length))
