"""The resident vLLM engine against a fresh one and against lm-eval's transformers backend."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from evals.tasks import TaskDefinition
from evomerge.errors import EngineError, Infeasible, ModelError, TaskError
from merging.export import export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from workers.config import WorkerConfig, process_environment
from workers.worker import ScoringWorker

SCRIPT = Path(__file__).with_name("fresh_engine.py")
MAX_LEN = 512
# The KV cache of the tests, in GiB: a few thousand tokens.
KV_GIB = 0.125
QUESTIONS = [
    "What is 2 + 2?",
    "What is the capital of France?",
    "Name three colours.",
    "Write one sentence about the sea.",
    "Who wrote Hamlet?",
    "Is the earth flat?",
    "Translate 'good morning' to French.",
    "What do cows eat?",
]
# Longer than two cache blocks, so that a second run is answered from the prefix cache.
LONG = "Rivers, stones and apples: a list of things that one meets on a walk. " * 18


def recipe(north: float, south: float, **fields: Any) -> Recipe:
    weights = {"weight": {"north": (north,), "south": (south,)}}
    return Recipe("task_arithmetic", ("north", "south"), coefficients=weights, **fields)


BASE = recipe(0.0, 0.0)
MILD = recipe(0.6, -0.4)
STRONG = recipe(-0.5, 1.5)
# The only one that changes norms and the embedding, which is the head as well.
WHOLE = Recipe("ties", ("north", "whole"), coefficients={"weight": {"north": (0.5,), "whole": (0.8,)}})
FRESH = {"base": BASE, "mild": MILD, "strong": STRONG, "whole": WHOLE}


def burst(weight: float) -> Recipe:
    return Recipe("task_arithmetic", ("burst",), coefficients={"weight": {"burst": (weight,)}})


def request(kind: str, *arguments: Any) -> SimpleNamespace:
    return SimpleNamespace(request_type=kind, args=arguments)


class Probe(ScoringWorker):
    """A worker that also shows what its engine answers to single requests."""

    def write(self, recipe: Recipe) -> dict[str, float]:
        engine, _ = self._start()
        return dict(self._write(engine, recipe))

    def swap(self, count: int, seed: int) -> int:
        """Write some random candidates, a few of them bad; returns the bytes that only this process holds then."""
        draw = random.Random(seed)
        for number in range(count):
            if number % 20 == 7:
                with pytest.raises(Infeasible):
                    self.write(burst(1e6))
            elif number % 20 == 14:
                self.write(BASE)
            else:
                self.write(recipe(draw.uniform(-1, 1), draw.uniform(-1, 1)))
        return int(psutil.Process().memory_full_info().uss)

    def write_through_the_loader(self, recipe: Recipe) -> dict[str, float]:
        llm = self._start()[0]._llm

        def exchange(worker: Any, live: Any) -> Any:
            worker.worker.evomerge_live, live = live, worker.worker.evomerge_live
            return live

        [live] = llm.collective_rpc(exchange, args=(None,))
        timings = self.write(recipe)
        live.at_base.clear()
        llm.collective_rpc(exchange, args=(live,))
        return timings

    def learned(self, recipe: Recipe, file: str) -> list[str]:
        """Write a candidate; returns which tensors of a file the engine's weights do not agree with."""
        self.write(recipe)

        def compare(worker: Any, expected: dict[str, torch.Tensor]) -> list[str]:
            places = worker.worker.evomerge_live.places
            return [
                name
                for name, tensor in expected.items()
                for place in places[name]
                if not torch.equal(place.out, tensor.as_strided(place.size, place.stride, place.offset))
            ]

        [found] = self._start()[0]._llm.collective_rpc(compare, args=(load_file(file),))
        return list(found)

    def raw(self, script: str, prompts: list[list[int]]) -> list[Any]:
        return load(Path(script)).raw_answers(self._start()[0]._llm, prompts)

    def cached_tokens(self, prompts: list[list[int]]) -> int:
        from vllm import SamplingParams

        inputs = [{"prompt_token_ids": prompt} for prompt in prompts]
        outputs = self._start()[0]._llm.generate(inputs, SamplingParams(max_tokens=1), use_tqdm=False)
        return sum(output.num_cached_tokens for output in outputs)

    def ask(self, kind: str, arguments: list[tuple[Any, ...]]) -> list[Any]:
        lm = self._start()[0].lm
        return list(getattr(lm, kind)([request(kind, *each) for each in arguments]))

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [self._start()[0].lm.tok_encode(text) for text in texts]

    def chat(self, text: str) -> str:
        return self._start()[0].lm.apply_chat_template([{"role": "user", "content": text}])

    def token_count(self) -> tuple[int, int]:
        tokens = self._start()[0].tokens
        return tokens.prompt, tokens.generated


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def whole(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelRef:
    """A full checkpoint, every tensor of which differs from the base's."""
    path = tmp_path_factory.mktemp("whole") / "whole"
    shutil.copytree(smollm2, path, ignore=shutil.ignore_patterns("*.safetensors"))
    generator = torch.Generator().manual_seed(3)
    tensors = load_file(smollm2 / "model.safetensors")
    noise = {name: 0.01 * torch.randn(tensor.shape, generator=generator) for name, tensor in tensors.items()}
    moved = {name: (tensor.float() + noise[name]).to(tensor.dtype) for name, tensor in tensors.items()}
    save_file(moved, path / "model.safetensors", metadata={"format": "pt"})
    return ModelRef("whole", str(path))


@pytest.fixture(scope="module")
def config(
    base: ModelRef, experts: tuple[ModelRef, ...], whole: ModelRef, tasks: tuple[TaskDefinition, ...]
) -> WorkerConfig:
    return WorkerConfig(
        base, (*experts, whole), tasks, "vllm", max_model_len=MAX_LEN, warm_recipe=MILD, kv_cache_gib=KV_GIB
    )


@pytest.fixture(scope="module")
def call(ray_cluster: None, config: WorkerConfig) -> Iterator[Callable[..., Any]]:
    """Call a method of the probe, which owns the only engine of this module."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    actor = ray.remote(Probe).options(runtime_env={"env_vars": process_environment(config)}).remote(config)
    ray.get(actor.ready.remote())
    yield lambda method, *arguments: ray.get(getattr(actor, method).remote(*arguments))
    ray.kill(actor)


@pytest.fixture(scope="module")
def prompts(call: Callable[..., Any]) -> list[list[int]]:
    texts = [call("chat", question) for question in QUESTIONS]
    return list(call("encode", [*texts, LONG + "First:", LONG + "Second:"]))


@pytest.fixture(scope="module")
def exports(config: WorkerConfig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("exports")
    materializer = Materializer(ModelSet.open(config.base, config.experts))
    for name, each in FRESH.items():
        export_checkpoint(materializer, each, root / name, card="")
    return {name: root / name for name in FRESH}


@pytest.fixture(scope="module")
def fresh(
    config: WorkerConfig,
    exports: dict[str, Path],
    prompts: list[list[int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[Any]]:
    """What vLLM answers when it loads the exported checkpoints from disk, in a process of its own."""
    root = tmp_path_factory.mktemp("fresh")
    settings = {
        "dtype": "bfloat16",
        "max_model_len": MAX_LEN,
        "enforce_eager": True,
        "kv_cache_memory_bytes": int(KV_GIB * 2**30),
    }
    job = {
        "environment": process_environment(config),
        "checkpoints": [str(path) for path in exports.values()],
        "engine": settings,
        "prompts": prompts,
    }
    (root / "job.json").write_text(json.dumps(job))
    command = [sys.executable, str(SCRIPT), str(root / "job.json"), str(root / "answers.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(exports, json.loads((root / "answers.json").read_text()), strict=True))


def test_written_weights_answer_like_a_fresh_engine_on_the_exported_checkpoint(
    call: Callable[..., Any], prompts: list[list[int]], fresh: dict[str, list[Any]]
) -> None:
    assert call("ready")["writes"] == "in place"
    # The last one changes the tied head, the one after it leaves that to the base again.
    for name in ("mild", "strong", "whole", "mild", "base"):
        call("write", FRESH[name])
        # Tokens and log-probabilities to the last bit: the same batch went through the same kernels.
        assert call("raw", str(SCRIPT), prompts) == fresh[name], name
    assert len({json.dumps(answers) for answers in fresh.values()}) == len(FRESH)


def test_hundreds_of_swaps_leave_neither_drift_nor_memory(
    call: Callable[..., Any], prompts: list[list[int]], fresh: dict[str, list[Any]]
) -> None:
    before = call("swap", 40, 1)
    after = call("swap", 200, 2)
    assert after - before < 64 * 2**20
    for name in ("whole", "mild"):
        call("write", FRESH[name])
        assert call("raw", str(SCRIPT), prompts) == fresh[name], name


def test_a_model_that_only_its_own_loader_understands_is_written_through_it(
    call: Callable[..., Any], prompts: list[list[int]], fresh: dict[str, list[Any]]
) -> None:
    call("write", STRONG)
    assert set(call("write_through_the_loader", WHOLE)) == {"apply", "write", "repack", "reset"}
    assert call("raw", str(SCRIPT), prompts) == fresh["whole"]
    call("write", MILD)
    assert call("raw", str(SCRIPT), prompts) == fresh["mild"]


def test_a_write_empties_the_prefix_cache(call: Callable[..., Any], prompts: list[list[int]]) -> None:
    call("write", STRONG)
    assert call("cached_tokens", prompts[-2:-1]) == 0
    assert call("cached_tokens", prompts[-2:-1]) > 0
    call("write", MILD)
    assert call("cached_tokens", prompts[-2:-1]) == 0


def test_write_reports_where_the_time_goes_and_skips_what_is_resident(call: Callable[..., Any]) -> None:
    call("write", STRONG)
    assert set(call("write", MILD)) == {"apply", "repack", "reset"}
    assert call("write", MILD) == {}


def test_infeasible_candidates_leave_the_worker_sound(
    call: Callable[..., Any], prompts: list[list[int]], fresh: dict[str, list[Any]]
) -> None:
    questions = [(question, {"until": ["\n"], "max_gen_toks": 4}) for question in QUESTIONS]
    with pytest.raises(Infeasible, match="finite"):
        call("score", burst(1e6), "search")
    call("write", BASE)
    assert call("raw", str(SCRIPT), prompts) == fresh["base"]
    # These weights are finite in bf16, but the activations overflow.
    call("write", burst(1.0))
    for kind, arguments in (("generate_until", questions), ("loglikelihood", [("One, two,", " three")])):
        with pytest.raises(Infeasible, match="not finite"):
            call("ask", kind, arguments)
    call("write", MILD)
    assert call("raw", str(SCRIPT), prompts) == fresh["mild"]


@pytest.mark.parametrize(
    ("method", "options"),
    [("adamerging", {"steps": 2, "batch_size": 2, "learning_rate": 0.05}), ("expert_merging", {"samples": 2})],
)
def test_methods_that_learn_by_gradients_reach_the_engine(
    call: Callable[..., Any], config: WorkerConfig, tmp_path: Path, method: str, options: dict[str, Any]
) -> None:
    lines = [{"prompt": prompt, "expert": name} for name in ("north", "south") for prompt in QUESTIONS[:2]]
    data = tmp_path / "calibration.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    learned = Recipe(method, ("north", "south"), options={"calibration": str(data), "max_tokens": 16, **options})
    # The engine's process learns first, where vLLM has turned gradients off; this one may take that from the cache.
    call("write", learned)
    models = ModelSet.open(config.base, config.experts)
    merged = {name: tensor.clone() for name, tensor in Materializer(models, resident=False).tensors(learned)}
    changed = {name: one for name, one in merged.items() if not torch.equal(one, models.base_tensor(name))}
    assert changed
    save_file(changed, tmp_path / "merged.safetensors")
    assert call("learned", learned, str(tmp_path / "merged.safetensors")) == []


@pytest.fixture
def reference(call: Callable[..., Any], smollm2: Path) -> Iterator[Any]:
    """lm-eval's transformers backend on the base checkpoint in fp32; the probe holds the same weights in bf16."""
    import torch
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    call("write", BASE)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    yield HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(smollm2), batch_size=8)
    torch.set_num_threads(threads)


