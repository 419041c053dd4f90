"""Delta packs: written from an expert, read as one, refused on any other base."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from evomerge.errors import InvalidInput, ModelError, StateConflict
from merging.materialize import Materializer
from merging.mergekit import NotExpressible, mergekit_config
from merging.models import ModelRef, ModelSet
from merging.packs.pack import PackResult, PackSettings, pack_expert
from merging.packs.read import weights_digest
from merging.recipe import Recipe
from merging.resolve import ALLOW_PATTERNS

SIZES = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96}
FINE = PackSettings(attention_rank=64, mlp_rank=64, embedding_density=1.0, bits="16")


def opened(base: Path, **experts: Path) -> ModelSet:
    return ModelSet.open(ModelRef("base", str(base)), [ModelRef(name, str(path)) for name, path in experts.items()])


def packed(base: Path, expert: Path, out: Path, settings: PackSettings = FINE) -> PackResult:
    return pack_expert(opened(base, one=expert), "one", out, settings)


@pytest.fixture(scope="module")
def near(family: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full checkpoint near its base, as a fine-tune is."""
    path = Path(shutil.copytree(family.base, tmp_path_factory.mktemp("near") / "near"))
    generator = torch.Generator().manual_seed(3)
    tensors = load_file(path / "model.safetensors")
    for name, tensor in tensors.items():
        if name != "model.norm.weight":
            change = 0.01 * torch.randn(tensor.shape, generator=generator)
            tensors[name] = (tensor.float() + change).to(tensor.dtype)
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    return path


