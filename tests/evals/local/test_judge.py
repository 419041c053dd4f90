"""Asking a judge: what is sent, what counts as a verdict, what is repeated, what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from judges import FakeJudge

from evals.local import judge as judging
from evals.local import scorer
from evals.local.judge import KEYS, Judge
from evals.local.programs import Programs
from evals.local.sandbox import Limits
from evomerge.errors import EngineError, Infeasible


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(judging, "_FIRST_PAUSE_S", 0.001)
    return tmp_path / "evomerge" / "judge"


def judge_at(url: str) -> Judge:
    return Judge(url, "large", "{{question}}: {{output}}", 1.0, 5.0, max_tokens=64, timeout_s=10.0)


def ask(judge: Judge, *answers: str) -> list[float]:
    return judge.score([[answer] for answer in answers], [{"question": "Q"}] * len(answers))


def test_marks_are_read_scaled_and_kept(cache: Path, fake_judge: Callable[[], FakeJudge]) -> None:
    fake = fake_judge()
    fake.reply = lambda question: f"Fine.\n**Score: {5 if 'good' in question else 2.5}**\n"
    judge = judge_at(fake.url)
    assert ask(judge, "good", "bad") == [1.0, 0.375]
    (_, body), _ = sorted(fake.requests, key=lambda request: "bad" in request[1]["messages"][0]["content"])
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("large", 0.0, 64)
    assert body["messages"][0]["content"].startswith("Q: good\n")
    assert ask(judge, "bad", "good") == [0.375, 1.0]
    assert len(fake.requests) == 2, "a verdict was paid for twice"
    ask(replace(judge, model="other"), "good")
    assert len(fake.requests) == 3, "the verdict of one model was taken for that of another"
    kept = [json.loads(path.read_text()) for path in cache.iterdir()]
    assert {(one["model"], one["mark"]) for one in kept} == {("large", 5.0), ("large", 2.5), ("other", 5.0)}


@pytest.mark.parametrize(
    "reply", ["", "Score: 3\nI hope this helps.", "Score: 9", "Score: 0.5", "Score: three", "My score: 3", "Score: 3/5"]
)
def test_what_is_no_verdict_is_asked_again_and_never_kept(
    reply: str, cache: Path, fake_judge: Callable[[], FakeJudge]
) -> None:
    fake = fake_judge()
    fake.reply = reply
    with pytest.raises(Infeasible, match="gave no score of 3 times"):
        ask(judge_at(fake.url), "x")
    assert [body["temperature"] for _, body in fake.requests] == [0.0, 0.7, 0.7]
    assert not cache.exists()
    fake.reply = "Score: 3"
    assert ask(judge_at(fake.url), "x") == [0.5]


def test_failures_that_pass_are_waited_for(cache: Path, fake_judge: Callable[[], FakeJudge]) -> None:
    fake = fake_judge()
    fake.statuses = [500, 429, 503]
    assert ask(judge_at(fake.url), "x") == [0.0]
    assert len(fake.requests) == 4


def test_failures_that_stay_are_the_engines(cache: Path, fake_judge: Callable[[], FakeJudge]) -> None:
    fake = fake_judge()
    fake.statuses = [401]
    with pytest.raises(EngineError, match=f"status 401.*{KEYS}"):
        ask(judge_at(fake.url), "x")
    assert len(fake.requests) == 1
    fake.statuses = [500] * 6
    with pytest.raises(EngineError, match="status 500"):
        ask(judge_at(fake.url), "x")
    with pytest.raises(EngineError, match="cannot be asked"):
        ask(judge_at("http://127.0.0.1:9/v1"), "x")


def test_a_key_goes_to_its_own_host_only(
    cache: Path, fake_judge: Callable[[], FakeJudge], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = fake_judge(), fake_judge()
    monkeypatch.setenv(KEYS, f"api.example.com=FOREIGN 127.0.0.1:{ours.server.server_port}=OURS")
    ask(judge_at(ours.url), "x")
    ask(judge_at(other.url), "x")
    assert ours.requests[0][0]["Authorization"] == "Bearer OURS"
    assert "Authorization" not in other.requests[0][0]
    assert not any("OURS" in path.read_text() for path in cache.iterdir())


def test_whoever_watches_hears_of_every_answer(
    cache: Path, fake_judge: Callable[[], FakeJudge], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    monkeypatch.setattr(scorer, "_watching", [])
    scorer.watch(lambda: heard.append(1))
    ask(judge_at(fake_judge().url), "x", "y")
    Programs("{{code}}", None, 1, Limits()).score([["pass", "pass"]], [{}])
    assert len(heard) == 4
