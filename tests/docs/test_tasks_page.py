"""The examples of docs/tasks.md load and score as the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from judges import FakeJudge
from pages import DOCS

from evals.catalog import suites
from evals.suite import TaskSuite
from evals.tasks import SPLITS, TaskDefinition
from evomerge.errors import TaskError

PAGE = (DOCS / "tasks.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.+?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
KINDS = ["choice", "exact", "regex", "numeric", "json", "code", "judge", "refusal"]
JUDGED = ("judge", "harm")


def write(section: str, folder: Path, url: str) -> tuple[Path, str]:
    """Write the task file and the data of a section; return the task file and what tells its first item."""
    (task,) = re.findall(r"```yaml\n# (\S+)\n(.+?)```", section, re.DOTALL)
    (rows,) = re.findall(r"```(?:json|csv)\n(.+?)```", section, re.DOTALL)
    path = folder / task[0]
    path.write_text(task[1].replace("http://127.0.0.1:8123/v1", url))
    (name,) = re.findall(r"^data: (\S+)$", task[1], re.MULTILINE)
    (folder / name).write_text(rows)
    first = rows.splitlines()[1].split(",")[0] if name.endswith(".csv") else re.findall(r'"([^"]+)"', rows)[1]
    return path, first


def scripted(answer: str) -> Any:
    """A model that gives one answer to everything."""
    from lm_eval.api.model import LM

    class Scripted(LM):  # type: ignore[misc]
        def generate_until(self, requests: Any) -> list[str]:
            return [answer] * len(requests)

        def loglikelihood(self, requests: Any) -> list[tuple[float, bool]]:
            return [(0.0 if one.args[1].strip() == answer else -9.0, False) for one in requests]

        def loglikelihood_rolling(self, requests: Any) -> Any:
            raise AssertionError("no task asks for this")

    return Scripted()


@pytest.mark.parametrize("kind", [*KINDS, "harm"])
def test_examples_score_as_the_page_says(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_judge: Callable[..., FakeJudge]
) -> None:
    monkeypatch.setenv("EVOMERGE_ALLOW_CODE_TASKS", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    table = re.findall(r"^\| `(.+)` \| ([\d.]+) \|$", SECTIONS[kind], re.MULTILINE)
    assert len(table) >= 2
    judge = fake_judge()
    path, first = write(SECTIONS[kind], tmp_path, judge.url)
    suite = TaskSuite.load([TaskDefinition("example", str(path), search=1, selection=1, test=1)])
    (item,) = [item for item, doc in suite._tasks[0].docs.items() if first in map(str, doc.values())]
    for answer, score in table:
        judge.reply = f"I looked at it.\n{answer}"
        model = scripted(f"An answer worth {score}" if kind in JUDGED else answer)
        scores = {one.item: one.score for split in SPLITS for one in suite.score(model, split)}
        assert scores[item] == float(score), answer
    assert bool(judge.requests) == (kind in JUDGED)


def test_the_page_shows_every_kind_and_every_suite() -> None:
    from evals.local.form import Choice, Code, Exact, JsonValue, Judged, Numeric, Refused, Regex

    forms = (Choice, Exact, Regex, Numeric, JsonValue, Code, Judged, Refused)
    kinds = [one.model_fields["kind"].default for one in forms]
    assert [name for name in SECTIONS if name in KINDS] == kinds == KINDS
    assert all(f"`{name}`" in PAGE for name in suites())


def test_every_key_of_the_short_form_is_on_the_page() -> None:
    from evals.local.form import Form

    table = PAGE.partition("## Tasks of one's own\n")[2].partition("###")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Form.model_fields)


def test_the_message_on_the_page_is_the_programs(tmp_path: Path) -> None:
    path, _ = write(SECTIONS["choice"], tmp_path, "")
    rows = tmp_path / "tickets.jsonl"
    rows.write_text(rows.read_text().replace('"label": 2', '"label": "other"'))
    with pytest.raises(TaskError) as caught:
        TaskSuite.load([TaskDefinition("example", str(path), search=1, selection=1, test=1)])
    assert str(caught.value).replace(f"{tmp_path}/", "") in PAGE
