"""Score a checkpoint with a fresh engine on a split of a recorded experiment; one process per call.

    python score_checkpoint.py vllm|transformers CHECKPOINT SPEC SPLIT

Prints {task: {item: score}} as JSON on the last line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from evals.suite import TaskSuite
from experiments.spec import load_spec
from merging.models import ModelRef
from optimizer.sources import task_definitions
from workers.config import WorkerConfig


def main(engine: str, checkpoint: str, spec: str, split: str) -> None:
    loaded = load_spec(spec)
    if engine == "vllm":
        from workers.engines.vllm_engine import VllmEngine

        config = WorkerConfig(
            ModelRef("merged", checkpoint), (), (), engine="vllm", max_model_len=loaded.spec.workers.max_model_len
        )
        lm = VllmEngine(config).lm
    else:
        import torch
        from lm_eval.models.huggingface import HFLM
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16)
        lm = HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(checkpoint), batch_size=8)
    suite = TaskSuite.load(task_definitions(loaded.spec, Path(loaded.source_dir)))
    scores: dict[str, dict[str, float]] = {}
    for one in suite.score(lm, split):
        scores.setdefault(one.task, {})[one.item] = one.score
    print(json.dumps(scores))


if __name__ == "__main__":
    main(*sys.argv[1:])
