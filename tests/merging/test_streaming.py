from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from merging.weights import TensorSpec, write_weights

BLOCKS, ROWS, COLUMNS = 160, 512, 1024
SPECS = {
    "model.embed_tokens.weight": TensorSpec((16, 8), torch.bfloat16),
    **{f"model.layers.{i}.mlp.up_proj.weight": TensorSpec((ROWS, COLUMNS), torch.bfloat16) for i in range(BLOCKS)},
}
MERGE = """
import resource, sys
from pathlib import Path
import numpy, torch
import merging.oneshot
from merging.loops import Flat
from merging.operators.kernels import SumKernel
root = Path(sys.argv[1])
# Compilers and thread pools take their memory first.
one = torch.ones(4)
SumKernel(Flat(one.bfloat16()), [one, one.clone()], [0.5, 0.25])(slice(0, 4), one.bfloat16())
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + int(sys.argv[2]), resource.RLIM_INFINITY))
merging.oneshot.merge_file(root / "merge.yml", root / "out")
"""


def make(path: Path, value: float) -> int:
    """Write a model of equal numbers; return its size."""
    path.mkdir()
    config = {"model_type": "llama", "num_hidden_layers": BLOCKS, "tie_word_embeddings": True}
    (path / "config.json").write_text(json.dumps(config))

    def tensors() -> Iterator[tuple[str, Tensor]]:
        for name, spec in SPECS.items():
            yield name, torch.full(spec.shape, value, dtype=spec.dtype)

    write_weights(path, SPECS, tensors(), 10**12)
    return sum(spec.nbytes for spec in SPECS.values())


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    """A merge whose output alone is larger than all memory that it may write to."""
    size = make(tmp_path / "base", 1.0)
    make(tmp_path / "a", 2.0)
    make(tmp_path / "b", 4.0)
    (tmp_path / "merge.yml").write_text(
        f"merge_method: task_arithmetic\nbase_model: {tmp_path / 'base'}\nmodels:\n"
        f"- {{model: {tmp_path / 'a'}, parameters: {{weight: 0.5}}}}\n"
        f"- {{model: {tmp_path / 'b'}, parameters: {{weight: 0.25}}}}\n"
    )
    largest = max(spec.numel for spec in SPECS.values())
    # The limit counts the inputs too, which are mapped files that the system takes back whenever it wants to.
    mapped = 3 * (size + (1 << 20))
    # In fp32, on every thread: both task vectors, what their difference takes, the result; and the threads' own needs.
    allowed = largest * 4 * 6 * (torch.get_num_threads() + 1) + (64 << 20)
    assert allowed < size
    command = [sys.executable, "-c", MERGE, str(tmp_path), str(mapped + allowed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    merged = (tmp_path / "out" / "model.safetensors").read_bytes()[-2:]
    assert torch.frombuffer(bytearray(merged), dtype=torch.bfloat16).item() == 1.0 + 0.5 + 0.75
