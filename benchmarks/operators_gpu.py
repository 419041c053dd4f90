"""What writing one candidate into weights on a GPU costs, against the card's copy bandwidth and the processor's result.

    python benchmarks/operators_gpu.py [METHOD ...] [--shape smollm2-135m|llama-1b] [--experts 3] [--json FILE]
    python benchmarks/operators_gpu.py [METHOD ...] --host-only

For each operator: preparing on the host, the first candidate (tables compiled, prepared state copied to the card), then
candidates of new coefficients (median and least of several), the bytes that they move, and how many elements of the
result differ from the processor's. Weights are normal noise of a checkpoint's shapes, experts the base plus noise.
Without a GPU it stops, unless TRITON_INTERPRET=1 asks for a rehearsal on the processor. With --host-only, nothing is
launched, on any machine: what is left is the host's work for a candidate, in processor time of the thread that does it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from machine import machine
from operators import moved_bytes
from safetensors.torch import save_file

from merging.gpu import binding
from merging.granularity import Granularity
from merging.live import LiveWeights, Place
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

# hidden, MLP, blocks, heads, key-value heads, vocabulary
SHAPES = {
    "tiny": (64, 96, 2, 4, 2, 320),
    "smollm2-135m": (576, 1536, 30, 9, 3, 49152),
    "llama-1b": (2048, 8192, 16, 32, 8, 128256),
}
METHODS: Mapping[str, dict[str, Any]] = {
    "task_arithmetic": {},
    "linear": {},
    "ties": {"threshold_scope": "tensor"},
    "dare_ties": {},
    "dare_linear": {},
    "breadcrumbs": {},
    "della": {},
    "sce": {},
    "ram": {},
    "ramplus_tl": {},
    "localize_and_stitch": {},
    "consensus": {},
}
# What a candidate brings where experts have no weights.
ONE_FOR_ALL = {
    "sce": "select_topk", "ram": "lambda", "ramplus_tl": "r", "localize_and_stitch": "lambda", "consensus": "lambda",
}  # fmt: skip
LOOPS = ("add_rows", "choose_rows", "elect_rows", "average_rows", "need_rows")


class Nothing:
    """Takes the place of a loop that is not launched."""

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        """Return a launch that does nothing."""
        return lambda *arguments, **constants: None


class Rehearsal(Materializer):
    """Runs the GPU's loops wherever the weights are."""

    def _computes_on_gpu(self, live: LiveWeights) -> bool:
        return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=[*METHODS])
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--experts", type=int, default=3)
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--host-only", action="store_true")
    arguments = parser.parse_args()
    rehearsal = os.environ.get("TRITON_INTERPRET") == "1" or arguments.host_only
    if not torch.cuda.is_available() and not rehearsal:
        sys.exit("no GPU here: benchmarks/operators.py measures the processor")
    if arguments.host_only:
        for name in LOOPS:
            setattr(binding, name, Nothing())
    device = torch.device("cpu" if rehearsal else "cuda")
    report: dict[str, Any] = {
        "machine": machine(),
        "card": "none" if rehearsal else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "shape": arguments.shape,
        "experts": arguments.experts,
        "copy_gb_s": copy_bandwidth(device),
        "methods": {},
    }
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        models = make_models(Path(folder), SHAPES[arguments.shape], arguments.experts, device)
        for method in arguments.methods:
            report["methods"][method] = measure(method, models, device, arguments.candidates, arguments.host_only)
            print(method, json.dumps(report["methods"][method]), file=sys.stderr, flush=True)
    print(host_markdown(report) if arguments.host_only else markdown(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def make_models(folder: Path, shape: tuple[int, ...], experts: int, device: torch.device) -> ModelSet:
    """Write a base and its experts, tied embeddings, bf16, and open them."""
    hidden, mlp, blocks, heads, kv_heads, vocabulary = shape
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": hidden, "intermediate_size": mlp,
        "num_hidden_layers": blocks, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    }  # fmt: skip
    narrow = hidden * kv_heads // heads
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, hidden),
        "model.norm.weight": (hidden,),
    }
    for block in range(blocks):
        at = f"model.layers.{block}"
        shapes |= {
            f"{at}.self_attn.q_proj.weight": (hidden, hidden), f"{at}.self_attn.k_proj.weight": (narrow, hidden),
            f"{at}.self_attn.v_proj.weight": (narrow, hidden), f"{at}.self_attn.o_proj.weight": (hidden, hidden),
            f"{at}.mlp.gate_proj.weight": (mlp, hidden), f"{at}.mlp.up_proj.weight": (mlp, hidden),
            f"{at}.mlp.down_proj.weight": (hidden, mlp), f"{at}.input_layernorm.weight": (hidden,),
            f"{at}.post_attention_layernorm.weight": (hidden,),
        }  # fmt: skip
    torch.manual_seed(0)
    base = {name: torch.randn(size, device=device) * 0.02 for name, size in shapes.items()}
    refs = []
    for name in ("base", *"abcdefgh"[:experts]):
        noise = 0.0 if name == "base" else 1e-3
        tensors = {key: (one + noise * torch.randn_like(one)).bfloat16().cpu() for key, one in base.items()}
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
        save_file(tensors, folder / name / "model.safetensors", metadata={"format": "pt"})
        refs.append(ModelRef(name, str(folder / name)))
    return ModelSet.open(refs[0], refs[1:])


