"""Scores by domain, and which experts take from the base what the merge gives back."""

from __future__ import annotations

from statistics import harmonic_mean

import pytest

from evals.report import Role, build_report
from evals.tasks import ItemScore
from optimizer.reporting.document import Score
from optimizer.reporting.domains import best_experts, domain_rows, domains_of, interactions, normalized_domains
from optimizer.reporting.scores import rows

# Items right of 40, by model and task; maths is two tasks of unequal weight in the search.
RIGHT = {
    "base": {"sums": 10, "proofs": 8, "chat": 36},
    "expert sums": {"sums": 36, "proofs": 24, "chat": 12},
    "expert chat": {"sums": 10, "proofs": 8, "chat": 38},
    "merge": {"sums": 32, "proofs": 24, "chat": 35},
}
ROLES: dict[str, Role] = {"base": "base", "expert sums": "expert", "expert chat": "expert", "merge": "merge"}
WEIGHTS = {"sums": 3.0, "proofs": 1.0, "chat": 0.0}
SPEC = {
    "tasks": [
        {"name": "sums", "domain": "maths"},
        {"name": "proofs", "domain": "maths"},
        {"name": "chat", "domain": None},
    ]
}
DOMAINS = {"maths": ["sums", "proofs"], "chat": ["chat"]}
ITEMS = {
    label: [
        ItemScore(task, f"{n:04x}", float(n < right), None, None) for task, right in tasks.items() for n in range(40)
    ]
    for label, tasks in RIGHT.items()
}
REPORT = build_report(ITEMS, ROLES, WEIGHTS)


def test_tasks_without_a_domain_are_one_of_their_own_where_others_have_one() -> None:
    assert domains_of(SPEC) == DOMAINS
    assert domains_of({"tasks": [{"name": "sums"}, {"name": "chat", "domain": None}]}) == {}
    assert domains_of({"blackbox": {}}) == {}


def test_a_domain_is_the_plain_mean_of_its_tasks_and_every_domain_counts_once() -> None:
    found = {row.label: row for row in domain_rows(rows(REPORT, ITEMS, dict.fromkeys(ITEMS, 0), WEIGHTS), DOMAINS)}
    for label, right in RIGHT.items():
        maths, chat = (right["sums"] + right["proofs"]) / 80, right["chat"] / 40
        row = found[label]
        assert {name: one.mean for name, one in row.domains.items()} == pytest.approx({"maths": maths, "chat": chat})
        assert (row.mean, row.lowest) == pytest.approx(((maths + chat) / 2, min(maths, chat)))
        assert row.harmonic == pytest.approx(harmonic_mean([maths, chat]))
        whole: Score = row.domains["maths"]
        assert whole.items == 80 and whole.low < whole.mean < whole.high
    best = best_experts(list(found.values()))
    assert [(one.task, one.expert) for one in best] == [("maths", "expert sums"), ("chat", "expert chat")]
    merge = normalized_domains(list(found.values()), best)[-1]
    assert merge.tasks == pytest.approx({"maths": 56 / 60, "chat": 35 / 38})
    assert merge.mean == pytest.approx((56 / 60 + 35 / 38) / 2)


def test_conflicts_are_what_an_expert_takes_from_the_base() -> None:
    found = {(one.label, one.domain): one for one in interactions(REPORT, ITEMS, DOMAINS)}
    effects = {key: one.effect for key, one in found.items()}
    assert effects == {
        ("expert sums", "maths"): "collaboration",
        ("expert sums", "chat"): "conflict",
        ("expert chat", "maths"): "none",
        ("expert chat", "chat"): "none",
        ("merge", "maths"): "collaboration",
        ("merge", "chat"): "none",
    }
    lost = found["expert sums", "chat"]
    assert lost.difference == pytest.approx(-24 / 40) and lost.low < lost.difference < lost.high < 0
    assert found["merge", "maths"].difference == pytest.approx((22 / 40 + 16 / 40) / 2)
