"""No spec reaches anything that the operator does not offer, however it is written."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from seeded import BLACKBOX, merge_spec, write_model

from api.catalog.confine import confine
from api.catalog.endpoints import check_endpoint
from api.catalog.places import locate
from api.settings import Settings
from evomerge.errors import InvalidInput, ModelError, SpecError, TaskError

COMMIT = "0123456789abcdef" * 2 + "01234567"


class Methods:
    path_options: Mapping[str, frozenset[str]] = {"fisher": frozenset({"calibration"})}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Roots with good things inside, and things outside that must stay there."""
    for name in ("base", "a", "b"):
        write_model(tmp_path / "models" / name)
    write_model(tmp_path / "secret" / "model")
    (tmp_path / "tasks").mkdir()
    for place in (tmp_path / "tasks", tmp_path / "secret"):
        for name in ("words.yaml", "data.jsonl"):
            (place / name).write_text("task: words")
    (tmp_path / "models" / "out").symlink_to(tmp_path / "secret" / "model")
    (tmp_path / "tasks" / "out.yaml").symlink_to(tmp_path / "secret" / "words.yaml")
    (tmp_path / "models" / "loop").symlink_to(tmp_path / "models" / "loop")
    return tmp_path


@pytest.fixture
def settings(house: Path) -> Settings:
    return Settings(model_roots=(house / "models",), task_roots=(house / "tasks",), tasks=("gsm8k",))


def test_a_good_spec_gets_absolute_paths(house: Path, settings: Settings) -> None:
    merge = {"method": "fisher", "options": {"calibration": "data.jsonl"}}
    task = [{"task": "words.yaml", "metric": "m"}, {"task": "gsm8k", "metric": "m"}]
    found = confine(merge_spec(merge=merge, tasks=task, models={"a": str(house / "models" / "a")}), settings, Methods())
    assert found["base_model"] == {"model": str(house / "models" / "base")}
    assert found["models"] == {"a": {"model": str(house / "models" / "a")}}
    assert [one["task"] for one in found["tasks"]] == [str(house / "tasks" / "words.yaml"), "gsm8k"]
    assert [one["name"] for one in found["tasks"]] == ["words", "gsm8k"]
    assert found["merge"]["options"]["calibration"] == str(house / "tasks" / "data.jsonl")
    assert confine(found, settings, Methods()) == found  # so that what is stored can be cloned


OUTSIDE = [
    "../secret/model", "a/../../secret/model", "./../secret/model", "out", "loop", "a\0", "\0", "~", "~root", "/",
    "/etc", "..", ".", "a/../..", "\ud800", "a" * 5000, "a/" * 3000, "file:///etc", "http://127.0.0.1/",
    "\uff0e\uff0e/secret",
    "\u2025/secret", "a\u202e", "base/config.json", "A", "org/model",
]  # fmt: skip


@pytest.mark.parametrize(
    "text", [*OUTSIDE, "{house}/secret/model", "{house}/models/out", "{house}/models/../secret/model"]
)
def test_models_are_inside(house: Path, settings: Settings, text: str) -> None:
    name = text.replace("{house}", str(house))
    for spec in ({"base_model": name}, {"models": {"a": name}}):
        with pytest.raises((ModelError, SpecError)):
            confine({**merge_spec(), **spec}, settings, Methods())


@pytest.mark.parametrize(
    "text", [*OUTSIDE, "out.yaml", "../secret/words.yaml", "{house}/secret/words.yaml", "gsm8k_cot", "x.yml"]
)
def test_tasks_and_files_are_inside(house: Path, settings: Settings, text: str) -> None:
    name = text.replace("{house}", str(house))
    with pytest.raises((TaskError, SpecError)):
        confine({**merge_spec(), "tasks": [{"task": name, "metric": "m"}]}, settings, Methods())
    with pytest.raises(SpecError, match=r"merge\.options\.calibration"):
        confine(merge_with(options={"calibration": name}), settings, Methods())
    with pytest.raises(SpecError):
        confine(merge_with(tokenizer={"chat_template": name}), settings, Methods())


