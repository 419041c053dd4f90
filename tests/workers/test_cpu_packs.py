"""Packed weights are packed again in their places, whichever library vLLM gives them to."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import torch

# Importing the packs changes vLLM in the process.
SCRIPT = """
import json

import torch

from merging.live import LiveWeights, Place
from merging.threads import single_threaded_pool
from workers.engines import cpu_packs

torch.set_num_threads(2)
generator = torch.Generator().manual_seed(0)


def random(*shape):
    return torch.randn(*shape, generator=generator).bfloat16()


def differs(module):
    # Shapes that vLLM's own library takes on some processors, and one that oneDNN takes on all.
    rows = random(5, module.weight.shape[1])
    expected = rows.float() @ module.weight.float().t()
    found = module.cpu_linear(rows, module.weight, None).float()
    return float((found - expected).abs().max() / expected.abs().max())


model = torch.nn.ModuleList()
for shape in ((64, 32), (16, 64), (1040, 1024), (1536, 576)):
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(random(*shape), requires_grad=False)
    cpu_packs.gemm_dispatch.dispatch_cpu_unquantized_gemm(module, remove_weight=True)
    model.append(module)
packs = cpu_packs.Packs(model)
before = [differs(module) for module in model]
unpacked = torch.nn.Module()
unpacked.weight = torch.nn.Parameter(random(4, 4), requires_grad=False)
unpacked.cpu_linear = torch.nn.functional.linear
cpu_packs.Packs(torch.nn.ModuleList([unpacked]))
for module in model:
    module.weight.copy_(random(*module.weight.shape))
stale = [differs(module) for module in model]


def pack():
    packs.pack_all()
    return torch.get_num_threads()


places = {}
for index, module in enumerate(model):
    weight = module.weight.detach()
    places[str(index)] = [Place(weight, 0, tuple(weight.shape), weight.stride())]
packs.begin(LiveWeights(places))
for name in places:
    packs.written(name, changed=True)
written = [differs(module) for module in model]
for module in model:
    module.weight.copy_(random(*module.weight.shape))
threads = single_threaded_pool(2, cpu_packs.begin_thread).submit(pack).result()
renewed = [differs(module) for module in model]
for module in model:
    module.weight.copy_(random(*module.weight.shape))
    cpu_packs._renew_anyhow(module)
anyhow = [differs(module) for module in model]
for module in model:
    module.weight = torch.nn.Parameter(random(*module.weight.shape), requires_grad=False)
packs.pack_all()
replaced = [differs(module) for module in model]
said = str(packs)
names = ("said", "before", "stale", "written", "threads", "renewed", "anyhow", "replaced")
print(json.dumps({name: globals()[name] for name in names}))
"""


def test_packs_are_renewed_in_place_by_threads_that_stay_alone() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert re.fullmatch("[0-4] of 4 in place", found["said"])
    if torch.cpu._is_amx_tile_supported():
        assert found["said"].startswith("3 "), "the fast way is known on processors with matrix units"
    for name in ("before", "written", "renewed", "anyhow", "replaced"):
        assert max(found[name]) < 0.02, name
    assert min(found["stale"]) > 0.2
    assert found["threads"] == 1
