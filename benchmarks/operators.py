"""What every merge operator costs, beside mergekit on the same merge.

For each operator, in a process of its own: preparing a search, applying one candidate (best of several), the bytes
that moves over the machine's copy bandwidth (256 MB read and written, best of as many in between), and peak memory;
then `evomerge merge` and, where mergekit has the method and an environment with it is given, `mergekit-yaml`, both as
whole commands (the median of `--merges`, in turn). Prints a Markdown table.

    python benchmarks/operators.py [METHOD ...] [--mergekit VENV] [--json FILE] [--report]

The models are SmolLM2-135M-Instruct and two full experts, base plus normal noise of standard deviation 1e-3, as large a
task vector as fine-tuning makes. Operators for adapters get the two adapters of `examples/experts` instead.
With `--random-base` only whole merges are measured, of a random Llama of 0.5 billion parameters and two experts of it:
on a model as small as SmolLM2, starting Python and torch is a good part of every command.
`benchmarks/mergekit_env.sh` makes an environment with mergekit. Results are added to those that the JSON file holds,
method by method; `--report` only prints that file's table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from machine import machine
from safetensors.torch import load_file, save_file
from torch import Tensor

from merging.fitted import FittedRecipe
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.operators import get_operator, operator_names
from merging.operators.kernels import LoopKernel, SplicedKernel
from merging.recipe import Recipe
from merging.vectors import StoredVector

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / "models" / "smollm2-135m-instruct"
ADAPTERS = {name: ROOT / "examples" / "experts" / name for name in ("arithmetic", "json")}
FIRST, SECOND = ADAPTERS
CALIBRATION = ROOT / "examples" / "calibration" / "json-math.jsonl"
# Its 500 steps of 16 prompts per expert take hours here; what it takes is proportional to both.
FEWER: Mapping[str, dict[str, Any]] = {"adamerging": {"steps": 5, "batch_size": 4}}
# Stands for a measurement of attention to an image, which falls with depth; what it says changes no timing.
ATTENTION, DECAY = "attention.json", 0.1
NEEDS_ADAPTERS = ("evo_merging", "knots")
# These take one expert; a merge with mergekit has the other one as its base.
SINGLE = ("arcee_fusion", "nearswap", "passthrough")
# What mergekit cannot run without; everything else keeps its default on both sides.
MERGEKIT: Mapping[str, dict[str, Any]] = {
    "linear": {}, "task_arithmetic": {}, "slerp": {"t": 0.5}, "nuslerp": {}, "multislerp": {}, "karcher": {},
    "passthrough": {}, "model_stock": {}, "arcee_fusion": {}, "nearswap": {"t": 0.001}, "sce": {"select_topk": 0.5},
    "ram": {}, "ramplus_tl": {}, "ties": {"density": 0.5}, "dare_ties": {"density": 0.5},
    "dare_linear": {"density": 0.5}, "breadcrumbs": {"density": 0.5}, "breadcrumbs_ties": {"density": 0.5},
    "della": {"density": 0.5}, "della_linear": {"density": 0.5},
}  # fmt: skip
LARGER = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 28, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 64,
}  # fmt: skip
# No base of its own: the merge is of the two experts, the first of which stands as the base where one is demanded.
BASELESS = ("linear", "karcher", "passthrough")
FIRST_IS_BASE = ("slerp", "arcee_fusion", "nearswap")


def main() -> None:
    """Measure the methods asked for and print the table."""
    arguments = parse_arguments()
    if arguments.one:
        print(json.dumps(measure(arguments.one, BASE, arguments.experts, arguments.applies)))
        return
    report: dict[str, Any] = {"methods": {}}
    if arguments.json and arguments.json.exists():
        report = json.loads(arguments.json.read_text())
    if not arguments.report:
        report |= {"machine": machine(), "load": os.getloadavg()[0]}
        with tempfile.TemporaryDirectory() as scratch:
            base = make_base(Path(scratch) / "base") if arguments.random_base else BASE
            experts = make_experts(Path(scratch), base)
            for method in arguments.methods or operator_names():
                found = run_one(method, base, experts, Path(scratch), arguments)
                known = report["methods"].get(method, {}) if arguments.apply_only else {}
                report["methods"][method] = known | found
                if arguments.json:
                    arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    print(markdown(report))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="default: every operator")
    parser.add_argument("--mergekit", type=Path, help="virtual environment with mergekit")
    parser.add_argument("--json", type=Path, help="file that everything measured is added to")
    parser.add_argument("--report", action="store_true", help="measure nothing, print the file's table")
    parser.add_argument("--apply-only", action="store_true", help="measure no whole merges, keep those of the file")
    parser.add_argument("--random-base", action="store_true", help="whole merges of a larger, random model")
    parser.add_argument("--applies", type=int, default=9, help="candidates to apply; the quickest counts")
    parser.add_argument("--merges", type=int, default=1, help="times that each whole command runs; the median counts")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--experts", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.report and not (arguments.json and arguments.json.exists()):
        parser.error("--report needs --json with a file that exists")
    return arguments


def make_base(folder: Path) -> Path:
    """Write a random Llama of 0.5 billion parameters with SmolLM2's tokenizer and return its directory."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shutil.copytree(BASE, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.manual_seed(0)
    known = LlamaConfig.from_pretrained(BASE)
    LlamaForCausalLM(LlamaConfig.from_dict(known.to_dict() | LARGER)).to(torch.bfloat16).save_pretrained(folder)
    return folder


