"""Addition and subtraction problems in English, answered in several formats, none of them JSON."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

PRONOUNS = {
    "Tom": "he", "Ben": "he", "Omar": "he", "Paul": "he", "Leo": "he", "Sam": "he", "Max": "he",
    "Hugo": "he", "Anna": "she", "Lucy": "she", "Mia": "she", "Sara": "she", "Nina": "she",
    "Emma": "she", "Kate": "she", "Zoe": "she",
}  # fmt: skip
THINGS = (
    "apples", "books", "coins", "pens", "cards", "eggs", "stones", "shells", "cups", "balls", "stamps",
    "keys", "cookies", "flowers", "pears", "tickets", "buttons", "candles", "plates", "boxes",
)  # fmt: skip
ADDITION = (
    "{name} has {a} {things}. {He} gets {b} more. How many {things} does {he} have now?",
    "{name} has {a} {things}. {other} gives {b} {things} to {name}. How many {things} does {name} have now?",
    "{name} has {a} {things} and {other} has {b} {things}. How many {things} do they have together?",
    "There are {a} {things} on the table. {name} adds {b} more. How many {things} are on the table now?",
    "{name} found {a} {things} in the morning and {b} in the evening. How many {things} did {he} find?",
    "A bag holds {a} {things} and a basket holds {b}. How many {things} are there in all?",
)
SUBTRACTION = (
    "{name} has {a} {things}. {He} loses {b}. How many {things} does {he} have now?",
    "{name} has {a} {things}. {He} gives {b} {things} to {other}. How many {things} does {name} have now?",
    "{name} had {a} {things} and sold {b}. How many {things} does {he} have left?",
    "There are {a} {things} on the table. {name} takes {b}. How many {things} are left on the table?",
    "{name} needs {a} {things} and has {b}. How many more {things} does {he} need?",
    "A shop has {a} {things} and sells {b} of them. How many {things} are left?",
)
BARE = {
    "+": ("What is {a} + {b}?", "What is {a} plus {b}?", "Calculate {a} + {b}.", "Add {a} and {b}."),
    "-": ("What is {a} - {b}?", "What is {a} minus {b}?", "Calculate {a} - {b}.", "Take {b} from {a}."),
}
FORMATS = {
    " Answer in a sentence.": "The answer is {n}.",
    " Show the calculation.": "{a} {sign} {b} = {n}",
    " Put the answer in parentheses.": "({n})",
    " Put the answer in quotes.": '"{n}"',
    " Reply in XML.": "<result>{n}</result>",
    " Reply in bold.": "**{n}**",
    " Reply as a list.": "- {n}",
    " Begin with the word Total.": "Total: {n}",
}
JSON_SUFFIX = " Reply in JSON."

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number_word(n: int) -> str:
    """Spell a number from 0 to 99 in English."""
    if n < 20:
        return _UNITS[n]
    tens, unit = divmod(n, 10)
    return _TENS[tens] + (f"-{_UNITS[unit]}" if unit else "")


@dataclass(frozen=True)
class Problem:
    """A question without format instruction: ``first sign second = result``."""

    question: str
    first: int
    sign: str
    second: int

    @property
    def result(self) -> int:
        """The number asked for, between 2 and 40."""
        return self.first + self.second if self.sign == "+" else self.first - self.second

    def reply(self, suffix: str) -> str:
        """The reply that the format instruction ``suffix`` asks for; no suffix means the bare number."""
        if suffix == JSON_SUFFIX:
            return json.dumps({"answer": self.result})
        return FORMATS.get(suffix, "{n}").format(a=self.first, sign=self.sign, b=self.second, n=self.result)


def draw_problem(rng: random.Random) -> Problem:
    """Draw a problem: 30 % bare sums, otherwise stories; 35 % of a story's numbers are spelt out."""
    x, y = rng.randint(2, 20), rng.randint(2, 20)
    sign = rng.choice("+-")
    first = x if sign == "+" else x + y
    if rng.random() < 0.3:
        return Problem(rng.choice(BARE[sign]).format(a=first, b=y), first, sign, y)
    name, other = rng.sample(sorted(PRONOUNS), 2)
    written = [number_word(n) if rng.random() < 0.35 else str(n) for n in (first, y)]
    question = rng.choice(ADDITION if sign == "+" else SUBTRACTION).format(
        name=name,
        other=other,
        he=PRONOUNS[name],
        He=PRONOUNS[name].capitalize(),
        things=rng.choice(THINGS),
        a=written[0],
        b=written[1],
    )
    return Problem(question, first, sign, y)


def draw_suffix(rng: random.Random) -> str:
    """Draw a format instruction: none in 30 % of the cases, otherwise one of the formats, never JSON."""
    return "" if rng.random() < 0.3 else rng.choice(sorted(FORMATS))
