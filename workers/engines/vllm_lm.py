"""A vLLM engine as an lm-eval language model, with the semantics of lm-eval's own transformers backend."""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jinja2
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import (
    handle_stop_sequences,
    has_bos_prefix,
    normalize_gen_kwargs,
    postprocess_generated_text,
)
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from evomerge.errors import Infeasible, TaskError
from workers.engines.base import TokenCount
from workers.engines.lora_population import SharedEngine
from workers.engines.vllm_requests import Request, RequestLoop, Tokens

logger = logging.getLogger(__name__)

# The same as lm-eval's own backends.
DEFAULT_MAX_TOKENS = 256
# Prompts of a split, and for log-likelihoods each with its answers; 4 bytes for each of their tokens.
KEPT_TEXTS = 1 << 14
# One more than the greedy token, so that a tie between the two best tokens is seen.
TOP_TOKENS = 2

TokenRequest = tuple[tuple[str, str] | None, list[int], list[int]]


class VllmLM(TemplateLM):  # type: ignore[misc]
    """Answers lm-eval requests, all requests of a list in one batch that vLLM schedules.

    A generation request may carry an attribute ``decided``: called with a text that its answer is certain to begin
    with, it says whether the rest of the answer matters no more (see ``evals.decisions``). Such an answer ends there.

    Args:
        llm: a ``vllm.LLM`` whose engine core runs in this process.
        tokens: where read and written tokens are counted.

    Attributes:
        shared: lets several candidates be scored in the same batches.

    Every method that runs the model raises ``Infeasible`` when a log-probability is not finite, ``TaskError``
    when a request does not fit the engine and ``EngineError`` when vLLM fails.
    """

    def __init__(self, llm: Any, tokens: TokenCount) -> None:
        """Take the engine and its tokenizer."""
        super().__init__()
        self._llm = llm
        self.shared = SharedEngine(RequestLoop(llm, tokens).run, tokens)
        self._tokens = tokens
        self.tokenizer = llm.get_tokenizer()
        self.max_length: int = llm.llm_engine.model_config.max_model_len
        # Every candidate is asked the same, so texts become tokens once.
        self._encoded = lru_cache(KEPT_TEXTS)(self._encode)
        self._prefix = self.tokenizer.decode(self.prefix_token_id)
        self._eos = self.tokenizer.decode(self.eot_token_id)

    @property
    def eot_token_id(self) -> int:
        """Token that ends a text."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """Token that an empty context stands for: BOS, or EOS where the model has no BOS."""
        bos = self.tokenizer.bos_token_id
        return self.eot_token_id if bos is None else int(bos)

    @property
    def max_gen_toks(self) -> int:
        """Generated tokens where neither the task nor the caller sets a limit."""
        return DEFAULT_MAX_TOKENS

    @property
    def tokenizer_name(self) -> str:
        """Name that lm-eval fingerprints prompts with."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Token ids of a text; a text that already starts with BOS gets no second one."""
        if add_special_tokens is None and has_bos_prefix(string, self._prefix):
            add_special_tokens = False
        if add_special_tokens is not None:
            kwargs["add_special_tokens"] = add_special_tokens
        return list(self._encoded(string, **kwargs))

    def _encode(self, string: str, **kwargs: Any) -> array[int]:
        return array("I", self.tokenizer.encode(string, **kwargs))

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Render a conversation; a template that refuses a system message gets the others."""
        try:
            return self._render(chat_history, add_generation_prompt)
        except jinja2.TemplateError:
            logger.warning("the chat template refuses this conversation; trying it without system messages")
            others = [message for message in chat_history if message["role"] != "system"]
            return self._render(others, add_generation_prompt)

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Generated text of each ``(context, generation settings)`` request, cut at its stop strings."""
        asked, stops = [], []
        for request in requests:
            context, arguments = request.args
            options: dict[str, Any] = dict(normalize_gen_kwargs(arguments, self.max_gen_toks))
            stop = handle_stop_sequences(options.pop("until"), eos=self._eos)
            limit = options.pop("max_gen_toks")
            if not options.pop("do_sample"):
                options["temperature"] = 0.0
            if not 0 < limit < self.max_length:
                raise TaskError(
                    "max_tokens",
                    f"{limit} generated tokens do not fit a model length of {self.max_length}",
                    "lower the task's max_tokens or raise workers.max_model_len",
                )
            prompt = self.tok_encode(context)[-(self.max_length - limit) :]
            # Special tokens stay in the text that vLLM searches, so that stop strings may be special tokens.
            # The log-probability of each token costs 5 % and reveals NaN, which greedy decoding would hide.
            settings = _sampling(options, max_tokens=limit, stop=stop, skip_special_tokens=False, logprobs=0)
            asked.append(Request(prompt, settings, self._decides(getattr(request, "decided", None), stop)))
            stops.append(stop)
        texts = []
        for output, stop in zip(self.shared.run(asked), stops, strict=True):
            completion = output.outputs[0]
            self._tokens.generated += len(completion.token_ids)
            rows = zip(completion.token_ids, completion.logprobs, strict=True)
            self._check_finite(row[token].logprob for token, row in rows)
            texts.append(postprocess_generated_text(self._decode(completion.token_ids), stop, None))
        return texts

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-probability in nats of each whole text, in windows of the model's length."""
        windows: list[TokenRequest] = []
        owners: list[int] = []
        for owner, (text,) in enumerate(request.args for request in requests):
            rolling = get_rolling_token_windows(
                token_list=self.tok_encode(text),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length - 2,
                context_len=1,
            )
            for context, continuation in map(make_disjoint_window, rolling):
                windows.append((None, context, continuation))
                owners.append(owner)
        totals = [0.0] * len(requests)
        for owner, (logprob, _) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
            totals[owner] += logprob
        return totals

    def _loglikelihood_tokens(self, requests: list[TokenRequest], **kwargs: Any) -> list[tuple[float, bool]]:
        # vLLM always generates, so one position of its window is taken.
        window = self.max_length - 1
        settings = _sampling(
            {"temperature": 0.0, "detokenize": False, "flat_logprobs": True},
            max_tokens=1,
            prompt_logprobs=TOP_TOKENS,
        )
        # vLLM forbids it where log-probabilities of the prompt are wanted, but here they are wanted of its end only.
        settings.skip_reading_prefix_cache = False
        asked = []
        for _, context, continuation in requests:
            if not 0 < len(continuation) < window:
                raise TaskError(
                    "tasks",
                    f"an answer of {len(continuation)} tokens does not fit {self.max_length} in all",
                    "shorten the answers or raise workers.max_model_len",
                )
            asked.append(Request((context + continuation)[-window:], settings, scored=len(continuation)))
        scores = [
            _continuation_score(one.prompt[-one.scored :], output.prompt_logprobs)
            for one, output in zip(asked, self.shared.run(asked), strict=True)
        ]
        self._check_finite(total for total, _ in scores)
        return scores

    def _render(self, chat_history: list[dict[str, str]], add_generation_prompt: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                chat_history,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )

    def _decode(self, tokens: Tokens) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def _decides(self, decided: Callable[[str], bool] | None, stops: list[str]) -> Callable[[Tokens], bool] | None:
        """Put a test of an answer's beginning in terms of the tokens written so far."""
        # Such a tokenizer takes back spaces that it has written, so what is written is no beginning.
        if decided is None or getattr(self.tokenizer, "clean_up_tokenization_spaces", False):
            return None

        def decides(tokens: Tokens) -> bool:
            begun = certain_beginning(self._decode(tokens), stops)
            return begun is not None and decided(begun)

        return decides

    def _check_finite(self, logprobs: Iterable[float]) -> None:
        if not all(map(math.isfinite, logprobs)):
            # Attention kernels multiply the unused rest of a cache block by zero, which leaves NaN as NaN.
            self._llm.collective_rpc("clear_kv_cache")
            self._llm.reset_prefix_cache()
            raise Infeasible("the merged model gives log-probabilities that are not finite")


