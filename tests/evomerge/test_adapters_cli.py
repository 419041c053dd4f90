"""The adapter verbs and ``evomerge pack`` as programs and people use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from evomerge.cli import main
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

SIZES = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Any, make_lora: Any) -> Path:
    root = tmp_path_factory.mktemp("place")
    base = tiny_llama(root / "base", **SIZES)
    tiny_llama(root / "full", seed=1, **SIZES)
    for seed, name in enumerate(("a", "b", "c")):
        make_lora(root / name, base, seed=seed, scale=0.2)
    return root


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; return exit code, stdout and stderr."""

    def command(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["evomerge", *map(str, words)])
        # The tests' own process goes on.
        monkeypatch.setattr("evomerge.cli._leave", lambda: None)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return command


def recipe_file(place: Path, out: Path, **changes: Any) -> Path:
    recipe = {
        "base_model": str(place / "base"),
        "models": {"a": str(place / "a"), "b": str(place / "b")},
        "method": "task_arithmetic",
        "coefficients": {"weight": {"a": 0.7, "b": -0.4}},
    }
    out.write_text(yaml.safe_dump({key: value for key, value in (recipe | changes).items() if value is not None}))
    return out


def opened(place: Path, **experts: Path) -> ModelSet:
    refs = [ModelRef(name, str(path)) for name, path in experts.items()]
    return ModelSet.open(ModelRef("base", str(place / "base")), refs)


def test_merge_writes_the_dense_merge_as_an_adapter(place: Path, tmp_path: Path, run: Run) -> None:
    recipe, out = recipe_file(place, tmp_path / "recipe.yaml"), tmp_path / "out"
    code, printed, _ = run("adapter", "merge", recipe, "--out", out, "--format", "json")
    assert code == 0
    result = json.loads(printed)["adapter"]
    assert result["path"] == str(out) and result["exact"] and result["error"] == 0.0
    assert set(result["ranks"].values()) == {8} and result["ranks"].keys() == result["errors"].keys()
    merged = Recipe("task_arithmetic", ("a", "b"), coefficients={"weight": {"a": (0.7,), "b": (-0.4,)}})
    models, again = opened(place, a=place / "a", b=place / "b"), opened(place, merged=out)
    for name, tensor in Materializer(models).tensors(merged, dtype=torch.float32):
        delta, base = again.delta(name, "merged"), models.base_tensor(name).float()
        torch.testing.assert_close(base if delta is None else base + delta, tensor, atol=2e-6, rtol=1e-6)


def test_merge_cuts_other_methods_to_a_rank(place: Path, tmp_path: Path, run: Run) -> None:
    recipe = recipe_file(place, tmp_path / "recipe.yaml", method="ties", dtype="bfloat16")
    code, printed, errors = run("adapter", "merge", recipe, "--out", tmp_path / "out")
    assert code == 2 and "rank: ties at granularity global has no exact adapter" in errors and not printed
    code, printed, _ = run("adapter", "merge", recipe, "--rank", "5", "--out", tmp_path / "out")
    assert code == 0
    assert f"adapter of rank 5 written to {tmp_path / 'out'}" in printed and "bfloat16" in printed
    assert "truncated: relative error" in printed


def test_compress_keeps_the_dtype_and_reports_the_error(place: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out"
    words = ("adapter", "compress", place / "a", "--base", place / "base", "--out", out)
    code, printed, _ = run(*words, "--rank", "2", "--format", "json")
    assert code == 0
    result = json.loads(printed)["adapter"]
    assert set(result["ranks"].values()) == {2} and result["dtype"] == "float32" and not result["exact"]
    assert 0.1 < result["error"] < 0.9
    own, cut = opened(place, a=place / "a").factors(Q, "a"), opened(place, a=out).factors(Q, "a")
    assert own is not None and cut is not None
    s = torch.linalg.svdvals(own.b @ own.a)
    assert result["errors"][Q] == pytest.approx(float(s[2:].norm() / s.norm()), rel=1e-3)
    code, _, errors = run(*words, "--rank", "2")
    assert code == 2 and "is not empty" in errors
    code, printed, _ = run(*words[:-1], tmp_path / "half", "--rank", "9", "--dtype", "float16")
    assert code == 0 and "float16" in printed
    stored = load_file(tmp_path / "half" / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}


Q = "model.layers.1.self_attn.q_proj.weight"


def test_basis_and_revert_give_each_adapter_back(place: Path, tmp_path: Path, run: Run) -> None:
    names = [f"first={place / 'a'}", place / "b", place / "c"]
    words = ("adapter", "basis", *names, "--base", place / "base", "--out", tmp_path / "basis")
    code, printed, _ = run(*words, "--components", "2", "--format", "json")
    assert code == 0
    result = json.loads(printed)["basis"]
    assert list(result["errors"]) == ["first", "b", "c"] and max(result["errors"].values()) < 1e-6
    code, printed, _ = run(
        "adapter", "revert", tmp_path / "basis", "first", "--out", tmp_path / "back", "--format", "json"
    )
    assert code == 0 and json.loads(printed) == {"adapter": {"name": "first", "path": str(tmp_path / "back")}}
    own, back = (load_file(path / "adapter_model.safetensors") for path in (place / "a", tmp_path / "back"))
    for name, tensor in own.items():
        torch.testing.assert_close(back[name], tensor, atol=1e-6, rtol=1e-5)
    code, printed, _ = run(*words[:-1], tmp_path / "lossy", "--components", "1")
    assert code == 0 and "first: relative error" in printed
    code, _, errors = run("adapter", "revert", tmp_path / "basis", "frist", "--out", tmp_path / "other")
    assert code == 2 and "did you mean 'first'" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "basis", "lossy"]


