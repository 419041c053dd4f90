from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from evomerge.cli import app
from evomerge.errors import EvomergeError, InvalidInput
from merging.checkpoints import Checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

SMALL = {"vocab_size": 320, "hidden_size": 32, "intermediate_size": 48}


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> Path:
    root = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("base", "a", "b")):
        tiny_llama(root / name, seed=seed, **SMALL)
    make_lora(root / "lora", root / "base", seed=3, scale=0.2)
    return root


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["merge", *map(str, arguments)])


def written(root: Path, content: dict[str, Any] | str, name: str = "merge.yml") -> Path:
    path = root / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def native(models: Path) -> dict[str, Any]:
    return {
        "base_model": str(models / "base"),
        "models": {"a": str(models / "a"), "l": str(models / "lora")},
        "method": "task_arithmetic",
        "granularity": "group:2",
        "coefficients": {"weight": {"a": [0.25, 0.75], "l": 0.5}, "lambda": 0.9},
    }


def test_a_recipe_of_ours(models: Path, tmp_path: Path) -> None:
    result = run(written(tmp_path, native(models)), "--out", tmp_path / "out", "--format", "json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["exported"]["path"] == str(tmp_path / "out")
    assert document["steps"][0]["tensors"] == 38
    recipe = Recipe(
        "task_arithmetic", ("a", "l"), "group:2",
        {"weight": {"a": (0.25, 0.75), "l": (0.5,)}, "lambda": (0.9,)},
    )  # fmt: skip
    experts = [ModelRef("a", str(models / "a")), ModelRef("l", str(models / "lora"))]
    expected = dict(Materializer(ModelSet.open(ModelRef("base", str(models / "base")), experts)).tensors(recipe))
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (models / "base" / "tokenizer.json").read_bytes()


def test_relative_paths_start_at_the_recipe(models: Path, tmp_path: Path) -> None:
    (tmp_path / "m").symlink_to(models)
    content = native(models) | {"base_model": "m/base", "models": {"a": "m/a", "l": "./m/lora"}}
    assert run(written(tmp_path, content), "--out", tmp_path / "out").exit_code == 0


def test_the_recipe_of_an_export_makes_it_again(models: Path, tmp_path: Path) -> None:
    assert run(written(tmp_path, native(models) | {"dtype": "float32"}), "--out", tmp_path / "one").exit_code == 0
    again = run(tmp_path / "one" / "recipe.json", "--out", tmp_path / "two")
    assert again.exit_code == 0, again.output
    for file in ("model.safetensors", "config.json", "recipe.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert next(iter(load_file(tmp_path / "two" / "model.safetensors").values())).dtype == torch.float32


def test_changed_models_are_noticed(models: Path, tmp_path: Path) -> None:
    assert run(written(tmp_path, native(models)), "--out", tmp_path / "one").exit_code == 0
    recipe = json.loads((tmp_path / "one" / "recipe.json").read_text())
    recipe["base"]["sha256"] = {"model.safetensors": "0" * 64}
    result = run(written(tmp_path, json.dumps(recipe), "recipe.json"), "--out", tmp_path / "two")
    assert isinstance(result.exception, InvalidInput)
    assert "not those that the recipe was made with" in str(result.exception)
    assert not (tmp_path / "two").exists()


def test_a_mergekit_file(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)
    content = (
        "merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: 3}\n- model: b\n  parameters: {weight: 1}\n"
        "parameters: {int8_mask: true}\ndtype: bfloat16\n"
    )
    result = run(written(tmp_path, content), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "int8_mask only saves memory" in result.output
    a, b, out = (load_file(path / "model.safetensors") for path in (models / "a", models / "b", tmp_path / "out"))
    for name, tensor in out.items():
        expected = ((3 * a[name].double() + b[name].double()) / 4).bfloat16()
        torch.testing.assert_close(tensor.float(), expected.float(), rtol=2**-7, atol=1e-7)
    assert (tmp_path / "out" / "mergekit_config.yml").read_text() == content
    again = run(tmp_path / "out" / "recipe.json", "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        tmp_path / "out" / "model.safetensors"
    ).read_bytes()


def test_a_random_method_repeats_with_its_seed(models: Path, tmp_path: Path) -> None:
    content = {
        "merge_method": "dare_linear", "base_model": str(models / "base"),
        "models": [{"model": str(models / "a"), "parameters": {"weight": 1, "density": 0.5}}],
    }  # fmt: skip
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        assert run(written(tmp_path, content), "--out", tmp_path / name, "--seed", seed).exit_code == 0
    one, two, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


def test_several_documents(models: Path, tmp_path: Path) -> None:
    steps = [
        {"name": "half", "merge_method": "linear", "parameters": {"weight": 1}, "dtype": "float32",
         "models": [{"model": str(models / "a")}, {"model": str(models / "b")}]},
        {"merge_method": "passthrough", "slices": [{"sources": [{"model": "half", "layer_range": [0, 2]}]},
                                                   {"sources": [{"model": "half", "layer_range": [1, 4]}]}]},
    ]  # fmt: skip
    path = written(tmp_path, yaml.safe_dump_all(steps))
    dry = run(path, "--out", tmp_path / "out", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "half: linear, 38 tensors" in dry.output
    assert "result: passthrough, after half" in dry.output
    assert not (tmp_path / "out").exists()
    result = run(path, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "config.json").read_text())["num_hidden_layers"] == 5
    a, b, out = (load_file(path / "model.safetensors") for path in (models / "a", models / "b", tmp_path / "out"))
    name = "model.layers.{}.mlp.up_proj.weight"
    assert torch.equal(out[name.format(2)], out[name.format(1)])
    mean = (a[name.format(1)].float() + b[name.format(1)].float()) / 2
    torch.testing.assert_close(out[name.format(1)], mean, rtol=0, atol=1e-7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merge.yml", "out"]


def test_shards(models: Path, tmp_path: Path) -> None:
    result = run(written(tmp_path, native(models)), "--out", tmp_path / "out", "--max-shard-size", "30KB")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("model-*.safetensors"))) > 1
    assert len(Checkpoint("x", tmp_path / "out").infos) == 38


def test_a_chat_template_by_name(models: Path, tmp_path: Path) -> None:
    content = {
        "merge_method": "passthrough", "models": [{"model": str(models / "a")}], "chat_template": "chatml",
    }  # fmt: skip
    assert run(written(tmp_path, content), "--out", tmp_path / "out").exit_code == 0
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("merge_method: ties\nmodelz: []", ["merge.yml: line 2: modelz", "did you mean 'models'"]),
        ("merge_method: linear\nmodels: [{model: nowhere/to/be/found}]", ["model nowhere/to/be/found"]),
        ("{", ["merge.yml: is not valid YAML"]),
        ("[1, 2]", ["expected a mapping"]),
        ("method: linear\nmodels: {a: x}", ["'base_model' is missing"]),
        ("method: linear\nbase_model: x\nmodels: {a: x}\nweights: 3", ["line 4: weights"]),
        ("method: linear\nbase_model: BASE\nmodels: {a: A}\noptions: {normalise: true}", ["recipe.options.normalise"]),
        ("method: linear\nbase_model: BASE\nmodels: {a: A}\ncoefficients: {weight: {a: x}}", ["coefficients.weight.a"]),
        ("method: linear\nbase_model: BASE\nmodels: {a: A}\ndtype: int4", ["line 4: dtype: found 'int4'"]),
        ("method: linear\nbase_model: BASE\nmodels: {a: A}\n---\nb: 1", ["a second document follows"]),
        ("merge_method: passthrough\nmodels: [{model: A}]\nchat_template: chatty", ["'chatty' is no chat template"]),
    ],
)
def test_a_bad_file_writes_nothing(models: Path, tmp_path: Path, content: str, parts: list[str]) -> None:
    text = content.replace("BASE", str(models / "base")).replace("A}", f"{models / 'a'}}}")
    result = run(written(tmp_path, text), "--out", tmp_path / "out")
    assert isinstance(result.exception, EvomergeError)
    assert result.exception.exit_code == 2
    for part in parts:
        assert part in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["merge.yml"]