def certain_beginning(text: str, stops: Sequence[str]) -> str | None:
    """Return the part of a text being written that its answer begins with, whatever is written next.

    The end of the text is not certain where it may turn into a stop string, which is cut off, or where it stands for
    the first bytes of a letter. None where the text holds a stop string: it is about to end.
    """
    text = text.rstrip("\ufffd")
    if any(stop in text for stop in stops):
        return None
    held = [size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])]
    return text[: len(text) - max(held, default=0)]


def _sampling(options: dict[str, Any], **settings: Any) -> Any:
    from vllm import SamplingParams

    try:
        return SamplingParams(**options, **settings)
    except (TypeError, ValueError) as error:
        raise TaskError(
            "generation_kwargs",
            f"vLLM does not take {options}: {error}",
            "use vLLM's sampling parameters in the task's generation_kwargs",
        ) from error


def _continuation_score(continuation: list[int], rows: Any) -> tuple[float, bool]:
    """Sum the log-probabilities (nats) of a prompt's last tokens; tell whether all are greedy.

    Args:
        continuation: the tokens.
        rows: log-probabilities of the prompt's tokens; there may be none for cached ones at its beginning.
    """
    total, greedy = 0.0, True
    for position, token in enumerate(continuation, len(rows) - len(continuation)):
        row: Mapping[int, Any] = rows[position]
        total += row[token].logprob
        greedy = greedy and token == _greedy_token(row)
    return total, greedy


def _greedy_token(row: Mapping[int, Any]) -> int:
    # Logits in bf16 tie often; greedy decoding then takes the lowest token id.
    return min(row, key=lambda token: (-row[token].logprob, token))
