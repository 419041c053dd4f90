"""Every method of mergekit 0.1.5 against its own results, stored by tests/parity/make_references.py.

mergekit ran with ``dtype: float32, out_dtype: bfloat16``: both tools then compute in fp32 and round once. Results may
differ by one bf16 number where the fp32 values straddle a rounding boundary, and by 1e-7 where terms cancel.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import parity
import pytest
import torch
from safetensors.torch import load_file

from merging.mergekit.config import read_configs
from merging.mergekit.methods import METHODS
from merging.mergekit.models import open_models
from merging.mergekit.plan import plan_merge
from merging.operators.thresholds import kept_elements, population_of
from merging.streaming import Plan, TensorJob

REFERENCES = parity.load_references()


def plan_of(name: str, root: Path) -> Plan:
    text = (parity.CONFIGS / f"{name}.yml").read_text(encoding="utf-8")
    (config,) = read_configs(text, f"{name}.yml")
    return plan_merge(config, open_models(config.references(), (root,), {}), seed=0)


def repeating_its_sort(plan: Plan) -> Plan:
    """The same plan with mergekit's own choice among equal elements, which torch's sorting makes."""
    rules = {"equal_magnitudes": "torch_sort", "equal_variances": "torch_topk"}

    def repeating(job: TensorJob) -> TensorJob:
        options = {name: rules.get(name, value) for name, value in job.options.items()}
        return replace(job, options=options)

    return replace(plan, jobs=tuple(map(repeating, plan.jobs)))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Path:
    """The base and both experts; only tensors that some reference needs are merged into the experts."""
    root = tmp_path_factory.mktemp("parity")
    for name in ("base", *parity.EXPERTS):
        (root / "plain").mkdir(exist_ok=True)
        (root / "plain" / name).symlink_to(smollm2)
    needed = {
        ref.name
        for name, entry in REFERENCES.items()
        for job in plan_of(name, root / "plain").jobs
        if job.name in entry["tensors"]
        for ref in (job.base, *job.experts)
    }
    parity.make_models(root / "real", needed)
    return root / "real"


def test_every_method_has_a_reference() -> None:
    methods = {
        read_configs(path.read_text(encoding="utf-8"), path.name)[0].method.name
        for path in parity.CONFIGS.glob("*.yml")
        if path.stem in REFERENCES
    }
    assert methods == set(METHODS)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_a_merge_agrees_with_mergekit(models: Path, name: str) -> None:
    entry, samples = REFERENCES[name], load_file(parity.SAMPLES)
    plan = repeating_its_sort(plan_of(name, models))
    assert plan.config["num_hidden_layers"] == entry["num_hidden_layers"]
    tensors = dict(plan.tensors(only=list(entry["tensors"])))
    assert tensors.keys() == entry["tensors"].keys()
    for tensor_name, tensor in tensors.items():
        known = entry["tensors"][tensor_name]
        if parity.digest(tensor) == known["sha256"]:
            continue
        expected = samples[f"{name}/{tensor_name}"]
        found = tensor.reshape(-1)[parity.places(tensor_name, tensor.numel())]
        apart = parity.ulps(found, expected)
        cancelled = (found.float() - expected.float()).abs() <= parity.CANCELLED
        assert ((apart <= 1) | cancelled).all(), tensor_name
        # The rest of the tensor, of which only sums are stored.
        norm = float(tensor.double().norm())
        assert norm == pytest.approx(known["norm"], rel=2e-5)
        assert abs(float(tensor.double().sum()) - known["sum"]) <= 3e-5 * norm * tensor.numel() ** 0.5


def test_the_preset_differs_from_mergekit_among_equal_magnitudes_only(models: Path) -> None:
    """Which of equally large changes stay is an accident of mergekit's sort; everything else is not."""
    plan = plan_of("ties", models)
    chosen = [job for job in plan.jobs if job.name in REFERENCES["ties"]["tensors"] and job.merged]
    exact = dict(repeating_its_sort(plan).tensors(only=[job.name for job in chosen]))
    differing = 0
    for job in chosen:
        ((_, found),) = plan.tensors(only=[job.name])
        # Its sort is repeated by other operations, whose sums may round to the next number.
        apart = (parity.ulps(found, exact[job.name]) > 1).reshape(-1)
        differing += int(apart.sum())
        at_the_cut = torch.zeros_like(apart)
        for delta, density in zip(plan.inputs(job).deltas, job.values.model["density"], strict=True):
            if delta is not None:
                cut = population_of(delta.reshape(-1), once=True).cut(kept_elements(density, delta.numel()))
                at_the_cut |= delta.reshape(-1).abs() == cut.magnitude
        assert not (apart & ~at_the_cut).any(), job.name
    assert differing > 0


def test_a_wrong_merge_does_not_agree(models: Path) -> None:
    """The comparison above can fail: a weight that is off by one percent is seen."""
    entry, samples = REFERENCES["linear"], load_file(parity.SAMPLES)
    plan = plan_of("linear", models)
    far = 0
    for tensor_name, tensor in plan.tensors(only=list(entry["tensors"])):
        moved = (tensor.float() * 1.01).to(torch.bfloat16)
        found = moved.reshape(-1)[parity.places(tensor_name, tensor.numel())]
        far += int((parity.ulps(found, samples[f"linear/{tensor_name}"]) > 1).sum())
    assert far > 1000