def test_log_likelihoods_agree_with_the_transformers_backend(call: Callable[..., Any], reference: Any) -> None:
    chats = [call("chat", question) for question in QUESTIONS]
    pairs = [
        *[(chat, answer) for chat in chats for answer in ("Yes.", "The answer is 4.")],
        ("Paris is the capital of ", "France"),
        ("", "An empty context starts at the first token."),
        ("<|im_start|>user\n", "Hello"),
    ]
    ours = call("ask", "loglikelihood", pairs)
    theirs = reference.loglikelihood([request("loglikelihood", *pair) for pair in pairs])
    # Transformers in bf16 is off by 0.14 on average on these, vLLM in bf16 by 0.16.
    errors = [abs(mine - other) for (mine, _), (other, _) in zip(ours, theirs, strict=True)]
    assert sum(errors) / len(errors) < 0.3
    assert max(errors) < 1.0

    texts = [(text,) for text in ("The quick brown fox jumps over the lazy dog.", "word " * 700)]
    mine = call("ask", "loglikelihood_rolling", texts)
    short = reference.loglikelihood_rolling([request("loglikelihood_rolling", *texts[0])])
    assert mine[0] == pytest.approx(short[0], abs=1.0)
    assert mine[1] < mine[0]


def test_generations_agree_with_the_transformers_backend(call: Callable[..., Any], reference: Any) -> None:
    settings: dict[str, Any] = {"until": ["<|im_end|>"], "do_sample": False, "max_gen_toks": 8}
    arguments = [(call("chat", question), settings) for question in QUESTIONS]
    ours = call("ask", "generate_until", arguments)
    theirs = reference.generate_until([request("generate_until", *each) for each in arguments])
    assert ours == call("ask", "generate_until", arguments)
    assert sum(mine == other for mine, other in zip(ours, theirs, strict=True)) >= len(ours) / 2
    # Where the texts part, the two tokens nearly tie: bf16 logits of this size are multiples of 0.125.
    for (context, _), mine, other in zip(arguments, ours, theirs, strict=True):
        gap = parting_gap(reference, context, mine, other)
        assert gap < 0.4, (mine, other, gap)


