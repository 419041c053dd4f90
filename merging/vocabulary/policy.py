"""What a user decides about the vocabulary of a merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evomerge.errors import RecipeError, nearest

BASE, UNION, ZERO, NONE = "base", "union", "zero", "none"
MODEL = "model:"


@dataclass(frozen=True)
class TokenRule:
    """Whose row stands for one token.

    Args:
        source: ``base``, ``model:<name>``, or ``zero`` for a row of zeros.
        token: the token of that model whose row is taken; None takes the token itself.
        token_id: the row itself, instead of ``token``.
        force: every model takes that row, also one that has the token.

    Raises:
        RecipeError: the parts contradict each other.
    """

    source: str
    token: str | None = None
    token_id: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        """Check what needs no model."""
        if self.source not in (BASE, ZERO) and not self.source.startswith(MODEL):
            raise RecipeError(
                "tokenizer.tokens", f"found source {self.source!r}", "write base, model:<name of an expert> or zero"
            )
        if self.token is not None and self.token_id is not None:
            raise RecipeError("tokenizer.tokens", "both token and token_id are given", "keep one of them")
        if self.source == ZERO and (self.token is not None or self.token_id is not None):
            raise RecipeError("tokenizer.tokens", "a row of zeros is no model's token", "remove token and token_id")


@dataclass(frozen=True)
class VocabularyPolicy:
    """Which vocabulary a merge has, and which row stands for a token in a model that lacks it.

    Args:
        source: ``base`` and ``model:<name>`` take the tokenizer and the ids of that model; ``union`` takes
            those of the base and appends what the experts have beyond it.
        tokens: token -> whose row stands for it. A token that the vocabulary lacks is added as a special one.
        pad_to_multiple_of: rounds the number of rows up; None leaves it.
        chat_template: ``base``, ``model:<name>``, path of a Jinja file, or ``none``; None is that of the
            model whose tokenizer is taken.

    Raises:
        RecipeError: a field is outside its range.
    """

    source: str = BASE
    tokens: Mapping[str, TokenRule] = field(default_factory=dict)
    pad_to_multiple_of: int | None = None
    chat_template: str | None = None

    def __post_init__(self) -> None:
        """Check what needs no model."""
        if self.source not in (BASE, UNION) and not self.source.startswith(MODEL):
            raise RecipeError(
                "tokenizer.source", f"found {self.source!r}", "write base, union or model:<name of an expert>"
            )
        if self.pad_to_multiple_of is not None and self.pad_to_multiple_of < 1:
            raise RecipeError("tokenizer.pad_to_multiple_of", f"found {self.pad_to_multiple_of}", "write 1 or more")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> VocabularyPolicy:
        """Read what ``dataclasses.asdict`` made of a policy.

        Raises:
            RecipeError: a field is outside its range.
        """
        return cls(**{**data, "tokens": {token: TokenRule(**rule) for token, rule in data.get("tokens", {}).items()}})


def model_named(source: str, base: str, experts: Iterable[str], where: str) -> str:
    """Return the name of the model that ``base``, ``union`` or ``model:<name>`` says.

    Raises:
        RecipeError: no model has this name.
    """
    if source in (BASE, UNION):
        return base
    name, known = source.removeprefix(MODEL), (base, *experts)
    if name not in known:
        raise RecipeError(where, f"no model is named {name!r}", nearest(name, known))
    return name
