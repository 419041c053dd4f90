"""The doctor's proof of the engine: weights follow, a killed worker is replaced, a fresh engine answers the same."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from evals.tasks import TaskDefinition
from experiments.states import Split
from merging.models import ModelRef
from merging.recipe import Recipe
from optimizer.cluster import ray_cluster
from optimizer.jobs import Job, Outcome, Work
from workers.config import WorkerConfig

if TYPE_CHECKING:
    from optimizer.pool import WorkerPool

DEMO_BASE = Path("models/smollm2-135m-instruct")
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
Answers = list[tuple[str | None, float | None]]


class EngineProof:
    """Runs a real worker on the demo's base, or on a small random model where that is not in the present directory.

    Use it as a context manager, and call the methods in the order they have here; each returns what it found.

    Raises:
        RuntimeError: from every method, where the engine does not do what it should.
    """

    def __init__(self) -> None:
        """Choose the engine; nothing is started."""
        self.engine = "vllm" if importlib.util.find_spec("vllm") else "transformers"
        self.started = False
        self._stack = ExitStack()
        self._config: WorkerConfig
        self._pool: WorkerPool
        self._answers: list[Answers] = []

    def __enter__(self) -> Self:
        """Make a temporary directory."""
        self._root = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="evomerge-doctor-")))
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the workers, and Ray where it was started here."""
        self._stack.close()

    def start(self) -> str:
        """Start a worker on the base."""
        self._config = self._prepare()
        self._stack.enter_context(ray_cluster(num_cpus=1))
        self._pool = self._open(self._config)
        _until_free(self._pool)
        self.started = True
        found = self._pool.descriptions[0]
        return f"{self.engine} on {found['device']} started on {self._name()} in {found['startup_s']:.0f} s"

    def follow_weights(self) -> str:
        """Score two merges in turn, A, B and A again: the answers must be those of the weights written last."""
        first, second, again = (self._score(self._pool, recipe) for recipe in (_merge(0.2), _merge(0.9), _merge(0.2)))
        self._answers = [first, second]
        if first != again or first == second:
            raise RuntimeError(f"{self.engine} does not serve the weights that were written last")
        return "answers follow weights written in place: A, B and A again"

    def survive_kill(self) -> str:
        """Kill the worker in the midst of a job: it must end, and another one give the same answers."""
        label = _until_free(self._pool)
        self._pool.submit(Job(Work(0, Split.SEARCH), _merge(0.5), None))
        self._pool.begin()
        os.kill(int(label.rpartition(":")[2]), 9)
        outcome = _finish(self._pool)
        if outcome.kind != "lost":
            raise RuntimeError(f"the job of a killed worker is not lost but {outcome.kind}")
        if self._score(self._pool, _merge(0.9)) != self._answers[1]:
            raise RuntimeError("the worker that replaced a killed one gives other answers")
        return "a worker killed at work was replaced, and the new one answers the same"

    def equal_fresh_engine(self) -> str:
        """Export a merge and start an engine on it: it must answer as the one that the merge was written into."""
        from merging.export import export_checkpoint
        from merging.materialize import Materializer
        from merging.models import ModelSet

        materializer = Materializer(ModelSet.open(self._config.base, self._config.experts), resident=False)
        export = export_checkpoint(materializer, _merge(0.9), self._root / "merged", card="").path
        self._pool.close()
        pool = self._open(replace(self._config, base=ModelRef("base", str(export))))
        if self._score(pool, _merge(0.0)) != self._answers[1]:
            raise RuntimeError(f"{self.engine} answers otherwise when it loads the exported merge")
        return "an engine started on the exported merge answers the same, to the last bit"

    def _open(self, config: WorkerConfig) -> WorkerPool:
        from optimizer.pool import WorkerPool

        pool = WorkerPool(config, 1)
        self._stack.callback(pool.close)
        return pool

    def _score(self, pool: WorkerPool, recipe: Recipe) -> Answers:
        _until_free(pool)
        pool.submit(Job(Work(0, Split.SEARCH), recipe, None))
        pool.begin()
        outcome = _finish(pool)
        if outcome.result is None:
            raise RuntimeError(outcome.reason)
        return [(item.output, item.reference_logprob) for item in outcome.result.items]

    def _name(self) -> str:
        return str(DEMO_BASE) if DEMO_BASE.is_dir() else "a small random model"

    def _prepare(self) -> WorkerConfig:
        base, expert = self._root / "base", self._root / "expert"
        if DEMO_BASE.is_dir():
            base = DEMO_BASE.resolve()
            _write_variant(base, expert)
        else:
            _write_model(base, 0)
            _write_model(expert, 1)
        (self._root / "task.yaml").write_text(_TASK)
        questions = [f"the {a} {b} {c}" for a in ("cat", "dog") for b in ("sat", "ran") for c in ("mat", "red", "blue")]
        (self._root / "items.jsonl").write_text(
            "\n".join(json.dumps({"question": question, "answer": "yes"}) for question in questions)
        )
        task = TaskDefinition("doctor", str(self._root / "task.yaml"), "exact_match", search=8, selection=1, test=1)
        models = ModelRef("base", str(base)), (ModelRef("expert", str(expert)),)
        return WorkerConfig(*models, (task,), engine=self.engine, max_model_len=64)  # type: ignore[arg-type]


def _merge(weight: float) -> Recipe:
    return Recipe("task_arithmetic", ("expert",), "global", {"weight": {"expert": (weight,)}})


def _until_free(pool: WorkerPool) -> str:
    while pool.next_worker is None:
        pool.wait(0.5)
    return pool.next_worker


def _finish(pool: WorkerPool) -> Outcome:
    while (outcome := pool.wait(0.5)) is None:
        continue
    return outcome


def _write_variant(base: Path, path: Path) -> None:
    """Write a copy of a checkpoint with noise on one kind of matrix, so that it says other things."""
    import torch
    from safetensors.torch import load_file, save_file

    weights: dict[str, Any] = load_file(base / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in weights.items():
        if name.endswith("down_proj.weight"):
            noise = torch.randn(tensor.shape, generator=generator)
            weights[name] = (tensor + tensor.float().std() * noise).to(tensor.dtype)
    path.mkdir()
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    for file in base.glob("*.json"):
        shutil.copy(file, path / file.name)


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