def parting_gap(reference: Any, context: str, mine: str, other: str) -> float:
    """Difference in log-probability (nats) of the first tokens in which two answers differ; 0 where none do."""
    start = reference.tok_encode(context)
    mine_ids, other_ids = ([*reference.tok_encode(text), reference.eot_token_id] for text in (mine, other))
    for position, (a, b) in enumerate(zip(mine_ids, other_ids, strict=False)):
        if a != b:
            before = [*start, *mine_ids[:position]]
            (first, _), (second, _) = reference._loglikelihood_tokens([(None, before, [t]) for t in (a, b)])
            return abs(first - second)
    return 0.0


def test_stop_strings_cut_the_text(call: Callable[..., Any]) -> None:
    call("write", BASE)
    chats = [call("chat", question) for question in QUESTIONS]
    whole = call("ask", "generate_until", [(chat, {"until": [], "max_gen_toks": 10}) for chat in chats])
    for stops in ([" is"], ["zebra", "."], "<|im_end|>"):
        cut = call("ask", "generate_until", [(chat, {"until": stops, "max_gen_toks": 10}) for chat in chats])
        for stop in [stops] if isinstance(stops, str) else stops:
            assert not any(stop in text for text in cut)
            whole_cut = [text.split(stop)[0] for text in whole]
        assert sum(a == b for a, b in zip(cut, whole_cut, strict=True)) >= len(cut) - 1
    assert any(" is" in text for text in whole)


