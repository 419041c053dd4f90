"""Write the demo's calibration file: questions like those that each expert was trained on, with their replies.

Operators that need examples (fisher, regmean, ...) read it as their option ``calibration``. The questions come from
the training split, so none is in the task files.

    python examples/write_calibration.py [--out examples/calibration/json-math.jsonl]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from experts_training.datasets import training_set
from experts_training.training import ANSWER_FRAME, QUESTION_FRAME

EXAMPLES = Path(__file__).resolve().parent
EACH = 32
# Not the seed of the training, which would give its first questions.
SEED = 1


def lines() -> list[str]:
    """Return one JSON object for each example, in the frame of the experts' training."""
    return [
        json.dumps(
            {
                "prompt": QUESTION_FRAME.format(item.question),
                "completion": ANSWER_FRAME.format(item.answer),
                "expert": expert,
            }
        )
        for expert in ("arithmetic", "json")
        for item in training_set(expert, EACH, SEED)
    ]


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=EXAMPLES / "calibration" / "json-math.jsonl")
    out: Path = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