def merge_with(**changes: Any) -> dict[str, Any]:
    return {**merge_spec(), "merge": {"method": "fisher", **changes}}


@given(
    st.lists(
        st.sampled_from(
            ["..", ".", "", "/", "a", "base", "out", "secret", "model", "\0", "~", "%2e%2e", "\\", "é", "e\u0301"]
        )
        | st.text(max_size=6),
        max_size=8,
    ),
    st.sampled_from(["/", "//", "\\", "/./"]),
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_nothing_outside_is_ever_found(house: Path, parts: list[str], separator: str) -> None:
    root = house / "models"
    found = locate(separator.join(parts), [root])
    assert found is None or (found.is_relative_to(root.resolve()) and found != root.resolve())


def test_what_is_not_there_and_what_may_not_be_seen_look_the_same(house: Path, settings: Settings) -> None:
    def message(name: str) -> str:
        with pytest.raises(ModelError) as caught:
            confine(merge_spec(base_model=name), settings, Methods())
        return str(caught.value)

    there, missing = (message(str(house / "secret" / name)) for name in ("model", "modal"))
    assert there.replace("model'", "modal'") == missing


@pytest.mark.parametrize(
    "config",
    [
        '{"auto_map": {"AutoModelForCausalLM": "evil.py"}}',
        '{"text_config": {"layers": [{"auto_map": {}}]}}',
        "{" + '"a":{' * 200 + '"auto_map":1' + "}" * 201,
        "[" * 100_000,
        "not json",
        "[]",
    ],
)
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_configurations_that_bring_code_are_refused(house: Path, settings: Settings, config: str, file: str) -> None:
    (house / "models" / "base" / file).write_text(config)
    with pytest.raises(ModelError, match="base_model"):
        confine(merge_spec(), settings, Methods())


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".pkl", ".ckpt"])
def test_pickles_in_place_of_safetensors_are_refused(house: Path, settings: Settings, suffix: str) -> None:
    folder = house / "models" / "a"
    (folder / f"pytorch_model{suffix}").write_bytes(b"x")
    confine(merge_spec(), settings, Methods())  # beside safetensors nobody reads it
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"models\.a.*pickle"):
        confine(merge_spec(), settings, Methods())


def test_files_of_a_model_are_inside_too(house: Path, settings: Settings) -> None:
    weights = house / "models" / "a" / "model.safetensors"
    weights.unlink()
    weights.symlink_to(house / "secret" / "model" / "model.safetensors")
    with pytest.raises(ModelError, match="outside"):
        confine(merge_spec(), settings, Methods())


class TestHub:
    @pytest.mark.parametrize("allowed", [True, False])
    def test_only_where_it_is_allowed_and_with_a_commit(self, settings: Settings, allowed: bool) -> None:
        open_settings = settings.model_copy(update={"allow_hub": allowed})

        def go(model: str, revision: str | None) -> dict[str, Any]:
            named = {"model": model} | ({} if revision is None else {"revision": revision})
            return confine({**merge_spec(), "base_model": named}, open_settings, Methods())

        if allowed:
            assert go("org/model", COMMIT)["base_model"] == {"model": "org/model", "revision": COMMIT}
        else:
            with pytest.raises(ModelError):
                go("org/model", COMMIT)
        for model, revision in [
            ("org/model", None), ("org/model", "main"), ("org/model", COMMIT[:7]), ("org/model", COMMIT.upper()),
            ("../org", COMMIT), ("org/../model", COMMIT), ("a/b/c", COMMIT), ("http://x/y", COMMIT), ("base", COMMIT),
        ]:  # fmt: skip
            with pytest.raises(ModelError):
                go(model, revision)