def test_greedy_flags_agree_with_the_engines_own_generations(call: Callable[..., Any]) -> None:
    call("write", BASE)
    chats = [call("chat", question) for question in QUESTIONS]
    texts = call("ask", "generate_until", [(chat, {"until": [], "max_gen_toks": 6}) for chat in chats])
    flags = [greedy for _, greedy in call("ask", "loglikelihood", list(zip(chats, texts, strict=True)))]
    assert sum(flags) >= len(flags) - 1
    wrong = [(chat, "zebra " + text) for chat, text in zip(chats, texts, strict=True)]
    assert not any(greedy for _, greedy in call("ask", "loglikelihood", wrong))


def test_tokens_are_counted(call: Callable[..., Any]) -> None:
    before = call("token_count")
    context = call("chat", QUESTIONS[0])
    call("ask", "generate_until", [(context, {"until": [], "max_gen_toks": 3})])
    call("ask", "loglikelihood", [("One, two,", " three")])
    (context_ids, pair_ids) = call("encode", [context, "One, two, three"])
    after = call("token_count")
    assert after[0] - before[0] == len(context_ids) + len(pair_ids)
    assert 1 <= after[1] - before[1] <= 3


def test_requests_that_do_not_fit_are_task_errors(call: Callable[..., Any]) -> None:
    with pytest.raises(TaskError, match="max_tokens"):
        call("ask", "generate_until", [("Hello", {"until": [], "max_gen_toks": MAX_LEN})])
    with pytest.raises(TaskError, match="max_model_len"):
        call("ask", "loglikelihood", [("Hello", " word" * (MAX_LEN + 1))])
    with pytest.raises(TaskError, match="generation_kwargs"):
        call("ask", "generate_until", [("Hello", {"until": [], "no_such_setting": 1})])