@pytest.fixture(scope="module")
def pack(family: Any, near: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(family.base, near, tmp_path_factory.mktemp("packs") / "pack", PackSettings()).path


@pytest.mark.parametrize("settings", [PackSettings(), FINE, PackSettings(matrices="sign", embedding_density=0.02)])
def test_a_pack_is_its_expert_up_to_the_error_it_reports(
    family: Any, near: Path, tmp_path: Path, settings: PackSettings
) -> None:
    result = packed(family.base, near, tmp_path / "pack", settings)
    models = opened(family.base, own=near, pack=result.path)
    lost = whole = 0.0
    for name in models.tensor_names():
        own, again = models.delta(name, "own"), models.delta(name, "pack")
        assert (own is None) == (again is None) == (name not in result.tensors)
        if own is None or again is None:
            continue
        assert again.dtype == torch.float32 and again.shape == own.shape and again.is_contiguous()
        miss, size = float((own - again).norm()), float(own.norm())
        assert result.tensors[name].error == pytest.approx(miss / size, rel=1e-3, abs=1e-6)
        lost, whole = lost + miss**2, whole + size**2
    assert result.error == pytest.approx((lost / whole) ** 0.5, rel=1e-3)
    assert result.error < (0.01 if settings == FINE else 1.0)
    codecs = {name.rpartition(".")[0].rpartition(".")[2]: tensor.codec for name, tensor in result.tensors.items()}
    assert codecs["embed_tokens"] == "sparse" and codecs["input_layernorm"] == "raw"
    assert codecs["q_proj"] == codecs["down_proj"] == settings.matrices
    assert result.tensors["model.layers.0.input_layernorm.weight"].error == 0.0
    assert "model.norm.weight" not in result.tensors


def test_sizes_are_those_of_the_files(family: Any, near: Path, tmp_path: Path) -> None:
    small = packed(family.base, near, tmp_path / "small", PackSettings(attention_rank=4, mlp_rank=4, bits="2"))
    large = packed(family.base, near, tmp_path / "large")
    for result in (small, large):
        assert result.bytes == sum(path.stat().st_size for path in result.path.iterdir())
        assert result.expert_bytes == (near / "model.safetensors").stat().st_size
        stored = load_file(result.path / "delta_pack.safetensors")
        assert sum(one.bytes for one in result.tensors.values()) == sum(code.nbytes for code in stored.values())
        manifest = json.loads((result.path / "delta_pack.json").read_text())
        assert manifest["error"] == result.error
        assert {name: one["error"] for name, one in manifest["tensors"].items()} == {
            name: one.error for name, one in result.tensors.items()
        }
    assert small.bytes < large.bytes and small.error > large.error


def test_an_adapter_is_packed_from_its_factors(family: Any, tmp_path: Path) -> None:
    result = packed(family.base, family.lora[0], tmp_path / "pack", PackSettings(bits="8"))
    assert len(result.tensors) == 28 and result.error < 0.02
    stored = load_file(result.path / "delta_pack.safetensors")
    assert {len(code) for name, code in stored.items() if name.endswith("/s")} == {4}
    assert sum(one.bytes for one in result.tensors.values()) < 0.4 * result.expert_bytes


def test_merges_take_a_pack_as_any_expert(family: Any, near: Path, tmp_path: Path) -> None:
    path = packed(family.base, near, tmp_path / "pack").path
    ours, own = opened(family.base, x=path, y=family.lora[0]), opened(family.base, x=near, y=family.lora[0])
    assert not ours.is_adapter("x") and ours.factors("model.layers.0.mlp.up_proj.weight", "x") is None
    for method in ("task_arithmetic", "ties", "linear"):
        recipe = Recipe(method, ("x", "y"))
        resident = dict(Materializer(ours).tensors(recipe))
        for name, tensor in Materializer(ours, resident=False).tensors(recipe):
            assert torch.equal(tensor, resident[name])
        if method != "ties":
            for name, tensor in Materializer(own).tensors(recipe):
                torch.testing.assert_close(resident[name].float(), tensor.float(), atol=2e-3, rtol=2e-2)


def test_mergekit_cannot_read_one(family: Any, pack: Path) -> None:
    with pytest.raises(NotExpressible, match="cannot read x, which is a delta pack"):
        mergekit_config(Recipe("linear", ("x",)), opened(family.base, x=pack))


def test_the_manifest_and_the_codes_are_the_packs_identity(family: Any, pack: Path) -> None:
    models = opened(family.base, x=pack)
    assert [path.name for path in models.weight_files()["x"]] == ["delta_pack.json", "delta_pack.safetensors"]
    assert "delta_pack.json" in ALLOW_PATTERNS
    models.check_finite()


def test_another_base_is_refused(family: Any, near: Path, pack: Path, tmp_path: Path, tiny_llama: Any) -> None:
    with pytest.raises(ModelError, match="whose weights are others than this base's") as caught:
        opened(near, x=pack)
    assert caught.value.field == "model x"
    with pytest.raises(ModelError, match=r"changes .* of shape .*, the base has"):
        opened(tiny_llama(tmp_path / "wide", **(SIZES | {"hidden_size": 32})), x=pack)
    with pytest.raises(ModelError, match="the base is a delta pack"):
        opened(pack, x=near)


def test_the_digest_sees_every_bit_and_no_file(family: Any, tmp_path: Path) -> None:
    tensors = load_file(family.base / "model.safetensors")
    digest = weights_digest(tensors, tensors.__getitem__)
    assert digest == weights_digest(reversed(list(tensors)), tensors.__getitem__)
    name = "model.layers.3.mlp.down_proj.weight"
    changed = tensors[name].clone()
    changed.view(torch.int16)[-1, -1] ^= 1
    assert digest != weights_digest(tensors, (tensors | {name: changed}).__getitem__)
    renamed = {("x" if one == name else one): tensor for one, tensor in tensors.items()}
    assert digest != weights_digest(renamed, renamed.__getitem__)
    reshaped = tensors | {name: tensors[name].view(-1)}
    assert digest != weights_digest(reshaped, reshaped.__getitem__)


def rewritten(pack: Path, out: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    shutil.copytree(pack, out)
    manifest = json.loads((out / "delta_pack.json").read_text())
    change(manifest)
    (out / "delta_pack.json").write_text(json.dumps(manifest))
    return out


DAMAGE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda m: m.update(format="other"), "another format or version"),
    (lambda m: m.update(version=2), "another format or version"),
    (lambda m: m["tensors"]["model.embed_tokens.weight"].update(codec="zip"), "has the codec 'zip'"),
    (lambda m: m["tensors"]["model.embed_tokens.weight"]["parts"][0]["codes"].append("x"), "are incomplete"),
    (lambda m: m["tensors"]["model.layers.0.mlp.up_proj.weight"].update(labels=["a", "b"]), "split in another way"),
    (lambda m: m["tensors"].update(other={"shape": [1], "codec": "raw", "parts": []}), "the base has no such tensor"),
]


