"""What a mergekit configuration says about the vocabulary of the merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merging.documents import Node
from merging.mergekit.references import Reference, read_reference


@dataclass(frozen=True)
class TokenRule:
    """Where the embedding of one token comes from.

    Args:
        token: the token's text.
        source: a model, ``zero``, or None for the usual rule.
        of_token: text or id of another token of ``source``, whose embedding is taken.
        force: the rule holds for models too that have the token.
    """

    token: str
    source: Reference | Literal["zero"] | None
    of_token: str | int | None
    force: bool


@dataclass(frozen=True)
class TokenizerSpec:
    """Which vocabulary the merge has."""

    source: Reference | Literal["union", "base"]
    tokens: tuple[TokenRule, ...]
    pad_to_multiple_of: int | None
    node: Node


def read_tokenizer(source: Node | None, tokenizer: Node | None) -> TokenizerSpec | None:
    """Read ``tokenizer_source`` or ``tokenizer``; None where neither is given.

    Raises:
        RecipeError: both are given, or one is not valid.
    """
    if source is not None and tokenizer is not None:
        raise tokenizer.error("tokenizer_source is given too", "keep one of them")
    if source is not None:
        return TokenizerSpec(_source(source), (), None, source)
    if tokenizer is None:
        return None
    fields = tokenizer.fields(("source", "tokens", "pad_to_multiple_of"))
    tokens = fields["tokens"].entries() if "tokens" in fields else {}
    multiple = fields["pad_to_multiple_of"].integer() if "pad_to_multiple_of" in fields else None
    if multiple is not None and multiple < 1:
        raise fields["pad_to_multiple_of"].wrong_type("a positive integer")
    return TokenizerSpec(
        _source(fields["source"]) if "source" in fields else "union",
        tuple(_rule(token, one) for token, one in tokens.items()),
        multiple,
        tokenizer,
    )


def _source(node: Node) -> Reference | Literal["union", "base"]:
    if node.value == "union":
        return "union"
    if node.value == "base":
        return "base"
    return read_reference(node)


def _rule(token: str, node: Node) -> TokenRule:
    fields = node.fields(("source", "force"))
    force = fields["force"].value if "force" in fields else False
    if not isinstance(force, bool):
        raise fields["force"].wrong_type("true or false")
    source = fields.get("source")
    if source is None:
        return TokenRule(token, None, None, force)
    kind = source.value.get("kind") if isinstance(source.value, dict) else None
    if kind is None:
        return TokenRule(token, read_reference(source), None, force)
    parts = source.fields(("kind", "model", "token", "token_id"))
    parts["kind"].one_of(("zero", "model_token"))
    if kind == "zero":
        return TokenRule(token, "zero", None, force)
    if "model" not in parts or ("token" in parts) == ("token_id" in parts):
        raise source.error("a model_token names a model and one token of it", "write model, and token or token_id")
    of_token = parts["token"].text() if "token" in parts else parts["token_id"].integer()
    return TokenRule(token, read_reference(parts["model"]), of_token, force)