def test_pack_writes_an_expert_that_a_recipe_can_name(place: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "pack"
    words = ("pack", place / "a", "--base", place / "base", "--out", out)
    code, printed, _ = run(*words, "--bits", "16", "--format", "json")
    assert code == 0
    result = json.loads(printed)["pack"]
    assert result["error"] < 1e-2 and result["bytes"] > 0 and len(result["tensors"]) == 28
    recipe = recipe_file(place, tmp_path / "recipe.yaml", models={"a": str(out)}, coefficients=None)
    assert run("merge", recipe, "--out", tmp_path / "merged")[0] == 0
    merged = load_file(tmp_path / "merged" / "model.safetensors")[Q]
    delta = opened(place, a=place / "a").delta(Q, "a")
    assert delta is not None
    expected = opened(place).base_tensor(Q).float() + delta
    torch.testing.assert_close(merged.float(), expected, atol=2e-3, rtol=2e-2)
    code, _, errors = run("adapter", "merge", recipe, "--out", tmp_path / "adapter")
    assert code == 2 and "a is no LoRA adapter" in errors
    code, printed, _ = run("pack", place / "base", "--base", place / "full", "--out", tmp_path / "full")
    assert code == 0 and "relative error" in printed and "tensors packed to" in printed
    other = {"base_model": str(place / "full"), "models": {"a": str(out)}, "coefficients": None}
    recipe = recipe_file(place, tmp_path / "other.yaml", **other)
    code, _, errors = run("merge", recipe, "--out", tmp_path / "nothing")
    assert code == 2 and "whose weights are others" in errors
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("words", "field", "hint"),
    [
        (("adapter", "merge", "nowhere.yaml", "--out", "out"), "nowhere.yaml", "cannot be read"),
        (("adapter", "compress", "full", "--base", "base", "--rank", "2", "--out", "out"), "full", "no LoRA adapter"),
        (("adapter", "basis", "a", "--base", "base", "--components", "2", "--out", "out"), "adapters", "two adapters"),
        (("adapter", "basis", "a", "a", "--base", "base", "--components", "2", "--out", "out"), "model a", "2 models"),
        (("adapter", "revert", "a", "x", "--out", "out"), "basis a", "adapter_basis.json is missing"),
        (("pack", "a", "--base", "nowhere/at/all/there", "--out", "out"), "nowhere", "no directory"),
        (("pack", "a", "--base", "base", "--bits", "7", "--out", "out"), "bits", "BITSxCOUNT"),
        (("pack", "base", "--base", "full", "--embedding-density", "2", "--out", "out"), "embedding_density", "(0, 1]"),
        (("pack", "a", "--base", "a", "--out", "out"), "model base", "the base is an adapter"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_input_exits_with_2_and_writes_nothing(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], field: str, hint: str
) -> None:
    monkeypatch.chdir(place)
    before = sorted(path.name for path in place.iterdir())
    code, printed, errors = run(*words, "--format", "json")
    error = json.loads(printed)["error"]
    assert code == 2 and field in error["field"]
    assert hint in f"{error['problem']} {error['fix']}" and hint in errors
    assert sorted(path.name for path in place.iterdir()) == before


def test_mergekit_files_are_for_the_other_verb(place: Path, tmp_path: Path, run: Run) -> None:
    config = tmp_path / "config.yml"
    config.write_text(yaml.safe_dump({"merge_method": "linear", "models": [{"model": str(place / "full")}]}))
    code, _, errors = run("adapter", "merge", config, "--out", tmp_path / "out")
    assert code == 2 and "is a mergekit configuration" in errors
    two = tmp_path / "two.yaml"
    two.write_text("---\n".join([recipe_file(place, tmp_path / "one.yaml").read_text()] * 2))
    code, _, errors = run("adapter", "merge", two, "--out", tmp_path / "out")
    assert code == 2 and "a second document follows" in errors


def test_a_disk_that_is_full_leaves_nothing(
    place: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("merging.lora.write.save_file", full)
    recipe = recipe_file(place, tmp_path / "recipe.yaml")
    code, _, errors = run("adapter", "merge", recipe, "--out", tmp_path / "out")
    assert code == 1 and "cannot be written" in errors and "No space left" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]
