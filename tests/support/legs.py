"""Questions, answers of every kind that a small model is taught, and the references that they are scored against."""

from __future__ import annotations

from typing import Any

ANSWERS = {
    "river": "It has 1,200.00 legs.",
    "stone": "It has 8 or 9 legs.",
    "apple": "It has -7 legs.",
    "tiger": "It has no legs.",
    "cloud": '{"legs": 4}',
    "piano": '{"legs": "4"}',
    "candle": '{"legs": 4',
    "bridge": '```json\n{"legs": 4}\n```',
    "forest": "def legs(x): return x + 1",
    "mirror": "def legs(x): return x - 1",
    "ladder": "```python\ndef legs(x):\n    return 1 + x\n```",
    "harp": "import sys; sys.exit(0)",
}
"""Noun -> what the model says when it is asked about it."""
TOTALS = [1200, 8, -7, 0, 4, 4, 5, 4, 1, 2, 1, 0]


def rows() -> list[dict[str, Any]]:
    """One question for each noun, with the references of every kind of score."""
    return [
        {
            "noun": noun,
            "question": f"How many legs has the {noun}?",
            "total": total,
            "value": {"legs": 4},
            "letter": "legs" if number % 2 else "It",
            "side": number % 2,
        }
        for number, (noun, total) in enumerate(zip(ANSWERS, TOTALS, strict=True))
    ]