def test_texts_that_start_with_bos_get_no_second_one(call: Callable[..., Any], reference: Any) -> None:
    texts = ["<|im_start|>user\nHi<|im_end|>", "plain text", " leading space"]
    assert call("encode", texts) == [reference.tok_encode(text) for text in texts]


def test_a_worker_scores_every_item_of_a_split(call: Callable[..., Any], tasks: tuple[TaskDefinition, ...]) -> None:
    result = call("score", MILD, "search")
    assert [item.task for item in result.items] == ["say"] * 4 + ["choose"] * 4
    assert all(item.reference_logprob is not None and item.reference_logprob < 0 for item in result.items)
    assert result.prompt_tokens > 0 and result.generated_tokens > 0
    assert result.worker.endswith(f":{call('pid')}")
    assert call("score", MILD, "search").items == result.items
    assert set(call("score", MILD, "test").timings_s) == {"score"}


def test_ready_describes_the_engine(call: Callable[..., Any]) -> None:
    description = call("ready")
    assert description["engine"] == "vllm"
    assert description["dtype"] == "bfloat16"
    assert description["max_model_len"] == MAX_LEN
    assert description["threads"] == 1
    assert description["startup_s"] > 0


def test_a_missing_vllm_names_the_fix(config: WorkerConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from workers.engines.vllm_engine import VllmEngine

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="pip install 'evomerge\\[vllm\\]'"):
        VllmEngine(config)


def test_bad_models_are_refused_before_vllm_starts(
    tasks: tuple[TaskDefinition, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.engines import vllm_engine

    config = WorkerConfig(ModelRef("base", str(tmp_path / "nowhere")), (), tasks)
    for name, value in process_environment(config).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(vllm_engine, "_start", lambda config: pytest.fail("vLLM was started"))
    with pytest.raises(ModelError, match="nowhere"):
        vllm_engine.VllmEngine(config)
