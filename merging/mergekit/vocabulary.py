"""Tokenizer and chat template of a merge, as a mergekit configuration asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from evomerge.errors import RecipeError
from merging.chat_templates import TEMPLATES
from merging.mergekit.references import Reference
from merging.mergekit.tokens import TokenizerSpec, TokenRule
from merging.sources import Source
from merging.vocabulary.files import template_of
from merging.vocabulary.plan import plan_vocabulary
from merging.vocabulary.policy import BASE, MODEL, UNION, ZERO, VocabularyPolicy
from merging.vocabulary.policy import TokenRule as PolicyRule
from merging.vocabulary.rows import Member, OutputVocabulary


def output_vocabulary(spec: TokenizerSpec, sources: Mapping[Reference, Source], base: Reference) -> OutputVocabulary:
    """Decide where every row of embedding and head comes from.

    Args:
        spec: what the configuration says.
        sources: every model that it names, opened.
        base: the model whose rows stand where another has none.

    Raises:
        ModelError: a model has no tokenizer that can be read.
        RecipeError: a token or model does not exist.
    """
    policy = VocabularyPolicy(
        source=_source(spec, sources),
        tokens={rule.token: _rule(spec, rule, sources) for rule in spec.tokens},
        pad_to_multiple_of=spec.pad_to_multiple_of,
    )
    members = {reference: _member(source) for reference, source in sources.items()}
    own = members.pop(base)
    return plan_vocabulary(policy, own, list(members.values()))


def chosen_template(text: str, where: str, sources: Sequence[Source]) -> str | None:
    """Return the chat template that ``chat_template`` stands for; None where ``auto`` finds none.

    Args:
        text: ``auto`` for the one that most of the models have, a name, or the template itself.
        where: file and line, for errors.
        sources: the merged models, the base first.

    Raises:
        RecipeError: neither a known name nor a template.
    """
    if text == "auto":
        found = [template_of(f"model {one.label}", Path(one.models.base.path)) for one in sources]
        counts = Counter(template.strip() for template in found if template)
        return counts.most_common(1)[0][0] if counts else None
    if text in TEMPLATES:
        return TEMPLATES[text]
    if "{" not in text:
        raise RecipeError(
            where,
            f"{text!r} is no chat template that is known here",
            f"write auto, one of {', '.join(TEMPLATES)}, or the Jinja text itself",
        )
    return text


def _source(spec: TokenizerSpec, sources: Mapping[Reference, Source]) -> str:
    if spec.source == "union":
        return UNION
    if spec.source == "base":
        return BASE
    return MODEL + sources[spec.source].label


def _rule(spec: TokenizerSpec, rule: TokenRule, sources: Mapping[Reference, Source]) -> PolicyRule:
    if rule.source is None:
        raise spec.node.error(f"the token {rule.token!r} has no source", "name the model whose row stands for it")
    source = ZERO if rule.source == "zero" else MODEL + sources[rule.source].label
    text = rule.of_token if isinstance(rule.of_token, str) else None
    number = rule.of_token if isinstance(rule.of_token, int) else None
    return PolicyRule(source, text, number, rule.force)


def _member(source: Source) -> Member:
    return Member(source.label, f"model {source.label}", Path(source.models.base.path), source.rows)
