"""Plain transformers in this process, for machines without vLLM: slower, same candidates, same scores."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from lm_eval.models.huggingface import HFLM

from evomerge.errors import EngineError
from merging.ahead import MergingAhead
from merging.deep_models import with_depth
from merging.live import LiveWeights, Place
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.shared.items import SharedState
from merging.vocabulary.loadable import loadable_base
from workers.config import WorkerConfig
from workers.engines.base import Engine, TokenCount
from workers.progress import beat

if TYPE_CHECKING:
    from merging.recipe import Recipe

# Sequences of one forward pass; larger batches gain nothing on the CPU and cost memory for logits.
BATCH_SIZE = 16


class TransformersEngine(Engine):
    """A resident transformers model scored by lm-eval's own backend.

    Raises:
        EngineError: the model cannot be loaded, or is kept in a layout that cannot be rewritten.
        ModelError: a model cannot be opened for merging.
    """

    def __init__(self, config: WorkerConfig) -> None:
        """Load the base and open the models for merging."""
        if config.tensor_parallel > 1:
            raise EngineError("the transformers engine keeps a model on one device: set tensor_parallel: 1")
        if config.on_cpu:
            torch.set_num_threads(config.threads)
        self._config = config
        models = _open(config)
        self._materializer = Materializer(models, shared=SharedState(beat))
        with loadable_base(models) as base:
            self._model = _load(base.path, config)
            tokenizer = transformers.AutoTokenizer.from_pretrained(base.path)
        self._live = LiveWeights(_places(self._model, models))
        self._ahead = MergingAhead(self._materializer, self._live) if config.ahead else None
        self.tokens = TokenCount()
        self.lm = CountingHFLM(self._model, tokenizer, config, self.tokens)

    def adopt(self, config: WorkerConfig) -> None:
        """See :meth:`Engine.adopt`."""
        if self._ahead is not None:
            self._ahead.close()
        self._materializer = Materializer(_open(config), shared=SharedState(beat))
        self._ahead = MergingAhead(self._materializer, self._live) if config.ahead else None
        if config.base != self._config.base:
            self._live.at_base.clear()
        self._config = config

    def prepare(self, recipe: Recipe) -> None:
        """See :meth:`Engine.prepare`."""
        self._materializer.prepare(recipe)

    def merge_ahead(self, recipe: Recipe) -> None:
        """See :meth:`Engine.merge_ahead`."""
        if self._ahead is not None:
            self._ahead.begin(recipe)

    @torch.no_grad()
    def write(self, recipe: Recipe) -> Mapping[str, float]:
        """See :meth:`Engine.write`."""
        start = time.perf_counter()
        if self._ahead is None:
            self._materializer.write(recipe, self._live)
        else:
            self._ahead.write(recipe)
        return {"apply": time.perf_counter() - start}

    def describe(self) -> dict[str, Any]:
        """See :meth:`Engine.describe`."""
        return {
            "engine": "transformers",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": "cpu" if self._config.on_cpu else torch.cuda.get_device_name(),
            "dtype": self._config.dtype,
            "max_model_len": self.lm.max_length,
            "threads": torch.get_num_threads(),
        }

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        if self._ahead is not None:
            self._ahead.close()
        del self._model, self._live, self._materializer, self._ahead, self.lm
        gc.collect()


class CountingHFLM(HFLM):  # type: ignore[misc]
    """lm-eval's transformers backend around a model that is already in memory, with tokens counted."""

    def __init__(self, model: Any, tokenizer: Any, config: WorkerConfig, tokens: TokenCount) -> None:
        """Take the loaded model, its tokenizer, and where read and written tokens are counted."""
        super().__init__(
            pretrained=model,
            tokenizer=tokenizer,
            batch_size=BATCH_SIZE,
            max_length=config.max_model_len,
            # In bf16 the log-probabilities themselves would be rounded to three digits.
            softmax_dtype="float32",
        )
        self._token_count = tokens
        model.register_forward_pre_hook(lambda *_: tokens.step())

    def _loglikelihood_tokens(self, requests: Sequence[Any], *arguments: Any, **kwargs: Any) -> Any:
        self._token_count.prompt += sum(len(context) + len(answer) for _, context, answer in requests)
        return super()._loglikelihood_tokens(requests, *arguments, **kwargs)

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **kwargs: Any) -> Any:
        output = super()._model_generate(context, max_length, stop, **kwargs)
        written = output[:, context.shape[1] :]
        self._token_count.prompt += int(kwargs["attention_mask"].sum())
        self._token_count.generated += int((written != self.tokenizer.pad_token_id).sum())
        return output


def _open(config: WorkerConfig) -> ModelSet:
    return with_depth(ModelSet.open(config.base, config.experts, vocabulary=config.vocabulary), config.depth)


def _load(path: Path, config: WorkerConfig) -> Any:
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            path, dtype=getattr(torch, config.dtype), use_safetensors=True
        )
    except Exception as error:
        raise EngineError(f"transformers cannot load {config.base.path}: {type(error).__name__}: {error}") from error
    return model.eval().to("cpu" if config.on_cpu else "cuda")


def _places(model: Any, models: ModelSet) -> dict[str, tuple[Place, ...]]:
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    places: dict[str, tuple[Place, ...]] = {}
    for name in models.tensor_names():
        shape = models.tensor_info(name).shape
        if name not in tensors or tensors[name].shape != shape:
            raise EngineError(
                f"transformers {transformers.__version__} keeps the checkpoint tensor {name} in another "
                "layout, so it cannot be written in place: use engine: vllm"
            )
        places[name] = (Place(tensors[name].detach(), 0, shape, torch.empty(shape, device="meta").stride()),)
    missing = {name for name, _ in model.named_parameters()} - set(places)
    if missing:
        raise EngineError(f"the checkpoint has no tensor for {len(missing)} parameters, first {min(missing)}")
    return places
