"""Whole-model invariants of every operator (G1 to G8) on small models, and the real base."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from evomerge.errors import Infeasible, ModelError, RecipeError
from merges import WITHOUT_DATA, as_many_as_fit, quick
from merging.materialize import KEPT_STATES, Materializer
from merging.models import ModelRef, ModelSet
from merging.names import block_index
from merging.operators import get_operator
from merging.recipe import Recipe

Merge = Callable[..., dict[str, Tensor]]
Same = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], bool]
SPHERICAL = ("slerp", "nuslerp")
RANDOM = ("dare_linear", "dare_ties", "della", "della_linear")
SCALED = tuple(
    name for name in WITHOUT_DATA if any(parameter.name == "lambda" for parameter in get_operator(name).parameters)
)
UNORDERED = tuple(
    name for name in WITHOUT_DATA if not get_operator(name).ordered and get_operator(name).max_models is None
)
Q0, UP3 = "model.layers.0.self_attn.q_proj.weight", "model.layers.3.mlp.up_proj.weight"


def stored(path: Path) -> dict[str, Tensor]:
    return load_file(path / "model.safetensors")


def as_shards(source: Path, target: Path) -> Path:
    """Copy a checkpoint, its tensors in reverse order and spread over three files."""
    import json

    shutil.copytree(source, target)
    tensors = load_file(target / "model.safetensors")
    (target / "model.safetensors").unlink()
    weight_map: dict[str, str] = {}
    names = sorted(tensors, reverse=True)
    for number in range(3):
        file = f"model-{number + 1:05d}-of-00003.safetensors"
        save_file({name: tensors[name] for name in names[number::3]}, target / file)
        weight_map |= dict.fromkeys(names[number::3], file)
    (target / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return target


@pytest.mark.parametrize("method", WITHOUT_DATA)
def test_g1_experts_equal_to_the_base_give_the_base(family: Any, merge: Merge, same: Same, method: str) -> None:
    models = family.open(a=family.base, b=family.base)
    assert same(merge(models, method, experts(method), options=quick(method)), stored(family.base))


@pytest.mark.parametrize("method", SCALED)
def test_g2_lambda_zero_gives_the_base(
    full_models: ModelSet, family: Any, merge: Merge, same: Same, method: str
) -> None:
    merged = merge(full_models, method, ("a", "b"), coefficients={"lambda": (0.0,)}, options=quick(method))
    assert same(merged, stored(family.base))


def experts(method: str, names: str = "ab") -> tuple[str, ...]:
    return tuple(as_many_as_fit(method, tuple(names)))


def coefficients(method: str, models: tuple[str, ...]) -> dict[str, Any]:
    """Values that differ between experts."""
    return {
        p.name: {model: (p.low + (0.4 + 0.2 * "abc".index(model)) * (p.high - p.low),) for model in models}
        for p in get_operator(method).parameters
        if p.scope == "model"
    }


@pytest.mark.parametrize("method", UNORDERED)
def test_g3_the_order_of_experts_changes_no_bit(mixed_models: ModelSet, merge: Merge, same: Same, method: str) -> None:
    setting, options = coefficients(method, ("a", "b", "c")), quick(method)
    first = merge(mixed_models, method, ("a", "b", "c"), coefficients=setting, options=options)
    assert same(first, merge(mixed_models, method, ("c", "a", "b"), coefficients=setting, options=options))
    fewer = coefficients(method, ("a", "b"))
    assert not same(first, merge(mixed_models, method, ("a", "b"), coefficients=fewer, options=options))


@pytest.mark.parametrize("method", SPHERICAL)
def test_g3_swapping_experts_mirrors_t(mixed_models: ModelSet, merge: Merge, method: str) -> None:
    first = merge(mixed_models, method, ("a", "b"), coefficients={"t": (0.25,)})
    mirrored = merge(mixed_models, method, ("b", "a"), coefficients={"t": (0.75,)})
    other = merge(mixed_models, method, ("b", "a"), coefficients={"t": (0.25,)})
    for name in first:
        torch.testing.assert_close(first[name], mirrored[name], atol=1e-6, rtol=2**-7)
    assert not torch.allclose(first[Q0], other[Q0], atol=1e-3)


@pytest.mark.parametrize("method", WITHOUT_DATA)
def test_g4_sharding_and_tensor_order_change_no_bit(
    family: Any, full_models: ModelSet, tmp_path: Path, merge: Merge, same: Same, method: str
) -> None:
    base, a, b = (
        as_shards(source, tmp_path / name)
        for name, source in (("base", family.base), ("a", family.full[0]), ("b", family.full[1]))
    )
    shards = ModelSet.open(ModelRef("base", str(base)), [ModelRef("a", str(a)), ModelRef("b", str(b))])
    chosen, options = experts(method), quick(method)
    assert same(merge(full_models, method, chosen, options=options), merge(shards, method, chosen, options=options))


@pytest.mark.parametrize("method", WITHOUT_DATA)
def test_g5_to_g8_keys_shapes_types_and_finite_values(
    mixed_models: ModelSet, family: Any, merge: Merge, method: str
) -> None:
    merged, base = merge(mixed_models, method, experts(method, "ac"), options=quick(method)), stored(family.base)
    assert list(merged) == sorted(base)
    assert "lm_head.weight" not in merged
    for name, tensor in merged.items():
        assert tensor.shape == base[name].shape
        assert tensor.dtype == torch.bfloat16
        assert tensor.is_contiguous()
        assert bool(torch.isfinite(tensor).all())


@pytest.mark.parametrize(
    ("method", "setting"),
    [
        ("task_arithmetic", {"weight": {"a": (1.0,)}}),
        ("linear", {}),
        ("linear", {"weight": {"a": (0.3,)}}),
        ("ties", {"density": {"a": (1.0,)}}),
        ("dare_linear", {"density": {"a": (1.0,)}}),
        ("dare_ties", {"density": {"a": (1.0,)}}),
    ],
)
def test_one_whole_expert_gives_the_expert_bit_by_bit(
    full_models: ModelSet, family: Any, merge: Merge, same: Same, method: str, setting: dict[str, Any]
) -> None:
    assert same(merge(full_models, method, ("a",), coefficients=setting), stored(family.full[0]))


@pytest.mark.parametrize("method", SPHERICAL)
@pytest.mark.parametrize(("t", "expert"), [(0.0, 0), (1.0, 1)])
def test_spherical_ends_are_the_experts(
    full_models: ModelSet, family: Any, merge: Merge, same: Same, method: str, t: float, expert: int
) -> None:
    assert same(merge(full_models, method, ("a", "b"), coefficients={"t": (t,)}), stored(family.full[expert]))


def test_a_merge_is_rounded_once(lora_models: ModelSet, merge: Merge) -> None:
    weights = {"a": 0.31, "b": -0.27}
    merged = merge(
        lora_models, "task_arithmetic", ("a", "b"), coefficients={"weight": {m: (w,) for m, w in weights.items()}}
    )
    for name in (Q0, UP3):
        exact = lora_models.base_tensor(name).float()
        for model, weight in weights.items():
            delta = lora_models.delta(name, model)
            assert delta is not None
            exact = exact + weight * delta
        # One rounding: within half a unit of the last place of the fp32 result, up to fp32 order effects.
        spacing = torch.finfo(torch.bfloat16).eps * exact.abs()
        assert bool(((merged[name].float() - exact).abs() <= 0.51 * spacing).all())
        assert int((merged[name] != exact.bfloat16()).sum()) <= 2


def test_an_adapter_and_its_merged_checkpoint_are_the_same_expert(family: Any, tmp_path: Path, merge: Merge) -> None:
    """The fp32 checkpoint holds base plus delta, so all operators must agree up to fp32 rounding."""
    merged = Path(shutil.copytree(family.base, tmp_path / "merged"))
    models = family.open(a=family.lora[0])
    tensors = {}
    for name in models.tensor_names():
        delta = models.delta(name, "a")
        tensors[name] = models.base_tensor(name).float() + (0.0 if delta is None else delta)
    save_file(tensors, merged / "model.safetensors")
    both = family.open(a=family.lora[0], b=merged, c=family.full[1])
    for method in ("task_arithmetic", "ties", "nuslerp"):
        first, second = (merge(both, method, (name, "c")) for name in ("a", "b"))
        for name in first:
            torch.testing.assert_close(first[name].float(), second[name].float(), atol=2e-3, rtol=1e-2)


def test_untouched_tensors_are_the_bases_own_memory(lora_models: ModelSet) -> None:
    materializer = Materializer(lora_models)
    recipe = Recipe("task_arithmetic", ("a", "b"))
    first, second = (dict(materializer.tensors(recipe)) for _ in range(2))
    for name, tensor in first.items():
        assert (tensor.data_ptr() == second[name].data_ptr()) == (not name.endswith("_proj.weight"))
    idle = dict(materializer.tensors(Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (0.0,)}})))
    assert all(idle[name].data_ptr() == first[name].data_ptr() for name in ("model.norm.weight",))
    assert torch.equal(idle[Q0], lora_models.base_tensor(Q0))


def test_granular_coefficients_reach_their_tensors(lora_models: ModelSet, merge: Merge, family: Any) -> None:
    """Eight slots: attention and mlp of four blocks; all zero except mlp of the last block."""
    values = (0.0,) * 7 + (1.0,)
    merged = merge(
        lora_models, "task_arithmetic", ("a",), granularity="layer+module", coefficients={"weight": {"a": values}}
    )
    base = stored(family.base)
    changed = {name for name in merged if not torch.equal(merged[name], base[name])}
    assert changed == {f"model.layers.3.mlp.{part}_proj.weight" for part in ("up", "gate", "down")}


def test_averaged_slots_apply_to_norms(family: Any, tmp_path: Path, merge: Merge) -> None:
    expert = Path(shutil.copytree(family.base, tmp_path / "expert"))
    name = "model.layers.1.input_layernorm.weight"
    save_file(stored(family.base) | {name: torch.full((64,), 3.0)}, expert / "model.safetensors")
    merged = merge(
        family.open(a=expert),
        "task_arithmetic",
        ("a",),
        granularity="group:2+module",
        coefficients={"weight": {"a": (0.25, 0.75, 9.0, 9.0)}},
    )
    assert torch.equal(merged[name], torch.full((64,), 2.0, dtype=torch.bfloat16))


def test_states_are_kept_and_share_task_vectors(lora_models: ModelSet) -> None:
    materializer = Materializer(lora_models)
    for seed in range(KEPT_STATES + 2):
        materializer.prepare(Recipe("dare_linear", ("a", "b"), seed=seed))
    assert len(materializer._states) == KEPT_STATES
    materializer.prepare(Recipe("task_arithmetic", ("a", "b"), seed=1))
    materializer.prepare(Recipe("task_arithmetic", ("b", "a"), "layer", seed=2))
    assert len(materializer._states) == KEPT_STATES
    states = list(materializer._states.values())
    pointers = {id(state.prepared[Q0].inputs.deltas[0]) for state in states}
    assert len(pointers) == 1


def test_results_do_not_depend_on_what_was_merged_before(mixed_models: ModelSet, merge: Merge, same: Same) -> None:
    used = Materializer(mixed_models)
    methods = ("task_arithmetic", "linear", "slerp", "ties", "dare_ties", "sce", "widen", "tsv_m", "git_rebasin")
    for method in methods:
        dict(used.tensors(Recipe(method, ("b", "c"), seed=9)))
    for method in methods:
        assert same(dict(used.tensors(Recipe(method, ("a", "b")))), merge(mixed_models, method, ("a", "b")))


@pytest.mark.parametrize("method", WITHOUT_DATA)
def test_seeds_matter_to_random_masks_and_to_nothing_else(
    full_models: ModelSet, merge: Merge, same: Same, method: str
) -> None:
    first, second = (merge(full_models, method, experts(method), seed=seed, options=quick(method)) for seed in (0, 1))
    assert same(first, second) == (method not in RANDOM)
    assert get_operator(method).seeded or method not in RANDOM


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", ("task_arithmetic", "ties", "tsv_m", "layer_path"))
def test_a_damaged_expert_is_named_with_its_tensor_whatever_the_method(
    family: Any, tmp_path: Path, method: str, value: float
) -> None:
    path = Path(shutil.copytree(family.full[0], tmp_path / "expert"))
    tensors = stored(path)
    tensors[UP3][-1, -1] = value
    save_file(tensors, path / "model.safetensors")
    models = family.open(a=path, b=family.full[1])
    for resident in (True, False):
        with pytest.raises(ModelError, match=rf"model a: its change to {UP3} holds NaN or infinite values"):
            dict(Materializer(models, resident=resident).tensors(Recipe(method, ("a", "b"))))


def test_overflow_in_rounding_is_infeasible(family: Any, tmp_path: Path) -> None:
    """65520 is a finite fp32 number, but rounds to infinity in fp16."""
    paths = []
    for name, value in (("base", 1.0), ("expert", 60_000.0)):
        path = Path(shutil.copytree(family.base, tmp_path / name))
        tensors = {key: tensor.half() for key, tensor in stored(path).items()}
        tensors["model.norm.weight"].fill_(value)
        save_file(tensors, path / "model.safetensors")
        paths.append(path)
    models = ModelSet.open(ModelRef("base", str(paths[0])), [ModelRef("a", str(paths[1]))])
    recipe = Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (1.2,)}})
    with pytest.raises(Infeasible, match=r"model\.norm\.weight.*not finite in torch\.float16"):
        dict(Materializer(models).tensors(recipe))


def test_infeasible_coefficients_name_tensor_and_recipe(full_models: ModelSet) -> None:
    recipe = Recipe("linear", ("a", "b"), coefficients={"weight": {"a": (1.0,), "b": (-1.0,)}})
    with pytest.raises(Infeasible, match=rf"^model\.embed_tokens\.weight in recipe {recipe.digest()} \(linear\)"):
        dict(Materializer(full_models).tensors(recipe))


def test_unknown_experts_are_refused_before_any_work(full_models: ModelSet) -> None:
    materializer = Materializer(full_models)
    with pytest.raises(RecipeError, match=r"recipe\.models: no expert is named 'math'"):
        materializer.prepare(Recipe("task_arithmetic", ("math",)))
    with pytest.raises(RecipeError, match="lamda"):
        materializer.tensors(Recipe("task_arithmetic", ("a",), coefficients={"lamda": (1.0,)}))


def test_real_base_with_two_adapters(smollm2: Path, make_lora: Callable[..., Path], tmp_path: Path) -> None:
    adapters = [make_lora(tmp_path / name, smollm2, seed=seed, rank=4) for seed, name in enumerate("ab")]
    models = ModelSet.open(ModelRef("base", str(smollm2)), [ModelRef(path.name, str(path)) for path in adapters])
    recipe = Recipe(
        "task_arithmetic",
        ("a", "b"),
        "group:10+module",
        {"weight": {"a": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), "b": (0.5,)}},
    )
    merged = dict(Materializer(models).tensors(recipe))
    assert len(merged) == 272
    assert torch.equal(merged["model.embed_tokens.weight"], models.base_tensor("model.embed_tokens.weight"))
    name = "model.layers.12.mlp.down_proj.weight"
    deltas = [models.delta(name, expert) for expert in "ab"]
    assert deltas[0] is not None and deltas[1] is not None
    exact = models.base_tensor(name).float() + 0.4 * deltas[0] + 0.5 * deltas[1]
    torch.testing.assert_close(merged[name].float(), exact, atol=1e-4, rtol=2**-8)


@pytest.mark.parametrize("method", WITHOUT_DATA)
def test_a_streamed_merge_equals_a_resident_one_bit_for_bit(mixed_models: ModelSet, same: Any, method: str) -> None:
    chosen = experts(method, "abc")
    recipe = Recipe(method, chosen, coefficients=coefficients(method, chosen), options=quick(method), seed=3)
    streamed = dict(Materializer(mixed_models, resident=False).tensors(recipe))
    assert same(streamed, dict(Materializer(mixed_models).tensors(recipe)))


def test_lines_scales_what_a_merge_adds_linearly_with_depth(full_models: ModelSet, merge: Any) -> None:
    """LiNeS: alpha + beta * l / (L - 1) in block l, alpha outside the blocks."""
    plain = merge(full_models, "ties", ("a", "b"))
    scaled = merge(full_models, "ties", ("a", "b"), coefficients={"lines_alpha": (0.25,), "lines_beta": (0.5,)})
    last = full_models.num_blocks - 1
    for name, found in scaled.items():
        base = full_models.base_tensor(name).float()
        index = block_index(name)
        factor = 0.25 if index is None else 0.25 + 0.5 * index / last
        expected = base + factor * (plain[name].float() - base)
        # The plain merge was rounded to bf16 before it was scaled here.
        torch.testing.assert_close(found.float(), expected, atol=2e-2, rtol=2e-2)


def test_lines_of_one_and_nothing_changes_no_bit(full_models: ModelSet, merge: Any, same: Any) -> None:
    neutral = {"lines_alpha": (1.0,), "lines_beta": (0.0,)}
    assert same(merge(full_models, "ties", ("a",)), merge(full_models, "ties", ("a",), coefficients=neutral))
    silent = merge(full_models, "ties", ("a",), coefficients={"lines_alpha": (0.0,)})
    embedding = "model.embed_tokens.weight"
    assert torch.equal(silent[embedding], full_models.base_tensor(embedding))
