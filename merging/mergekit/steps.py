"""Several merges in one file: named intermediate results, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evomerge.errors import RecipeError
from merging.mergekit.config import MergeConfig
from merging.mergekit.references import Reference


def ordered(configs: Sequence[MergeConfig]) -> list[MergeConfig]:
    """Return the merges so that each comes after those it uses; the last one is the result of the file.

    The result is the document without a name, or else the one that no other document uses.

    Raises:
        RecipeError: two documents of one name, two results, or merges that use each other in a circle.
    """
    by_name: dict[str, MergeConfig] = {}
    for config in configs:
        if config.name is not None and config.name in by_name:
            raise config.node.error(f"two documents are named {config.name!r}", "give each its own name")
        if config.name is not None:
            by_name[config.name] = config
    result = _result(configs, by_name)
    done: list[MergeConfig] = []
    _visit(result, by_name, done, [])
    unused = [config for config in configs if config not in done]
    if unused:
        raise unused[0].node.error(
            f"the result does not use {unused[0].name!r}", "remove this document or name it as a model in another"
        )
    return done


def needs(config: MergeConfig, names: Mapping[str, object]) -> list[str]:
    """Return the names of other documents that a merge uses."""
    return [reference.path for reference in all_references(config) if reference.path in names]


def all_references(config: MergeConfig) -> tuple[Reference, ...]:
    """Return every model that a document names, also those that only the tokenizer comes from."""
    found = list(config.references())
    if config.tokenizer is not None:
        sources = [config.tokenizer.source, *(rule.source for rule in config.tokenizer.tokens)]
        found += [source for source in sources if isinstance(source, Reference)]
    return tuple(dict.fromkeys(found))


def _result(configs: Sequence[MergeConfig], by_name: Mapping[str, MergeConfig]) -> MergeConfig:
    unnamed = [config for config in configs if config.name is None]
    if len(unnamed) > 1:
        raise unnamed[1].node.error("two documents have no name, so both are the result", "name the intermediate one")
    if unnamed:
        return unnamed[0]
    used = {name for config in configs for name in needs(config, by_name)}
    free = [config for config in configs if config.name not in used]
    if len(free) != 1:
        file = configs[0].node.file
        found = ", ".join(str(config.name) for config in free) or "none"
        raise RecipeError(file, f"the result must be one document that no other uses, found {found}", "drop its name")
    return free[0]


def _visit(config: MergeConfig, by_name: Mapping[str, MergeConfig], done: list[MergeConfig], path: list[str]) -> None:
    for name in needs(config, by_name):
        if name in path or name == config.name:
            raise config.node.error(f"{name!r} uses itself, through {' and '.join(path) or name}", "break the circle")
        if by_name[name] not in done:
            _visit(by_name[name], by_name, done, [*path, name])
    done.append(config)