class TestEndpoints:
    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/latest/meta-data", "http://127.0.0.1/", "http://[::1]/", "http://2130706433/",
            "http://10.0.0.1/", "http://[::ffff:169.254.169.254]/", "http://other.example/", "http://user@scores.example/",
            "http://scores.example@169.254.169.254/", "http://scores.example.evil.example/", "http://:80/",
            "http://scores.example:99999/",
        ],
    )  # fmt: skip
    def test_what_is_not_listed_is_refused(self, url: str) -> None:
        with pytest.raises(SpecError, match=r"blackbox\.url"):
            check_endpoint(url, ["scores.example"])

    @pytest.mark.parametrize(
        ("addresses", "listed", "passes"),
        [
            (["1.1.1.1"], [], True),
            (["10.0.0.7"], [], False),
            (["1.1.1.1", "169.254.169.254"], [], False),
            (["10.0.0.7"], ["10.0.0.0/8"], True),
            (["10.0.0.7", "11.0.0.1"], ["10.0.0.7"], True),
            (["::1"], [], False),
            (["fe80::1%eth0"], [], False),
        ],
    )
    def test_names_are_looked_up(
        self, monkeypatch: pytest.MonkeyPatch, addresses: list[str], listed: list[str], passes: bool
    ) -> None:
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
        with nullcontext() if passes else pytest.raises(SpecError, match="not public"):
            check_endpoint("http://scores.example/x", ["scores.example", *listed])

    def test_a_spec_goes_through_it(self, settings: Settings) -> None:
        with pytest.raises(SpecError, match=r"blackbox\.url"):
            confine(BLACKBOX, settings, Methods())
        local = settings.model_copy(update={"endpoint_hosts": ("127.0.0.0/8",)})
        assert confine(BLACKBOX, local, Methods())["blackbox"]["url"] == BLACKBOX["blackbox"]["url"]

    def test_functions_are_refused(self, settings: Settings) -> None:
        box = {key: value for key, value in BLACKBOX["blackbox"].items() if key != "url"} | {"callable": "os:system"}
        with pytest.raises(SpecError, match=r"blackbox\.callable"):
            confine({**BLACKBOX, "blackbox": box}, settings, Methods())


def test_suites_of_the_catalog_are_offered_as_the_operator_lists_them(settings: Settings) -> None:
    allowed = settings.model_copy(update={"tasks": ("safety", "mathematics/gsm8k")})
    for task in ({"suite": "safety"}, {"task": "safety/toxigen"}, {"task": "mathematics/gsm8k"}):
        assert confine(merge_spec(tasks=[task]), allowed, Methods())["tasks"]
    for task in ({"suite": "mathematics"}, {"task": "mathematics/mathqa"}, {"task": "gsm8k", "metric": "m"}):
        with pytest.raises(TaskError, match="among this server's tasks"):
            confine(merge_spec(tasks=[task]), allowed, Methods())


def test_judges_are_at_hosts_that_the_operator_lists(house: Path, settings: Settings) -> None:
    score = {"kind": "judge", "url": "http://127.0.0.1:8000/v1", "model": "m", "rubric": "{{output}}"}
    (house / "tasks" / "judged.yaml").write_text(json.dumps({"data": "d.jsonl", "prompt": "{{q}}", "score": score}))
    (house / "tasks" / "hidden.yaml").write_text("include: judged.yaml")
    for name in ("judged.yaml", "hidden.yaml"):
        spec = merge_spec(tasks=[{"task": name}])
        with pytest.raises(SpecError, match=r"tasks\[0\].task: the host '127.0.0.1' is not one of those"):
            confine(spec, settings, Methods())
        confine(spec, settings.model_copy(update={"endpoint_hosts": ("127.0.0.1/32",)}), Methods())


def test_nothing_is_written_where_a_spec_says(settings: Settings) -> None:
    with pytest.raises(SpecError, match="output"):
        confine(merge_spec(output="/etc/cron.d/x"), settings, Methods())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(list(merge_spec())) | st.text(max_size=5), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_any_data_is_refused_in_our_own_words(settings: Settings, part: Any) -> None:
    spec = {**merge_spec(), **(part if isinstance(part, dict) else {"models": part})}
    try:
        confine(json.loads(json.dumps(spec)), settings, Methods())
    except InvalidInput as error:
        assert error.field and error.problem and error.fix
