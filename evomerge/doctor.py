"""Checks that prove a machine can run experiments, from installed packages to a scoring engine."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30
_SPECIAL = ("<unk>", "<s>", "</s>")
_WORDS = (*_SPECIAL, "the", "cat", "dog", "sat", "ran", "mat", "tree", "red", "blue", "yes", "no")
_TASK = """\
task: doctor
dataset_path: json
dataset_kwargs: {data_files: {test: items.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
target_delimiter: " "
generation_kwargs: {until: ["</s>"], do_sample: false, max_gen_toks: 4}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""


@dataclass(frozen=True)
class Check:
    """One finding; ``finding`` says what was found, and what to do where it is not ``ok``."""

    name: str
    ok: bool
    finding: str


def examine(store_url: str) -> Iterator[Check]:
    """Yield every check as soon as it is done, cheap ones first."""
    yield from (_python(), _memory(), _disk())
    yield _guard("store", lambda: _store(store_url))
    yield _guard("engine", _engine)


def _guard(name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(name, True, probe())
    except Exception as error:  # a doctor reports every failure, whatever it is
        return Check(name, False, f"{type(error).__name__}: {error}")


def _python() -> Check:
    from optimizer.versions import versions

    found = ", ".join(f"{name} {version}" for name, version in versions().items())
    return Check("packages", sys.version_info >= (3, 11), found)


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    finding = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free, {os.cpu_count()} cores"
    enough = memory.available > 3 * GIB
    return Check("memory", enough, finding if enough else f"{finding}; an engine needs at least 3 GiB: close programs")


def _disk() -> Check:
    usage = shutil.disk_usage(tempfile.gettempdir())
    enough = usage.free > 2 * GIB
    finding = f"{usage.free / GIB:.1f} GiB free in {tempfile.gettempdir()}"
    return Check("disk", enough, finding if enough else f"{finding}; Ray stops at a full disk: free some space")


def _store(url: str) -> str:
    from experiments.store import Store

    with Store.open(url) as store:
        return f"{url} answers and holds {len(store.list_experiments(limit=1000))} experiments"


def _engine() -> str:
    """Start a worker on a small random model and score two merges in turn: A, B and A again."""
    from evals.tasks import TaskDefinition
    from experiments.states import Split
    from merging.models import ModelRef
    from merging.recipe import Recipe
    from optimizer.cluster import ray_cluster
    from optimizer.jobs import Job, Work
    from optimizer.pool import WorkerPool
    from workers.config import WorkerConfig

    engine = "vllm" if importlib.util.find_spec("vllm") else "transformers"
    with tempfile.TemporaryDirectory(prefix="evomerge-doctor-") as folder:
        root = Path(folder)
        for seed, name in enumerate(("base", "expert")):
            _write_model(root / name, seed)
        (root / "task.yaml").write_text(_TASK)
        items = [{"question": f"the {a} {b} {c}", "answer": "yes"} for a, b, c in _sentences()]
        (root / "items.jsonl").write_text("\n".join(json.dumps(item) for item in items))
        task = TaskDefinition("doctor", str(root / "task.yaml"), "exact_match", search=8, selection=1, test=1)
        base, expert = ModelRef("base", str(root / "base")), ModelRef("expert", str(root / "expert"))
        config = WorkerConfig(base, (expert,), (task,), engine=engine, max_model_len=64)  # type: ignore[arg-type]
        recipes = [Recipe("task_arithmetic", ("expert",), "global", {"weight": {"expert": (w,)}}) for w in (0.2, 0.9)]
        with ray_cluster(num_cpus=1):
            pool = WorkerPool(config, 1)
            try:
                answers = []
                for recipe in (*recipes, recipes[0]):
                    while pool.next_worker is None:
                        pool.wait(0.5)
                    pool.submit(Job(Work(0, Split.SEARCH), recipe, None))
                    while (outcome := pool.wait(0.5)) is None:
                        continue
                    if outcome.result is None:
                        raise RuntimeError(outcome.reason)
                    answers.append([(item.output, item.reference_logprob) for item in outcome.result.items])
                started_s = pool.descriptions[0]["startup_s"]
            finally:
                pool.close()
        if answers[0] != answers[2] or answers[0] == answers[1]:
            raise RuntimeError(f"{engine} does not serve the weights that were written last; reinstall it")
    return f"{engine} on {platform.machine()} started in {started_s:.0f} s and follows weights written in place"


def _sentences() -> list[tuple[str, str, str]]:
    return [(a, b, c) for a in ("cat", "dog") for b in ("sat", "ran") for c in ("mat", "tree", "red", "blue")]


def _write_model(path: Path, seed: int) -> None:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(_WORDS),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(path)
    words = Tokenizer(models.WordLevel({word: index for index, word in enumerate(_WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.add_special_tokens(list(_SPECIAL))
    PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    ).save_pretrained(path)
