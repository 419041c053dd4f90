"""What splits share is found, whatever its case, commas and last words; what only sounds alike is not."""

from __future__ import annotations

import random

import pytest

from evals.contamination import ItemWords, Overlap, overlaps, words

STORY = "Anna buys three red apples and two green pears at the market near the old bridge on a sunny morning in May"


def split(*texts: str, task: str = "t") -> list[ItemWords]:
    return [ItemWords(task, f"{number:016x}", text) for number, text in enumerate(texts)]


def only(splits: dict[str, list[ItemWords]]) -> Overlap:
    (found,) = overlaps(splits)
    return found


def test_the_same_words_in_other_clothes_are_exact() -> None:
    found = only({"search": split(f"  {STORY.upper()}!?\n", "x"), "test": split(STORY, "something else entirely")})
    assert (found.items, found.exact, found.near) == (2, 1, 0)
    (twins,) = found.examples
    assert twins.similarity == 1.0 and twins.later.text == STORY
    # Full-width and composed signs are the same to a reader.
    assert words("\uff23\uff41fe\u0301 9") == words("caf\u00e9 \uff19")


def test_a_changed_end_is_near_and_changed_numbers_are_not() -> None:
    near = STORY.replace("May", "June")
    other = "Tom sells nine blue plums and six ripe figs at the harbour near the new tower on a rainy evening in March"
    found = only({"search": split("another text", STORY), "test": split(near, other)})
    assert (found.exact, found.near) == (0, 1)
    (twins,) = found.examples
    grams = [{tuple(words(text)[n : n + 3]) for n in range(len(words(text)) - 2)} for text in (STORY, near)]
    assert twins.similarity == pytest.approx(len(grams[0] & grams[1]) / len(grams[0] | grams[1]))
    assert (twins.earlier.text, twins.later.text) == (STORY, near)


def test_every_two_splits_and_all_tasks_are_compared() -> None:
    found = overlaps(
        {
            "search": split(STORY, task="a"),
            "selection": split("of its own"),
            "test": split(STORY, "of its own", task="b"),
        }
    )
    assert [(one.earlier, one.later, one.exact) for one in found] == [
        ("search", "selection", 0),
        ("search", "test", 1),
        ("selection", "test", 1),
    ]
    assert (found[1].examples[0].earlier.task, found[1].examples[0].later.task) == ("a", "b")


def test_short_texts_scripts_without_spaces_and_empty_splits() -> None:
    assert only({"search": split("2 + 2?"), "test": split("2+2", "2 + 3")}).exact == 1
    chinese = "北京是中华人民共和国的首都也是一座古老的城市"
    found = only({"search": split(chinese), "test": split(chinese + "吗", "上海是一座很大的城市")})
    assert (found.exact, found.near) == (0, 1)
    assert only({"search": [], "test": split(STORY)}).examples == ()
    assert only({"search": split(STORY), "test": []}).items == 0


def test_many_texts_agree_with_comparing_each_pair() -> None:
    rng = random.Random(0)
    pool = ["red", "blue", "cat", "dog", "runs", "sleeps", "far", "near"]

    def text() -> str:
        return " ".join(rng.choice(pool) for _ in range(rng.randint(9, 12)))

    def grams(text: str) -> set[tuple[str, ...]]:
        found = words(text)
        return {tuple(found[n : n + 3]) for n in range(len(found) - 2)}

    known = [text() for _ in range(200)]
    asked = [text() for _ in range(500)] + known[:20] + [f"{one} {rng.choice(pool)}" for one in known[20:60]]
    found = only({"search": split(*known), "test": split(*asked)})
    near = 0
    for one in (text for text in asked if text not in known):
        mine = grams(one)
        near += max(len(mine & grams(other)) / len(mine | grams(other)) for other in known) >= 0.8
    assert (found.exact, found.near) == (sum(one in known for one in asked), near)
    assert near > 20
