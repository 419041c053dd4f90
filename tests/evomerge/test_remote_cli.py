"""The same verbs against a server and against its store: the same answers, the same exit codes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from proxy import CuttingProxy
from seeded import BLACKBOX, TRADEOFFS, new_experiment, seed, write_model
from served import Served

from evomerge import cli
from evomerge.watching import describe, item_limit
from experiments.states import EventKind, ExperimentState, Wanted

Evomerge = Callable[..., tuple[int, str, str]]


@pytest.fixture
def evomerge(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], served: Served) -> Evomerge:
    """Run the command in this process; the result is exit code, stdout and stderr."""
    monkeypatch.setenv("EVOMERGE_TOKEN", served.token)
    for name in ("EVOMERGE_SERVER", "EVOMERGE_STORE"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["evomerge", *map(str, words)])
        capfd.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def both(evomerge: Evomerge, served: Served) -> Callable[..., tuple[Any, Any]]:
    """Run a verb against the server, then against its store, and return both JSON objects."""

    def run(*words: object, code: int = 0) -> tuple[Any, Any]:
        found = []
        for where in (("--server", served.url), ("--store", served.store_url)):
            got, out, err = evomerge(*words, *where, "--format", "json")
            assert got == code, err
            found.append(json.loads(out))
        return found[0], found[1]

    return run


def spec_file(folder: Path, data: dict[str, Any] = BLACKBOX) -> Path:
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize(
    "words",
    [
        ("ls",),
        ("ls", "--limit", "1"),
        ("show", "json-math"),
        ("show", "other"),
        ("show", "json-math", "--candidate", "4"),
        ("compare", "json-math", "other"),
        ("methods",),
        ("methods", "ties"),
        ("algorithms",),
        ("algorithms", "merge-cma"),
    ],
    ids=" ".join,
)
def test_what_is_read_is_the_same(both: Callable[..., tuple[Any, Any]], served: Served, words: tuple[str, ...]) -> None:
    seed(served.store, finished=True)
    seed(served.store, name="other")
    remote, local = both(*words)
    assert remote == local
    assert remote


@pytest.mark.parametrize(
    "words",
    [("ls",), ("show", "json-math"), ("show", "json-math", "--candidate", "1"), ("compare", "json-math", "json-math")],
    ids=" ".join,
)
def test_people_read_the_same(evomerge: Evomerge, served: Served, words: tuple[str, ...]) -> None:
    seed(served.store, candidates=24, finished=True)
    remote, local = evomerge(*words, "--server", served.url), evomerge(*words, "--store", served.store_url)
    assert remote == local
    assert remote[0] == 0 and len(remote[1].splitlines()) > 1


def test_a_front_is_shown_with_what_is_known_of_it(evomerge: Evomerge, served: Served) -> None:
    made = seed(served.store, finished=True)
    _, out, _ = evomerge("show", made.id, "--server", served.url)
    front = out[out.index("Pareto front") :]
    assert "hypervolume 0.0625" in front
    assert re.search(r"volume is above +0\.250 +0\.500 *\n", front)
    assert re.search(r"1 searched +0\.500 +0\.750 ± 0\.125 +choice 0\.375, words 0\.625, beaten there *\n", front)
    assert re.search(r"2 +0\.625 +0\.250 *\n", front)
    _, out, _ = evomerge("show", made.id, "--server", served.url, "--format", "json")
    assert json.loads(out)["outcome"]["tradeoffs"] == TRADEOFFS


@pytest.mark.parametrize("where", ["server", "store"])
def test_an_experiment_is_handled_alike(evomerge: Evomerge, served: Served, tmp_path: Path, where: str) -> None:
    place = ("--server", served.url) if where == "server" else ("--store", served.store_url)

    def done(*words: object) -> Any:
        code, out, err = evomerge(*words, *place, "--format", "json")
        assert code == 0, err
        return json.loads(out)

    created = done("submit", spec_file(tmp_path), "--priority", "3")
    assert (created["state"], created["wanted"], created["priority"]) == ("created", "run", 3)
    assert created["owner"] == ("run-person" if where == "server" else "")
    assert done("pause", created["id"])["state"] == "paused"
    if where == "server":
        assert done("resume", created["id"])["wanted"] == "run"
    extended = done("extend", created["id"], "--evaluations", "80")
    assert extended["revision"] > created["revision"]
    assert served.store.get_experiment(created["id"]).budget == {"evaluations": 80}
    (tmp_path / "changes.yaml").write_text("search: {seed: 5}")
    cloned = done("clone", "box", "--name", "second", "--changes", tmp_path / "changes.yaml")
    spec = served.store.get_experiment(cloned["id"]).spec
    assert (spec["name"], spec["search"]["seed"], spec["search"]["budget"]) == ("second", 5, {"evaluations": 80})
    (tmp_path / "recipe.yaml").write_text("blackbox: {x: 0.5, y: 1}")
    injected = done("inject", "box", tmp_path / "recipe.yaml", "--label", "mine")
    assert (injected["label"], injected["recipe"]) == ("mine", {"blackbox": {"x": 0.5, "y": 1.0}})
    (event,) = served.store.controls(created["id"], "inject")
    assert event.payload["by"] == ("run-person" if where == "server" else "command line")
    assert done("cancel", created["id"])["state"] == "cancelled"


def test_plans_say_the_same(both: Callable[..., tuple[Any, Any]], evomerge: Evomerge, served: Served) -> None:
    spec = spec_file(served.folder)
    remote, local = both("plan", spec)
    assert remote == local
    assert (remote["dimensions"], remote["genes"]) == (2, ["x", "y"])
    assert "2 coefficients are searched" in evomerge("plan", spec, "--server", served.url)[1]


def test_models_and_tasks_are_those_of_the_server(
    both: Callable[..., tuple[Any, Any]], served: Served, monkeypatch: pytest.MonkeyPatch, evomerge: Evomerge
) -> None:
    write_model(served.folder / "models" / "base")
    (served.folder / "tasks" / "words.yaml").write_text("task: words")
    monkeypatch.setenv("EVOMERGE_MODEL_ROOTS", str(served.folder / "models"))
    monkeypatch.setenv("EVOMERGE_TASK_ROOTS", str(served.folder / "tasks"))
    remote, local = both("models")
    assert remote == local
    assert [one["name"] for one in remote["models"]] == ["base"]
    remote, local = both("tasks")
    # The catalog is for whoever runs a server to allow; on one's own machine it is all there.
    assert remote["tasks"] == [one for one in local["tasks"] if one["kind"] != "catalog"] != local["tasks"]
    assert [one["name"] for one in remote["tasks"]] == ["words.yaml"]
    assert "base" in evomerge("models", "--server", served.url)[1]


def test_a_winner_is_brought_here(evomerge: Evomerge, served: Served, tmp_path: Path) -> None:
    made = seed(served.store, finished=True)

    def make() -> None:
        while not (found := served.store.artifacts(made.id)):
            time.sleep(0.05)
        Path(found[0].path).mkdir()
        Path(found[0].path, "README.md").write_bytes(b"card")
        about = {"README.md": {"bytes": 4, "sha256": hashlib.sha256(b"card").hexdigest()}}
        served.store.finish_export(found[0].id, about)

    threading.Thread(target=make).start()
    out = tmp_path / "out"
    code, stdout, _ = evomerge("export", made.id, "--out", out, "--server", served.url, "--format", "json")
    shown = json.loads(stdout)
    assert code == 0
    assert shown["exported"]["path"] == str(out) and list(shown["exported"]["files"]) == ["README.md"]
    assert shown["candidate"]["number"] == 1
    assert (out / "README.md").read_bytes() == b"card"


def test_the_readme_lists_every_verb() -> None:
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    listed = " ".join(line for line in text.splitlines() if line.startswith("evomerge "))
    verbs = {one.name or one.callback.__name__ for one in cli.app.registered_commands if one.callback is not None}
    groups = {one.name for one in cli.app.registered_groups}
    assert {verb for verb in verbs | groups if not re.search(rf"\b{verb}\b", listed)} == set()


class TestRefusals:
    def test_are_the_same(self, both: Callable[..., tuple[Any, Any]], served: Served, tmp_path: Path) -> None:
        made = new_experiment(served.store)
        served.store.want(made.id, Wanted.CANCEL, by="somebody")
        bad = spec_file(tmp_path, {**BLACKBOX, "serch": {}})
        for words in (
            ("show", "nothing"),
            ("pause", made.id),
            ("extend", made.id, "--hours", "2"),
            ("inject", made.id, bad),
            ("show", made.id, "--candidate", "7"),
            ("submit", bad),
            ("plan", bad),
            ("compare", made.id, "nothing"),
        ):
            remote, local = both(*words, code=2)
            assert remote == local, words

    @pytest.mark.parametrize(
        ("words", "part"),
        [
            (("extend", "x"), "--evaluations"),
            (("compare", "x"), "two to six"),
            (("inject", "x", "no.yaml"), "no.yaml"),
            (("resume", "x", "--force"), "--force"),
            (("ls", "--store", "x.db"), "--store"),
        ],
    )
    def test_of_the_command_line_itself(
        self, evomerge: Evomerge, served: Served, words: tuple[str, ...], part: str
    ) -> None:
        code, _, err = evomerge(*words, "--server", served.url)
        assert code == 2 and part in err

    def test_a_file_that_holds_no_keys(self, evomerge: Evomerge, served: Served, tmp_path: Path) -> None:
        (tmp_path / "list.yaml").write_text("- 1")
        code, _, err = evomerge("clone", "x", "--changes", tmp_path / "list.yaml", "--server", served.url)
        assert code == 2 and "holds no keys" in err

    def test_a_server_that_is_gone(self, evomerge: Evomerge, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("evomerge.client.retry._FIRST_PAUSE_S", 60)
        code, out, err = evomerge("ls", "--server", "http://127.0.0.1:9", "--format", "json")
        assert code == 1
        assert json.loads(out)["error"]["code"] == "unavailable"
        assert "http://127.0.0.1:9" in err

    def test_a_token_that_is_none(self, evomerge: Evomerge, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVOMERGE_TOKEN", "evm_sesame")
        code, out, err = evomerge("ls", "--server", served.url, "--format", "json")
        assert code == 2 and json.loads(out)["error"]["code"] == "unauthorized"
        assert "sesame" not in out + err


class TestWhere:
    def test_the_environment_names_the_server_and_typing_goes_first(
        self, evomerge: Evomerge, served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        made = new_experiment(served.store)
        monkeypatch.setenv("EVOMERGE_SERVER", served.url)
        monkeypatch.setenv("EVOMERGE_STORE", str(tmp_path / "other.db"))
        assert made.id in evomerge("ls")[1]
        assert made.id not in evomerge("ls", "--store", tmp_path / "other.db")[1]
        monkeypatch.delenv("EVOMERGE_SERVER")
        assert made.id not in evomerge("ls")[1]


class TestWatch:
    def drive(self, served: Served, experiment_id: str, state: ExperimentState) -> None:
        time.sleep(1.0)
        with served.store.together():
            for number in (20, 21):
                self.score(served, experiment_id, number)
        served.store.record_decision(experiment_id, "winner", {"number": 1})
        served.store.release_driver(experiment_id, state, error="it broke" if state == "failed" else None)

    def score(self, served: Served, experiment_id: str, number: int) -> None:
        from seeded import _score

        _score(served.store, served.store.get_experiment(experiment_id), number, last=False)

    @pytest.mark.parametrize("where", ["server", "store"])
    def test_follows_to_the_end_and_shows_it(self, evomerge: Evomerge, served: Served, where: str) -> None:
        made = seed(served.store)
        place = ("--server", served.url) if where == "server" else ("--store", served.store_url)
        thread = threading.Thread(target=self.drive, args=(served, made.id, ExperimentState.FINISHED))
        thread.start()
        code, out, err = evomerge("watch", made.id, *place, "--format", "json")
        thread.join()
        assert code == 0, err
        assert json.loads(out)["state"] == "finished"
        assert "candidate 20 has" in err and "decided: winner" in err and "it is finished" in err

    def test_failure_is_an_exit_code(self, evomerge: Evomerge, served: Served) -> None:
        made = seed(served.store)
        thread = threading.Thread(target=self.drive, args=(served, made.id, ExperimentState.FAILED))
        thread.start()
        code, out, err = evomerge("watch", made.id, "--server", served.url)
        thread.join()
        assert code == 1
        assert "failed" in out and "it broke" in err

    def test_submit_can_watch(self, evomerge: Evomerge, served: Served, tmp_path: Path) -> None:
        def end() -> None:
            while not (found := served.store.list_experiments()):
                time.sleep(0.05)
            time.sleep(0.5)
            served.store.want(found[0].experiment.id, Wanted.CANCEL, by="somebody")

        thread = threading.Thread(target=end)
        thread.start()
        code, out, err = evomerge("submit", spec_file(tmp_path), "--watch", "--server", served.url)
        thread.join()
        assert code == 1 and "cancelled" in out and "somebody: cancel" in err

    def test_survives_cuts(self, evomerge: Evomerge, served: Served, proxy: CuttingProxy) -> None:
        made = seed(served.store)
        proxy.cuts = [0]
        thread = threading.Thread(target=self.drive, args=(served, made.id, ExperimentState.FINISHED))
        thread.start()
        code, _, err = evomerge("watch", made.id, "--server", proxy.url)
        thread.join()
        assert code == 0 and "it is finished" in err

    def test_every_event_is_described_or_silent_for_a_reason(self, served: Served) -> None:
        from api.schemas.events import EventView

        made = seed(served.store, finished=True)
        served.store.ask_export(made.id, 1, "/x", by="me")
        seen = {}
        for event in served.store.events(made.id):
            text, _ = describe(EventView.model_validate(event))
            seen[event.kind] = text
        assert seen.pop(EventKind.ASK) is None and seen.pop(EventKind.START) is None
        assert all(seen.values()) and {EventKind.STATE, EventKind.TELL, EventKind.DECISION, EventKind.EXPORT} <= set(
            seen
        )

    def test_the_limit_is_the_smallest_that_is_known(self) -> None:
        spec = {"tasks": [{"splits": {"search": 10}}, {"splits": {"search": 6}}]}
        assert item_limit(spec, {"evaluations": 5}) == 80
        assert item_limit(spec, {"evaluations": 5, "items": 30}) == 30
        assert item_limit({"tasks": [{"splits": {"search": None}}]}, {"evaluations": 5}) is None
        assert item_limit({"blackbox": {"items": 4}}, {"hours": 1}) is None
