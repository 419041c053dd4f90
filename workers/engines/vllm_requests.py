"""Requests to a vLLM engine: put in together, stepped until all are answered, ended early where they are decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from evomerge.errors import EngineError
from workers.engines.base import TokenCount

Tokens = Sequence[int]


@dataclass(frozen=True)
class Request:
    """One prompt and what is wanted for it.

    Args:
        prompt: token ids.
        settings: vLLM's ``SamplingParams``.
        decided: called with the token ids written so far; True ends the request, whose answer is then cut there.
        scored: tokens at the end of the prompt whose log-probabilities are wanted.
        adapter: vLLM's ``LoRARequest`` of who answers; None for the model itself.
    """

    prompt: list[int]
    settings: Any
    decided: Callable[[Tokens], bool] | None = None
    scored: int = 0
    adapter: Any = None


class RequestLoop:
    """Steps a vLLM engine until all of a list of requests are answered.

    Those that begin alike are sent one after the other, while the prefix cache still has what they share.

    In place of ``LLM.generate``, which says nothing before the last request has ended: every step is counted in
    ``tokens.steps``, so that a watchdog sees an engine that hangs, and a decided request frees its place at once.

    Args:
        llm: a ``vllm.LLM`` that nobody else sends requests to meanwhile.
        tokens: where steps and read tokens are counted.
    """

    def __init__(self, llm: Any, tokens: TokenCount) -> None:
        self._engine = llm.llm_engine
        self._tokens = tokens
        self._numbers = count()

    def run(self, requests: Sequence[Request]) -> list[Any]:
        """Return vLLM's ``RequestOutput`` of every request, in their order.

        Raises:
            EngineError: vLLM fails; it has forgotten the requests.
        """
        waiting: dict[str, int] = {}
        outputs: list[Any] = [None] * len(requests)
        try:
            for position in sorted(range(len(requests)), key=lambda position: _beginning(requests[position])):
                waiting[self._add(requests[position])] = position
            while self._engine.has_unfinished_requests():
                for output in self._engine.step():
                    position = waiting[output.request_id]
                    outputs[position] = output
                    if not self._is_over(output, requests[position]):
                        continue
                    del waiting[output.request_id]
                    if (uncached := _uncached(output, requests[position])) is not None:
                        waiting[self._add(uncached)] = position
                self._tokens.step()
        except Exception as error:
            self._engine.abort_request(list(waiting))
            raise EngineError(f"vLLM failed while scoring: {type(error).__name__}: {error}") from error
        self._tokens.prompt += sum(len(request.prompt) for request in requests)
        return outputs

    def _add(self, request: Request) -> str:
        from vllm.sampling_params import RequestOutputKind

        wanted = RequestOutputKind.FINAL_ONLY if request.decided is None else RequestOutputKind.CUMULATIVE
        request.settings.output_kind = wanted
        name = f"evomerge-{next(self._numbers)}"
        prompt = {"type": "token", "prompt_token_ids": request.prompt}
        self._engine.add_request(name, prompt, request.settings, lora_request=request.adapter)
        return name

    def _is_over(self, output: Any, request: Request) -> bool:
        if output.finished:
            return True
        if request.decided is None or not request.decided(output.outputs[0].token_ids):
            return False
        self._engine.abort_request([output.request_id])
        return True


def _beginning(request: Request) -> tuple[int, list[int]]:
    # Cached prefixes belong to an adapter.
    return 0 if request.adapter is None else request.adapter.lora_int_id, request.prompt


def _uncached(output: Any, request: Request) -> Request | None:
    """Return the request to be asked again without the prefix cache, where the cache held tokens that are scored.

    vLLM has no log-probability of a token whose predecessor it did not compute.
    """
    if output.num_cached_tokens < len(request.prompt) - request.scored:
        return None
    settings = request.settings.clone()
    settings.skip_reading_prefix_cache = True
    return replace(request, settings=settings)