@pytest.mark.parametrize(("change", "problem"), DAMAGE, ids=[problem for _, problem in DAMAGE])
def test_damaged_packs_are_refused(
    family: Any, pack: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        opened(family.base, x=rewritten(pack, tmp_path / "pack", change))


def test_what_cannot_be_packed_is_refused_and_nothing_is_written(family: Any, near: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    with pytest.raises(ModelError, match="it equals the base"):
        packed(family.base, family.base, out)
    broken = Path(shutil.copytree(near, tmp_path / "broken"))
    tensors = load_file(broken / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj\.weight is not finite"):
        packed(family.base, broken, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]
    with pytest.raises(StateConflict, match="is not empty"):
        packed(family.base, near, broken)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"matrices": "zip"}, "matrices: found 'zip'"),
        ({"attention_rank": 0}, "attention_rank: found 0"),
        ({"mlp_rank": -1}, "mlp_rank: found -1"),
        ({"embedding_density": 0.0}, "embedding_density: found 0"),
        ({"embedding_density": 1.5}, "embedding_density: found 1.5"),
        ({"bits": "5"}, "bits: found '5'"),
    ],
)
def test_settings_outside_their_range_are_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        PackSettings(**fields)


def test_default_ranks_follow_the_paper_in_proportion() -> None:
    settings = PackSettings()
    assert settings.rank("model.layers.0.self_attn.q_proj.weight", (4096, 4096)) == 1024
    assert settings.rank("model.layers.0.mlp.up_proj.weight", (14336, 4096)) == 1434
    assert PackSettings(mlp_rank=9000).rank("model.layers.0.mlp.up_proj.weight", (96, 64)) == 64
    assert settings.rank("model.layers.0.self_attn.q_proj.weight", (2, 1)) == 1


def test_weights_in_a_fused_tensor_are_packed_apart(tmp_path: Path, family: Any) -> None:
    """Fused projections: one stored tensor, two matrices, each with components of its own."""
    base = Path(shutil.copytree(family.base, tmp_path / "base"))
    tensors = load_file(base / "model.safetensors")
    for index in range(4):
        gate, up = (tensors.pop(f"model.layers.{index}.mlp.{kind}_proj.weight") for kind in ("gate", "up"))
        tensors[f"model.layers.{index}.mlp.gate_up_proj.weight"] = torch.cat([gate, up])
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    expert = Path(shutil.copytree(base, tmp_path / "expert"))
    name = "model.layers.2.mlp.gate_up_proj.weight"
    change = torch.zeros(192, 64)
    change[:96] = torch.outer(torch.arange(96.0), torch.ones(64)) / 100
    change[96:] = torch.outer(torch.ones(96), torch.arange(64.0)) / 10000
    tensors[name] = (tensors[name].float() + change).to(tensors[name].dtype)
    save_file(tensors, expert / "model.safetensors", metadata={"format": "pt"})
    result = packed(base, expert, tmp_path / "pack", PackSettings(mlp_rank=1, bits="16"))
    stored = load_file(result.path / "delta_pack.safetensors")
    assert stored[f"{name}/0/s"].shape == stored[f"{name}/1/s"].shape == (1,)
    models = opened(base, own=expert, pack=result.path)
    own, again = models.delta(name, "own"), models.delta(name, "pack")
    assert own is not None and again is not None
    # One component for both together could not hold the small one.
    assert float((own - again)[96:].norm() / own[96:].norm()) < 0.5