def make_experts(folder: Path, directory: Path) -> dict[str, str]:
    """Write two full experts of a base and return their directories."""
    base = load_file(directory / "model.safetensors")
    for seed, name in enumerate(ADAPTERS):
        generator = torch.Generator().manual_seed(seed)
        shutil.copytree(directory, folder / name, ignore=shutil.ignore_patterns("*.safetensors"))
        noisy = {key: noise(tensor, generator) for key, tensor in base.items()}
        save_file(noisy, folder / name / "model.safetensors", metadata={"format": "pt"})
    blocks = json.loads((directory / "config.json").read_text())["num_hidden_layers"]
    (folder / ATTENTION).write_text(json.dumps([math.exp(-DECAY * block) for block in range(blocks)]))
    return {name: str(folder / name) for name in ADAPTERS}


def noise(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return the tensor plus N(0, 1e-3), in its own dtype."""
    return (tensor.float() + 1e-3 * torch.randn(tensor.shape, generator=generator)).to(tensor.dtype)


def copy_bandwidth(times: int = 10, between: Callable[[], None] = lambda: None) -> float:
    """Return GB/s of a copy of 256 MB, bytes read and written, the best of several with a call before each."""
    source, target = torch.ones(64_000_000), torch.ones(64_000_000)
    found = []
    for _ in range(times):
        between()
        found.append(512e6 / seconds(lambda: target.copy_(source)) / 1e9)
    return max(found)


def seconds(function: Any) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def recipe_of(method: str, base: Path, experts: Mapping[str, str]) -> dict[str, Any]:
    """Return a recipe file's content: defaults, except what the method cannot do without."""
    operator = get_operator(method)
    names = list(ADAPTERS)[:1] if method in SINGLE else list(ADAPTERS)
    options: dict[str, Any] = {}
    if any(option.name == "calibration" for option in operator.all_options()):
        options = {"calibration": str(CALIBRATION), "samples": 16} | FEWER.get(method, {})
    if any(option.name == "attention" for option in operator.all_options()):
        options = {"attention": str(Path(experts[FIRST]).parent / ATTENTION)}
    return {
        "base_model": str(base),
        "models": {name: str(ADAPTERS[name]) if method in NEEDS_ADAPTERS else experts[name] for name in names},
        "method": method,
        "options": options,
    }


def measure(method: str, base: Path, experts: Mapping[str, str], applies: int) -> dict[str, Any]:
    """Prepare and apply in this process."""
    content = recipe_of(method, base, experts)
    refs = [ModelRef(name, path) for name, path in content["models"].items()]
    # Names of examples' experts, so that the calibration file serves them.
    models = ModelSet.open(ModelRef("base", str(base)), refs)
    recipe = Recipe(method, tuple(content["models"]), options=content["options"])
    materializer = Materializer(models)
    prepare = seconds(lambda: materializer.prepare(recipe))

    def apply() -> None:
        for _ in materializer.tensors(recipe):
            pass

    apply()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times: list[float] = []
    # A virtual machine's bandwidth swings from second to second, so both are measured in turn.
    bandwidth = copy_bandwidth(applies, lambda: times.append(seconds(apply)))
    return {
        "prepare_s": prepare,
        "apply_s": min(times),
        "moved_bytes": moved_bytes(materializer, recipe),
        "copy_gb_s": bandwidth,
        "peak_mb": peak_kb / 1024,
    }


def moved_bytes(materializer: Materializer, recipe: Recipe) -> int:
    """Return bytes that a candidate must read and write: what its kernels hold, and the result.

    A tensor without a kernel stays the base's, which nobody reads.
    A kernel that does not say what it holds reads the base and the task vectors, or, where the prepared state holds a
    whole merged change, that in their place; and levels, ranks and masks, an integer for each element, beside them.
    """
    total = 0
    fitted = FittedRecipe.of(recipe, materializer.models)
    for prepared in materializer.prepared(recipe):
        base = prepared.inputs.base
        kernel = fitted.operator.kernel(prepared, fitted.values_in(fitted.slots(prepared.inputs.name)))
        if kernel is None:
            continue
        if isinstance(kernel, LoopKernel | SplicedKernel):
            read = {one.data_ptr(): one for one in tensors_in(kernel) if one.numel() == base.numel()}
            total += base.nbytes + sum(one.nbytes for one in read.values())
            continue
        state = tensors_in(prepared.data)
        whole = [one for one in state if one.shape == base.shape and one.dtype == torch.float32]
        vectors = [one for one in prepared.inputs.vectors if one is not None]
        changes = whole or [one.expert if isinstance(one, StoredVector) else one for one in vectors]
        beside = [one for one in state if one.numel() == base.numel() and not one.is_floating_point()]
        total += 2 * base.nbytes + sum(one.nbytes for one in (*changes, *beside))
    return total


def tensors_in(data: Any) -> list[Tensor]:
    """Return the tensors in prepared state or a kernel, however nested."""
    if isinstance(data, Tensor):
        return [data]
    if isinstance(data, list | tuple):
        return [one for part in data for one in tensors_in(part)]
    if hasattr(data, "__dataclass_fields__"):
        return [one for part in vars(data).values() for one in tensors_in(part)]
    return []


def run_one(
    method: str, base: Path, experts: dict[str, str], scratch: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Measure one method in processes of its own."""
    print(method, file=sys.stderr, flush=True)
    environment = {**os.environ, "EVOMERGE_CACHE": str(scratch / "cache" / method), "HF_HUB_OFFLINE": "1"}
    found: dict[str, Any] = {}
    if not arguments.random_base:
        words = [sys.executable, __file__, "--one", method, "--experts", json.dumps(experts)]
        words += ["--applies", str(arguments.applies)]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            return {"error": done.stderr.strip().splitlines()[-1]}
        found = json.loads(done.stdout)
    if arguments.apply_only:
        return found
    merges = [
        whole_merges(method, base, experts, scratch, arguments.mergekit, environment) for _ in range(arguments.merges)
    ]
    return found | median_of(merges)


def whole_merges(
    method: str,
    base: Path,
    experts: dict[str, str],
    scratch: Path,
    mergekit: Path | None,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    """Run the commands of both tools."""
    shutil.rmtree(scratch / "cache", ignore_errors=True)
    recipe = scratch / f"{method}.yaml"
    recipe.write_text(yaml.safe_dump(recipe_of(method, base, experts)))
    evomerge = Path(sys.executable).with_name("evomerge")
    found = command("merge", [str(evomerge), "merge", str(recipe)], "--out", scratch, environment)
    if mergekit is not None and method in MERGEKIT:
        config = scratch / f"{method}-mergekit.yaml"
        config.write_text(yaml.safe_dump(mergekit_config(method, base, experts)))
        tool = [str(mergekit / "bin" / "mergekit-yaml"), str(config)]
        found |= command("mergekit", tool, "", scratch, environment)
        found |= command("same", [str(evomerge), "merge", str(config)], "--out", scratch, environment)
    return found


def median_of(merges: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every command's seconds; what failed, fails alike each time."""
    seconds = {key: [one[key] for one in merges] for key in merges[0] if key.endswith("_s")}
    return merges[0] | {key: statistics.median(values) for key, values in seconds.items()}


def command(name: str, words: list[str], flag: str, scratch: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a whole merge as a command; returns wall seconds and peak memory."""
    out = scratch / "out"
    shutil.rmtree(out, ignore_errors=True)
    words = [*words, *([flag] if flag else []), str(out)]
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(environment))
    _, errors = process.communicate()
    wall = time.perf_counter() - start
    if process.returncode:
        return {f"{name}_error": errors.decode().strip().splitlines()[-1]}
    return {f"{name}_s": wall}


def mergekit_config(method: str, base: Path, experts: Mapping[str, str]) -> dict[str, Any]:
    """Return mergekit's YAML for the same merge."""
    wide = dict(MERGEKIT[method])
    density = {"density": wide.pop("density")} if "density" in wide else {}
    names = [SECOND] if method in SINGLE else list(experts)
    # mergekit's NuSLERP has weights where ours has their ratio.
    weighted = method == "nuslerp" or "weight" in {one.name for one in get_operator(method).parameters}
    each = ({"weight": 0.5} if weighted else {}) | density
    config: dict[str, Any] = {
        "merge_method": method,
        "models": [{"model": experts[name]} | ({"parameters": each} if each else {}) for name in names],
        "dtype": "bfloat16",
    }
    if method in FIRST_IS_BASE:
        config["base_model"] = experts[FIRST]
    elif method not in BASELESS:
        config["base_model"] = str(base)
    return config | ({"parameters": wide} if wide else {})


def markdown(report: Mapping[str, Any]) -> str:
    """Render one row for each method."""
    lines = [
        "| method | prepare s | apply s | GB moved | of copy bandwidth | peak MB | `evomerge merge` s | mergekit s "
        "| same YAML here s | quicker | apply against mergekit |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for method, one in sorted(report["methods"].items()):
        if "error" in one:
            lines.append(f"| {method} | {one['error']} |")
            continue
        tool, same = one.get("mergekit_s"), one.get("same_s")
        cells = [
            method, *applying(one),
            number(one.get("merge_s"), one.get("merge_error")), number(tool, one.get("mergekit_error")),
            number(same, one.get("same_error")),
            f"{tool / same:.1f}x" if tool and same else "",
            f"{tool / one['apply_s']:.0f}x" if tool and "apply_s" in one else "",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    hardware, copies = report["machine"], [one["copy_gb_s"] for one in report["methods"].values() if "copy_gb_s" in one]
    bandwidth = f"copy bandwidth {min(copies):.0f} to {max(copies):.0f} GB/s, " if copies else ""
    lines += [
        "",
        f"{hardware['date']}, {hardware['cores']} x {hardware['cpu']}, load average {report['load']:.1f} before, "
        f"{bandwidth}torch {torch.__version__}.",
    ]
    return "\n".join(lines)


def applying(one: Mapping[str, Any]) -> list[str]:
    """Return the cells of preparing and applying; empty ones where only whole merges were measured."""
    if "apply_s" not in one:
        return [""] * 5
    moved = one["moved_bytes"] / 1e9
    share = f"{moved / one['apply_s'] / one['copy_gb_s']:.0%}" if "copy_gb_s" in one else ""
    return [f"{one['prepare_s']:.2f}", f"{one['apply_s']:.3f}", f"{moved:.2f}", share, f"{one['peak_mb']:.0f}"]


def number(value: float | None, error: str | None) -> str:
    """Return seconds, or why there are none."""
    return error or ("" if value is None else f"{value:.1f}")


if __name__ == "__main__":
    main()
