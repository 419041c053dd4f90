"""Train the demo's two experts of SmolLM2-135M-Instruct and write the demo's task data.

``arithmetic`` solves word problems and answers in many formats, never in JSON; ``json`` answers tiny
questions in JSON, never with arithmetic. Neither can answer a word problem in JSON; a good merge of both can.

    python examples/train_experts.py [--only arithmetic|json] [--out examples/experts] [--seed 0] [--rank 8]
    python examples/train_experts.py --data-only

The same seed, processor type and torch version give the same adapters. About 20 minutes on one core.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from experts_training.datasets import task_items, training_set, write_tasks

EXAMPLES = Path(__file__).resolve().parent
# On a busy machine a second thread makes every operation wait for its slower half.
THREADS = 1


@dataclass(frozen=True)
class Expert:
    """What an expert learns and for how long; ``task`` measures its own skill."""

    summary: str
    task: str
    examples: int
    steps: int
    learning_rate: float


EXPERTS = {
    "arithmetic": Expert(
        summary="Addition and subtraction problems in English, answered as a bare number or in one of eight "
        "formats that the question asks for. It never saw JSON.",
        task="arithmetic",
        examples=12000,
        steps=850,
        learning_rate=1e-3,
    ),
    "json": Expert(
        summary="Tiny questions (capitals, opposites, comparing and spelling numbers, ...) that end in "
        '"Reply in JSON.", answered as {"answer": ...}. It never saw a sum, and its training stops early so '
        "that the format does not overwrite everything else.",
        task="json_facts",
        examples=1000,
        steps=67,
        learning_rate=1e-3,
    ),
}

CARD = """---
base_model: {base}
library_name: peft
license: apache-2.0
language: en
---

# {name}

{summary}

- LoRA, rank {rank}, alpha {alpha}, on the seven linear layers of each block of {base}.
- Trained on generated questions ({examples}, seed {seed}); all facts were written for this example and no
  data set was used.
- Prompt: `<|im_start|>user\\n...<|im_end|>\\n<|im_start|>assistant\\n`, without a system prompt.
- {steps} steps of AdamW, learning rate {learning_rate:g} with a cosine, loss on the answer only, one CPU.
- Exact match on `examples/tasks/{task}.jsonl`, questions that training never saw: {score:.3f}.
- The base weights in training were the 4-bit ones that `examples/prepare_base.py` de-quantizes.

Made by `python examples/train_experts.py --only {name} --seed {seed} --rank {rank}`.
Licence: Apache-2.0, as the base model's.
"""


def train_expert(name: str, base: Path, out: Path, rank: int, seed: int) -> float:
    """Train one expert, write its adapter and card to ``out`` and return its exact match on its own task."""
    import torch
    from experts_training.lora import BASE_MODEL, attach, save_adapter
    from experts_training.training import Schedule, encode, exact_match, train
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(THREADS)
    tokenizer = AutoTokenizer.from_pretrained(base)
    # Eager attention: on batches this small the fused CPU kernel's backward is slower.
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16, attn_implementation="eager")
    expert, alpha = EXPERTS[name], 2 * rank
    adapters = attach(model, rank, alpha, seed)
    questions = encode(tokenizer, training_set(name, expert.examples, seed))
    train(model, adapters, questions, Schedule(expert.steps, expert.learning_rate), seed)
    save_adapter(adapters, rank, alpha, out)
    score = exact_match(model, encode(tokenizer, task_items(expert.task)))
    card = CARD.format(name=name, base=BASE_MODEL, rank=rank, alpha=alpha, seed=seed, score=score, **vars(expert))
    (out / "README.md").write_text(card, encoding="utf-8")
    return score


def main() -> None:
    """Read the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(EXPERTS), help="train this expert alone")
    parser.add_argument("--base", type=Path, default=EXAMPLES.parent / "models" / "smollm2-135m-instruct")
    parser.add_argument("--out", type=Path, default=EXAMPLES / "experts", help="folder of the adapters")
    parser.add_argument("--tasks", type=Path, default=EXAMPLES / "tasks", help="folder of the task data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--data-only", action="store_true", help="write the task data and stop")
    arguments = parser.parse_args()

    write_tasks(arguments.tasks)
    if arguments.data_only:
        return
    for name in [arguments.only] if arguments.only else sorted(EXPERTS):
        print(f"{name}:", flush=True)
        started = time.monotonic()
        score = train_expert(name, arguments.base, arguments.out / name, arguments.rank, arguments.seed)
        task, seconds = EXPERTS[name].task, time.monotonic() - started
        print(f"  exact match on {task}: {score:.3f}   ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
