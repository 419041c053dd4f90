"""What the same candidate costs elsewhere: answers from transformers, and a candidate in mergekit-evolve."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine_bench import Bench, Report, timed

from merging.recipe import Recipe

# That of the transformers engine.
BATCH_SIZE = 16
# What mergekit-evolve does for each candidate once its merge is on disk, with lm-eval's settings.
START = """
import json, sys, time
if __name__ == "__main__":
    from vllm import LLM
    start = time.perf_counter()
    LLM(**json.loads(sys.argv[1]))
    print("STARTED", time.perf_counter() - start, flush=True)
"""


def measure_tokens(bench: Bench, scratch: Path) -> Report:
    """Answer the items with the base, in vLLM and in transformers; the quicker of two each."""
    bench.engine.write(Recipe("task_arithmetic", bench.names[:1], coefficients={"weight": {bench.names[0]: (0.0,)}}))
    bench.score()
    times = []
    for _ in range(2):
        bench.engine._llm.reset_prefix_cache()
        times.append(timed(bench.score))
    bench.close()
    generate = transformers_generation(bench)
    generate()
    written = bench.items * bench.arguments.tokens
    return {"written": written, "vllm_s": min(times), "transformers_s": min(timed(generate) for _ in range(2))}


def transformers_generation(bench: Bench) -> Callable[[], None]:
    """Return a function that answers the items in the batches of the transformers engine."""
    import torch
    import transformers

    if bench.config.on_cpu:
        torch.set_num_threads(bench.config.threads)
    tokenizer = transformers.AutoTokenizer.from_pretrained(bench.arguments.base, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = transformers.AutoModelForCausalLM.from_pretrained(bench.arguments.base, dtype=torch.bfloat16)
    model = model.eval().to("cpu" if bench.config.on_cpu else "cuda")
    count = bench.arguments.tokens

    def generate() -> None:
        prompts = bench.prompts()
        for first in range(0, len(prompts), BATCH_SIZE):
            batch = tokenizer(prompts[first : first + BATCH_SIZE], return_tensors="pt", padding=True).to(model.device)
            output = model.generate(**batch, max_new_tokens=count, min_new_tokens=count, do_sample=False)
            assert output.shape[1] - batch["input_ids"].shape[1] == count

    return generate


def measure_mergekit(bench: Bench, scratch: Path) -> Report:
    """Merge with mergekit and start an engine on the result, as mergekit-evolve does; change ours beside it."""
    method = bench.arguments.methods[0]
    bench.engine.prepare(bench.recipe(method))
    ours = [sum(bench.engine.write(bench.recipe(method)).values()) for _ in range(7)][2:]
    bench.close()
    recipe = bench.recipe(method)
    weights = recipe.coefficients["weight"]
    models = [{"model": ref.path, "parameters": {"weight": weights[ref.name][0]}} for ref in bench.config.experts]
    config = {"merge_method": method, "base_model": str(bench.arguments.base), "models": models, "dtype": "bfloat16"}
    (scratch / "mergekit.yaml").write_text(json.dumps(config))
    out = scratch / "merged"
    command = [str(bench.arguments.mergekit / "bin" / "mergekit-yaml"), str(scratch / "mergekit.yaml"), str(out)]
    if not bench.config.on_cpu:
        command.append("--cuda")
    merge = timed(lambda: subprocess.run(command, check=True, capture_output=True))
    python = str(bench.arguments.mergekit / "bin" / "python")
    imports = timed(lambda: subprocess.run([python, "-c", "import mergekit.scripts.run_yaml"], check=True))
    return {
        "method": method,
        "ours_s": ours,
        "merge_s": merge,
        "imports_s": imports,
        "start_s": start_engine(bench, out),
    }


def start_engine(bench: Bench, path: Path) -> float:
    """Start vLLM as lm-eval does; returns seconds without the imports of the process that asks for it."""
    settings: dict[str, Any] = {"model": str(path), "dtype": "bfloat16", "max_model_len": bench.arguments.max_model_len}
    if bench.config.on_cpu:
        settings["kv_cache_memory_bytes"] = 2**30
    else:
        settings["gpu_memory_utilization"] = 0.8
    script = path.parent / "start.py"
    script.write_text(START)
    environment = {name: value for name, value in os.environ.items() if name != "VLLM_ENABLE_V1_MULTIPROCESSING"}
    command = [sys.executable, str(script), json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return float(done.stdout.split("STARTED")[1].split()[0])


def tokens_table(report: Report) -> list[str]:
    """Render tokens written a second."""
    one = report["tokens"]
    speeds = [one["written"] / one[f"{name}_s"] for name in ("vllm", "transformers")]
    return [
        "| tokens a second | vLLM | transformers | ratio |",
        "|---|---:|---:|---:|",
        f"| written | {speeds[0]:.0f} | {speeds[1]:.0f} | {speeds[0] / speeds[1]:.1f} |",
    ]


def mergekit_table(report: Report) -> list[str]:
    """Render what a candidate costs beside its tokens; mergekit-evolve imports once, so that is taken off."""
    one = report["mergekit"]
    ours, merge = statistics.median(one["ours_s"]), max(0.0, one["merge_s"] - one["imports_s"])
    return [
        f"| {one['method']}, s beside tokens | merge | engine start | together | of which here |",
        "|---|---:|---:|---:|---:|",
        f"| mergekit on disk, new vLLM | {merge:.1f} | {one['start_s']:.1f} | {merge + one['start_s']:.1f} "
        f"| {(merge + one['start_s']) / ours:.0f} x |",
        f"| evomerge, resident vLLM | {ours:.3f} | 0 | {ours:.3f} | |",
    ]
