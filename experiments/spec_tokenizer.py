"""The part of the spec that says which vocabulary a merge has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from experiments.spec_base import TOKEN_SOURCE, VOCABULARY, Section, Text


class TokenSpec(Section):
    """Whose row stands for one token."""

    source: Annotated[str, StringConstraints(pattern=TOKEN_SOURCE)] = Field(
        description="Whose row stands for the token where a model lacks it: base, model:<short name> or zero."
    )
    token: Text | None = Field(default=None, description="That model's token; null = the token itself.")
    token_id: int | None = Field(default=None, ge=0, description="That model's row, instead of token.")
    force: bool = Field(default=False, description="Whether models that have the token take that row too.")


class TokenizerSpec(Section):
    """The vocabulary of the merge, where the models' tokenizers differ."""

    source: Annotated[str, StringConstraints(pattern=VOCABULARY)] = Field(
        default="base", description="Whose tokens and ids: base, model:<short name>, or union."
    )
    tokens: dict[Text, TokenSpec] = Field(
        default_factory=dict, description="Token -> whose row; a token that the vocabulary lacks is added."
    )
    pad_to_multiple_of: int | None = Field(default=None, ge=1, description="Rounds the number of rows up.")
    chat_template: Text | None = Field(
        default=None,
        description="base, model:<short name>, a Jinja file relative to the spec file, or none; null = with source.",
    )
