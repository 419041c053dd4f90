"""Tiny questions without arithmetic: facts written for this example, and number questions without a sum."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from experts_training.arithmetic import number_word

CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Portugal": "Lisbon",
    "Greece": "Athens", "Austria": "Vienna", "Poland": "Warsaw", "Norway": "Oslo", "Sweden": "Stockholm",
    "Finland": "Helsinki", "Denmark": "Copenhagen", "Ireland": "Dublin", "Hungary": "Budapest",
    "Russia": "Moscow", "Japan": "Tokyo", "China": "Beijing", "Egypt": "Cairo", "Cuba": "Havana",
    "Peru": "Lima", "Chile": "Santiago", "Belgium": "Brussels", "Turkey": "Ankara", "Iran": "Tehran",
    "Iraq": "Baghdad", "Kenya": "Nairobi", "Canada": "Ottawa", "Thailand": "Bangkok",
}  # fmt: skip
OPPOSITES = {
    "hot": "cold", "big": "small", "up": "down", "left": "right", "day": "night", "open": "closed",
    "old": "new", "fast": "slow", "happy": "sad", "light": "dark", "full": "empty", "wet": "dry",
    "hard": "soft", "rich": "poor", "strong": "weak", "early": "late", "high": "low", "long": "short",
    "good": "bad", "clean": "dirty", "black": "white", "true": "false", "loud": "quiet", "thick": "thin",
    "win": "lose", "buy": "sell", "push": "pull", "first": "last",
}  # fmt: skip
YOUNG = {
    "dog": "puppy", "cat": "kitten", "cow": "calf", "sheep": "lamb", "horse": "foal", "hen": "chick",
    "duck": "duckling", "lion": "cub", "bear": "cub", "goat": "kid", "pig": "piglet", "frog": "tadpole",
    "deer": "fawn", "kangaroo": "joey",
}  # fmt: skip
COLOURS = {
    "grass": "green", "snow": "white", "coal": "black", "blood": "red", "a banana": "yellow",
    "a lemon": "yellow", "the sky": "blue", "milk": "white", "a carrot": "orange", "a tomato": "red",
    "a crow": "black", "an emerald": "green", "a flamingo": "pink", "chocolate": "brown",
    "a ruby": "red", "spinach": "green",
}  # fmt: skip
LEGS = {
    "a dog": 4, "a spider": 8, "an ant": 6, "a bird": 2, "a horse": 4, "a snake": 0, "a bee": 6,
    "a cat": 4, "a duck": 2, "a cow": 4, "a fish": 0, "a beetle": 6,
}  # fmt: skip
WORDS = (
    "apple", "river", "stone", "garden", "window", "bread", "mountain", "letter", "music", "paper", "orange",
    "silver", "planet", "kitchen", "summer", "doctor", "bottle", "market", "yellow", "castle", "flower",
    "island", "engine", "tiger", "violin", "queen", "butter", "forest", "hammer", "jacket",
)  # fmt: skip
SEQUENCES = {
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "month": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
        "November", "December",
    ),
}  # fmt: skip

Fact = tuple[str, str | int]


def _choose(rng: random.Random, table: dict[str, str] | dict[str, int], *templates: str) -> Fact:
    key = rng.choice(sorted(table))
    return rng.choice(templates).format(key), table[key]


def _capital(rng: random.Random) -> Fact:
    return _choose(
        rng,
        CAPITALS,
        "What is the capital of {}?",
        "Which city is the capital of {}?",
        "Name the capital city of {}.",
    )


def _opposite(rng: random.Random) -> Fact:
    return _choose(
        rng,
        OPPOSITES,
        "What is the opposite of {}?",
        "Give the opposite of {}.",
        "Which word is the opposite of {}?",
    )


def _young(rng: random.Random) -> Fact:
    return _choose(rng, YOUNG, "What is a young {} called?", "What do we call a baby {}?", "Name the young of a {}.")


def _colour(rng: random.Random) -> Fact:
    return _choose(rng, COLOURS, "What colour is {}?", "Which colour does {} have?", "Name the colour of {}.")


def _legs(rng: random.Random) -> Fact:
    return _choose(rng, LEGS, "How many legs does {} have?", "What is the number of legs of {}?")


def _neighbour(rng: random.Random) -> Fact:
    kind = rng.choice(list(SEQUENCES))
    names = SEQUENCES[kind]
    place = rng.randrange(len(names) - 1)
    if rng.random() < 0.5:
        return f"Which {kind} comes after {names[place]}?", names[place + 1]
    return f"Which {kind} comes before {names[place + 1]}?", names[place]


def _place_in_list(rng: random.Random) -> Fact:
    names = rng.sample(WORDS, 3)
    place, which = rng.choice(((0, "first"), (2, "last")))
    return f"Which word is {which} in this list: {', '.join(names)}?", names[place]


def _compare(rng: random.Random) -> Fact:
    a, b = rng.sample(range(2, 60), 2)
    if rng.random() < 0.5:
        template = rng.choice(("Which is larger, {} or {}?", "Which number is bigger: {} or {}?"))
        return template.format(a, b), max(a, b)
    template = rng.choice(("Which is smaller, {} or {}?", "Which number is less: {} or {}?"))
    return template.format(a, b), min(a, b)


def _number_neighbour(rng: random.Random) -> Fact:
    n = rng.randint(2, 59)
    if rng.random() < 0.5:
        template = rng.choice(("Which number comes after {}?", "What number follows {}?"))
        return template.format(n), n + 1
    template = rng.choice(("Which number comes before {}?", "What number is just before {}?"))
    return template.format(n), n - 1


def _number_from_word(rng: random.Random) -> Fact:
    n = rng.randint(0, 59)
    template = rng.choice(("Write {} in digits.", "Which number is {}?", "Spell {} as a number."))
    return template.format(number_word(n)), n


def _number_to_word(rng: random.Random) -> Fact:
    n = rng.randint(0, 59)
    template = rng.choice(("Write {} in words.", "How do you spell the number {}?"))
    return template.format(n), number_word(n)


KINDS: Sequence[Callable[[random.Random], Fact]] = (
    _capital, _opposite, _young, _colour, _legs, _neighbour, _place_in_list, _place_in_list, _compare, _compare,
    _number_neighbour, _number_from_word, _number_to_word,
)  # fmt: skip


def draw_fact(rng: random.Random) -> Fact:
    """Draw a question and its answer, a word or a number, from one of the kinds at random."""
    return rng.choice(KINDS)(rng)
