"""From a policy and the models' tokenizers to the rows of the output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from evomerge.errors import ModelError, RecipeError
from merging.vocabulary.policy import BASE, UNION, ZERO, TokenRule, VocabularyPolicy, model_named
from merging.vocabulary.rows import Fill, Member, OutputVocabulary
from merging.vocabulary.tokenizer import Tokenizer, has_tokenizer, read_tokenizer


def read_tokenizers(base: Member, experts: Sequence[Member]) -> dict[str, Tokenizer]:
    """Read the tokenizer of every model; an expert without one has the base's.

    Raises:
        ModelError: the base has none, one cannot be read, or two are of different kinds.
    """
    found = {base.name: read_tokenizer(base.label, base.directory)}
    for expert in experts:
        if not has_tokenizer(expert.directory):
            found[expert.name] = found[base.name]
            continue
        tokenizer = read_tokenizer(expert.label, expert.directory)
        if tokenizer.kind != found[base.name].kind:
            raise ModelError(
                expert.label,
                f"its tokenizer is {tokenizer.kind}, the base's is {found[base.name].kind}: "
                "the same string is another text in each, so their tokens have no partners",
                "use an expert whose tokenizer is of the base's kind",
            )
        # Equal token maps share one object, and with it one row map.
        known = next((one for one in found.values() if one.ids == tokenizer.ids), tokenizer)
        found[expert.name] = known
    return found


def plan_vocabulary(policy: VocabularyPolicy, base: Member, experts: Sequence[Member]) -> OutputVocabulary:
    """Decide where every output row comes from.

    Raises:
        ModelError: see :func:`read_tokenizers`.
        RecipeError: the policy names a model or token that does not exist.
    """
    return _Plan(policy, base, experts).result()


class _Plan:
    """Builds an :class:`OutputVocabulary`."""

    def __init__(self, policy: VocabularyPolicy, base: Member, experts: Sequence[Member]) -> None:
        self.policy = policy
        self.base = base.name
        self.experts = [expert.name for expert in experts]
        self.members = {member.name: member for member in (base, *experts)}
        self.rows = {name: member.rows for name, member in self.members.items()}
        self.tokenizers = read_tokenizers(base, experts)
        self.reference = model_named(policy.source, self.base, self.experts, "tokenizer.source")
        self.appended = self._appended()
        self.ids = {**self.tokenizers[self.reference].ids, **self.appended}
        needed = [self.ids[token] + 1 for token in (*self.appended, *policy.tokens)]
        size = max([self.rows[self.reference], *needed])
        multiple = policy.pad_to_multiple_of or 1
        self.size = -(-size // multiple) * multiple

    def result(self) -> OutputVocabulary:
        own = self._row_maps()
        fills, padding = self._fills(own) if own else ([], torch.tensor([], dtype=torch.long))
        forced, rules = self._rules(own) if own else ([], ())
        return OutputVocabulary(
            policy=self.policy,
            base=self.base,
            reference=self.reference,
            appended=self.appended,
            size=self.size,
            members=self.members,
            own=own,
            fills=(*fills, *forced),
            rules=rules,
            padding=padding,
        )

    def _row_maps(self) -> dict[str, Tensor]:
        keys = {name: (id(self.tokenizers[name]), self.rows[name]) for name in self.members}
        if len(set(keys.values())) == 1 and not self.policy.tokens and self.size == self.rows[self.base]:
            return {}
        shared: dict[tuple[int, int], Tensor] = {}
        for name, key in keys.items():
            if key not in shared:
                shared[key] = self._own(name)
        return {name: shared[key] for name, key in keys.items()}

    def _appended(self) -> dict[str, int]:
        """Return new tokens in the order of the experts and their ids, then those that only rules name."""
        known = self.tokenizers[self.reference].ids
        found: dict[str, None] = {}
        if self.policy.source == UNION:
            for expert in self.experts:
                ids = self.tokenizers[expert].ids
                held = (token for token in sorted(ids, key=ids.__getitem__) if ids[token] < self.rows[expert])
                found.update(dict.fromkeys(token for token in held if token not in known))
        found.update(dict.fromkeys(token for token in self.policy.tokens if token not in known))
        start = max(known.values(), default=-1) + 1
        return {token: start + place for place, token in enumerate(found)}

    def _own(self, model: str) -> Tensor:
        own = [-1] * self.size
        ids, rows = self.tokenizers[model].ids, self.rows[model]
        for token, index in self.ids.items():
            row = ids.get(token, rows)
            if index < self.size and row < rows:
                own[index] = row
        return torch.tensor(own)

    def _fills(self, own: Mapping[str, Tensor]) -> tuple[list[Fill], Tensor]:
        """Return where rows come from that the base lacks, and which are nobody's."""
        named = set(self.ids.values())
        sources: dict[tuple[str, ...], list[int]] = {}
        padding, untouched = [], []
        lookup = {name: own[name].tolist() for name in self.experts}
        for row in torch.nonzero(own[self.base] < 0).flatten().tolist():
            owners = tuple(name for name in self.experts if lookup[name][row] >= 0)
            if owners:
                sources.setdefault(owners, []).append(row)
            elif row not in named and row < self.rows[self.reference]:
                untouched.append(row)
            else:
                padding.append(row)
        fills = []
        for owners, found in sources.items():
            rows = torch.tensor(found)
            fills.append(Fill(rows, {name: own[name][rows] for name in owners}))
        if untouched:
            fills.append(Fill(torch.tensor(untouched), {self.reference: torch.tensor(untouched)}))
        return fills, torch.tensor(padding, dtype=torch.long)

    def _rules(self, own: Mapping[str, Tensor]) -> tuple[list[Fill], tuple[Fill, ...]]:
        """Return the rows of rules: in place of what the base has or lacks, and beside what it has."""
        of_base: list[Fill] = []
        of_experts: list[Fill] = []
        for token, rule in self.policy.tokens.items():
            index = self.ids[token]
            fill = Fill(torch.tensor([index]), self._source(token, rule))
            if rule.force:
                for rows in own.values():
                    rows[index] = -1
            (of_base if own[self.base][index] < 0 else of_experts).append(fill)
        return of_base, tuple(of_experts)

    def _source(self, token: str, rule: TokenRule) -> dict[str, Tensor]:
        if rule.source == ZERO:
            return {}
        where = f"tokenizer.tokens[{token!r}]"
        model = self.base if rule.source == BASE else model_named(rule.source, self.base, self.experts, where)
        wanted = token if rule.token is None else rule.token
        row = self.tokenizers[model].ids.get(wanted) if rule.token_id is None else rule.token_id
        if row is None or not 0 <= row < self.rows[model]:
            what = repr(wanted) if rule.token_id is None else f"id {rule.token_id}"
            raise RecipeError(where, f"{model} has no row for {what}", "name a token that this model has")
        return {model: torch.tensor([row])}