def test_a_directory_with_content_is_refused_first(models: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    result = run(written(tmp_path, native(models)), "--out", tmp_path / "out")
    assert isinstance(result.exception, InvalidInput)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_weights_that_cannot_be_merged_leave_nothing(models: Path, tmp_path: Path) -> None:
    content = {
        "merge_method": "task_arithmetic", "base_model": str(models / "base"), "dtype": "float16",
        "models": [{"model": str(models / "a"), "parameters": {"weight": 1e6}}],
    }  # fmt: skip
    result = run(written(tmp_path, content), "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "not finite in torch.float16" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["merge.yml"]


def test_a_killed_merge_looks_like_nothing(models: Path, tmp_path: Path) -> None:
    """Stop the real command in the middle, once politely and once not."""
    content = native(models) | {"method": "task_arithmetic"}
    path = written(tmp_path, content)
    slow = (
        # A test run in the background inherits an ignored SIGINT.
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import merging.weights as weights\n"
        "write = weights._write_shard\n"
        "def slowly(handle, shard, stream):\n"
        "    def paused():\n"
        "        for number, item in enumerate(stream):\n"
        "            if number == 3:\n"
        "                handle.flush(); print('writing', flush=True); time.sleep(60)\n"
        "            yield item\n"
        "    write(handle, shard, paused())\n"
        "weights._write_shard = slowly\n"
        "from evomerge.cli import main\n"
        f"sys.argv = ['evomerge', 'merge', {str(path)!r}, '--out', {str(tmp_path / 'out')!r}]\n"
        "main()\n"
    )
    for number in (signal.SIGINT, signal.SIGKILL):
        process = subprocess.Popen([sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        time.sleep(0.2)
        process.send_signal(number)
        process.communicate(timeout=60)
        assert not (tmp_path / "out").exists()
        if number == signal.SIGINT:
            assert process.returncode == 130
            assert [path.name for path in tmp_path.iterdir()] == ["merge.yml"]
    # What a kill leaves is hidden, and never in the way of the next try.
    assert run(path, "--out", tmp_path / "out").exit_code == 0