def measure(
    method: str, models: ModelSet, device: torch.device, candidates: int, host_only: bool = False
) -> dict[str, Any]:
    """Prepare, write candidates, and compare the last with the processor's where anything was launched."""
    kind = Rehearsal if device.type == "cpu" else Materializer
    materializer = kind(models)
    live = places(models, device)
    recipes = [recipe_of(method, models, number) for number in range(candidates)]
    prepare = seconds(lambda: materializer.prepare(recipes[0]))
    first = seconds(lambda: materializer.write(recipes[0], live))
    clock = time.thread_time if host_only else time.perf_counter
    times = [seconds(lambda one=one: materializer.write(one, live), clock) for one in recipes[1:]]
    found = {"prepare_s": prepare, "first_s": first, "median_s": statistics.median(times), "least_s": min(times)}
    if host_only:
        return found
    different = elements = 0
    for name, merged in Materializer(models).tensors(recipes[-1]):
        different += int((merged != live.places[name][0].out.cpu()).sum())
        elements += merged.numel()
    levels = 2 * elements * len(models.experts) if method.startswith("dare") else 0
    moved = moved_bytes(materializer, recipes[0]) + levels
    return found | {"moved_bytes": moved, "different": different, "elements": elements}


def recipe_of(method: str, models: ModelSet, number: int) -> Recipe:
    """Return a recipe with coefficients for three groups of blocks by module, as a search has them."""
    granularity = "group:3+module"
    slots = Granularity.parse(granularity).num_slots(models.num_blocks)
    experts = tuple(expert.name for expert in models.experts)
    if method in ONE_FOR_ALL:
        return Recipe(method, experts, coefficients={ONE_FOR_ALL[method]: (0.3 + 0.01 * number,)})
    generator = torch.Generator().manual_seed(number)
    weights = {one: tuple(torch.rand(slots, generator=generator).add(0.1).tolist()) for one in experts}
    return Recipe(method, experts, granularity, {"weight": weights}, METHODS[method])


def places(models: ModelSet, device: torch.device) -> LiveWeights:
    """Return memory on the card for every tensor."""
    found = {}
    for name in models.tensor_names():
        out = torch.empty(models.tensor_info(name).shape, dtype=torch.bfloat16, device=device)
        found[name] = [Place(out, 0, tuple(out.shape), out.stride())]
    return LiveWeights(found)


def copy_bandwidth(device: torch.device) -> float:
    """Return GB/s of a copy within the card, bytes read and written, median of twenty."""
    size = 1 << (32 if device.type == "cuda" else 26)
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = [seconds(lambda: target.copy_(source)) for _ in range(21)]
    return 2 * size / statistics.median(times[1:]) / 1e9


def seconds(function: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the time of a call and of the work that it starts on the card."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = clock()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def host_markdown(report: Mapping[str, Any]) -> str:
    """Return the table of what the host does."""
    lines = ["| method | the host's ms per candidate: median | least |", "|---|---:|---:|"]
    for method, row in report["methods"].items():
        lines.append(f"| {method} | {1e3 * row['median_s']:.2f} | {1e3 * row['least_s']:.2f} |")
    return "\n".join(
        [*lines, "", f"{report['shape']}, {report['experts']} full experts, nothing launched. {origin(report)}"]
    )


def origin(report: Mapping[str, Any]) -> str:
    """Return what the figures were taken on."""
    return (
        f"{report['machine']['cores']} x {report['machine']['cpu']}, {report['machine']['date']}, "
        f"torch {report['torch']}."
    )


def markdown(report: Mapping[str, Any]) -> str:
    """Return the table."""
    lines = [
        "| method | prepare s | first ms | candidate ms | GB moved | GB/s | of copy bandwidth | elements that differ |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for method, row in report["methods"].items():
        speed = row["moved_bytes"] / row["median_s"] / 1e9
        lines.append(
            f"| {method} | {row['prepare_s']:.2f} | {1e3 * row['first_s']:.0f} | {1e3 * row['median_s']:.2f} "
            f"({1e3 * row['least_s']:.2f}) | {row['moved_bytes'] / 1e9:.2f} | {speed:.0f} "
            f"| {speed / report['copy_gb_s']:.0%} | {row['different']} of {row['elements']} |"
        )
    lines += [
        "",
        f"{report['shape']}, {report['experts']} full experts. {report['card']}, copy {report['copy_gb_s']:.0f} GB/s; "
        f"{origin(report)}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
