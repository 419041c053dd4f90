"""Run mergekit on every configuration and store what the tests compare with.

Usage: .venv/bin/python tests/parity/make_references.py --venv DIRECTORY [--work DIRECTORY] [NAME ...]

The environment comes from benchmarks/mergekit_env.sh. Every tensor of every result is compared with ours here;
of a few tensors, a digest and a sample are stored, so that the tests need neither mergekit nor its output.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import parity
from safetensors.torch import load_file, save_file
from torch import Tensor

from merging.checkpoints import Checkpoint
from merging.mergekit.config import read_configs
from merging.mergekit.models import open_models
from merging.mergekit.plan import plan_merge
from merging.streaming import Plan

SEED = 0


def main() -> None:
    """Make the references of all configurations, or of those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, required=True, help="environment of mergekit")
    parser.add_argument("--work", type=Path, help="directory for models and results; default: a temporary one")
    parser.add_argument("names", nargs="*", help="configurations; default: all")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="parity."))
    if not (work / "json").is_dir():
        parity.make_models(work)
    (work / "results").mkdir(exist_ok=True)
    names = options.names or sorted(path.stem for path in parity.CONFIGS.glob("*.yml"))
    for name in names:
        make_reference(name, options.venv, work)
    if options.work is None:
        shutil.rmtree(work)


def merged_by_mergekit(name: str, venv: Path, work: Path) -> tuple[Path, float]:
    """Merge with mergekit, unless that has been done in this directory; return where, and the seconds it took."""
    out, record = work / "results" / name, work / "results" / f"{name}.seconds"
    if not record.exists():
        shutil.rmtree(out, ignore_errors=True)
        command = [str(venv.resolve() / "bin" / "mergekit-yaml"), str(parity.CONFIGS / f"{name}.yml"), str(out)]
        started = time.perf_counter()
        found = subprocess.run(
            [*command, "--random-seed", str(SEED), "--quiet", "--no-write-model-card"],
            cwd=work, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        if found.returncode:
            sys.exit(f"mergekit failed on {name}:\n{found.stderr[-2000:]}")
        record.write_text(f"{seconds:.1f}", encoding="utf-8")
    return out, float(record.read_text(encoding="utf-8"))


def make_reference(name: str, venv: Path, work: Path) -> None:
    """Merge with mergekit, compare with ours, and store the reference."""
    out, seconds = merged_by_mergekit(name, venv, work)
    theirs = Checkpoint("mergekit", out)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    agreement, our_seconds = compare(name, work, theirs)
    entry: dict[str, Any] = {"num_hidden_layers": config["num_hidden_layers"], **agreement}
    samples = load_file(parity.SAMPLES) if parity.SAMPLES.exists() else {}
    samples = {key: value for key, value in samples.items() if not key.startswith(f"{name}/")}
    entry["tensors"] = {}
    for tensor_name in parity.compared(list(theirs.infos)):
        tensor = theirs.tensor(tensor_name)
        entry["tensors"][tensor_name] = {
            "sha256": parity.digest(tensor), "sum": float(tensor.double().sum()), "norm": float(tensor.double().norm()),
        }  # fmt: skip
        samples[f"{name}/{tensor_name}"] = tensor.reshape(-1)[parity.places(tensor_name, tensor.numel())].clone()
    references = parity.load_references() if parity.REFERENCES.exists() else {}
    references[name] = entry
    text = json.dumps(dict(sorted(references.items())), indent=1)
    parity.REFERENCES.write_text(text + "\n", encoding="utf-8")
    save_file(dict(sorted(samples.items())), parity.SAMPLES)
    parity.SAMPLES.chmod(0o644)
    sys.stdout.write(f"{name}: mergekit {seconds:.1f} s, here {our_seconds:.1f} s, {json.dumps(agreement)}\n")
    sys.stdout.flush()


def compare(name: str, work: Path, theirs: Checkpoint) -> tuple[dict[str, Any], float]:
    """Compare every tensor with ours; say how many elements differ, by how much, and what ours took."""
    plan = our_plan(name, work)
    started = time.perf_counter()
    ours = dict(plan.tensors())
    seconds = time.perf_counter() - started
    if ours.keys() != theirs.infos.keys():
        sys.exit(f"{name}: other tensors: {sorted(ours.keys() ^ theirs.infos.keys())[:4]}")
    different = farther = total = 0
    largest = 0.0
    for tensor_name, tensor in ours.items():
        reference = theirs.tensor(tensor_name)
        apart: Tensor = parity.ulps(tensor, reference)
        total += tensor.numel()
        gap = (tensor.float() - reference.float()).abs()
        different += int((apart > 0).sum())
        farther += int(((apart > 1) & (gap > parity.CANCELLED)).sum())
        largest = max(largest, float(gap.max()))
    found = {"elements": total, "different": different, "beyond_one_ulp": farther, "largest_difference": largest}
    return found, seconds


def our_plan(name: str, work: Path) -> Plan:
    """Plan the same merge here."""
    text = (parity.CONFIGS / f"{name}.yml").read_text(encoding="utf-8")
    (config,) = read_configs(text, f"{name}.yml")
    return plan_merge(config, open_models(config.references(), (work,), {}), seed=SEED)


if __name__ == "__main__":
    main()
