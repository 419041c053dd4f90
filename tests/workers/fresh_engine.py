"""What a plain vLLM answers: no extension, weights loaded from disk. Run as a script, one process per call."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def raw_answers(llm: Any, prompts: list[list[int]]) -> list[Any]:
    """Greedy tokens of every prompt, the log-probability of each, and those of the prompt's own tokens."""
    from vllm import SamplingParams

    inputs = [{"prompt_token_ids": prompt} for prompt in prompts]
    greedy = SamplingParams(temperature=0.0, max_tokens=12, logprobs=0)
    forced = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0)
    answers = []
    generated = llm.generate(inputs, greedy, use_tqdm=False)
    read = llm.generate(inputs, forced, use_tqdm=False)
    for prompt, written, scored in zip(prompts, generated, read, strict=True):
        tokens = list(written.outputs[0].token_ids)
        own = [row[t].logprob for t, row in zip(tokens, written.outputs[0].logprobs, strict=True)]
        given = [row[t].logprob for t, row in zip(prompt[1:], scored.prompt_logprobs[1:], strict=True)]
        answers.append([tokens, own, given])
    return answers


def main(request: Path, response: Path) -> None:
    job = json.loads(request.read_text())
    os.environ.update(job["environment"])
    from vllm import LLM
    from vllm.distributed import cleanup_dist_env_and_memory

    answers = []
    for checkpoint in job["checkpoints"]:
        llm = LLM(model=checkpoint, **job["engine"])
        answers.append(raw_answers(llm, job["prompts"]))
        llm.llm_engine.engine_core.shutdown()
        del llm
        cleanup_dist_env_and_memory()
    response.write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
