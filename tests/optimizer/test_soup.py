"""Greedy model soup through the whole program; the search itself is tested in search/test_greedy_soup.py."""

from __future__ import annotations

import json
from typing import Any

from runs import TinyExperiment, run


def test_a_real_run_ends_once_every_expert_had_its_turn(tiny_experiment: TinyExperiment) -> None:
    def greedy(spec: dict[str, Any]) -> None:
        spec["merge"] = {"method": "linear"}
        spec["search"]["algorithm"] = "greedy_soup"
        spec["search"].pop("options", None)

    spec = tiny_experiment.spec("soup", greedy)
    done = run("run", spec, "--store", tiny_experiment.store("soup"), "--format", "json")
    assert done.returncode == 0, done.stderr
    kinds = [one["candidate"]["kind"] for one in json.loads(done.stdout)["leaders"]]
    assert kinds.count("search") == 1
    assert kinds.count("mean") <= 1
