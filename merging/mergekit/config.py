"""Reading a mergekit configuration: every key is known or refused with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from merging.documents import Node, load_documents
from merging.mergekit.methods import METHODS, PARAMETERS, MethodSpec, check_names
from merging.mergekit.parameters import Settings, read_settings
from merging.mergekit.references import Reference, read_reference
from merging.mergekit.tokens import TokenizerSpec, read_tokenizer

Part = TypeVar("Part")

_KEYS = (
    "name", "merge_method", "base_model", "models", "slices", "modules", "parameters", "dtype", "out_dtype",
    "tokenizer_source", "tokenizer", "chat_template", "int8_mask", "random_seed",
)  # fmt: skip
DTYPES = ("bfloat16", "float16", "float32", "float64")


@dataclass(frozen=True)
class SourceSpec:
    """One model in a slice; ``layers`` is its half-open range of blocks, None for all."""

    model: Reference
    layers: tuple[int, int] | None
    parameters: Settings
    node: Node


@dataclass(frozen=True)
class SliceSpec:
    """A run of output blocks and the models it is merged from."""

    sources: tuple[SourceSpec, ...]
    base_model: Reference | None
    parameters: Settings
    node: Node


@dataclass(frozen=True)
class MergeConfig:
    """One document of a configuration file.

    Args:
        name: by which other documents refer to the result.
        method: the merge method.
        base_model: of the whole merge.
        slices: in output order; a configuration with ``models`` is one slice of whole models.
        module_parameters: of the one entry of ``modules``.
        parameters: of the whole merge.
        dtype, out_dtype: names of torch dtypes.
        tokenizer: None where nothing is said.
        chat_template: None where nothing is said.
        random_seed: None where nothing is said.
        notes: what was written and has no effect, or another than in mergekit.
        node: the document.
    """

    name: str | None
    method: MethodSpec
    base_model: Reference | None
    slices: tuple[SliceSpec, ...]
    module_parameters: Settings
    parameters: Settings
    dtype: str | None
    out_dtype: str | None
    tokenizer: TokenizerSpec | None
    chat_template: str | None
    random_seed: int | None
    notes: tuple[str, ...]
    node: Node

    def references(self) -> tuple[Reference, ...]:
        """Return every model that takes part, the base first, each once."""
        found = [] if self.base_model is None else [self.base_model]
        for one in self.slices:
            found += [source.model for source in one.sources]
        return tuple(dict.fromkeys(found))


def read_configs(text: str, file: str) -> list[MergeConfig]:
    """Read every document of a mergekit file.

    Raises:
        RecipeError: names file, line, key and fix.
    """
    return [_Reader(node).config() for node in load_documents(text, file)]


class _Reader:
    """Reads one document."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.fields = _fields(node, _KEYS, ("merge_method",))
        self.method = METHODS[self.fields["merge_method"].one_of(METHODS)]
        self.notes: list[str] = []
        self.module_parameters: Settings = {}

    def config(self) -> MergeConfig:
        fields = self.fields
        if "int8_mask" in fields:
            self._int8_mask(fields["int8_mask"])
        base = fields.get("base_model")
        name = fields.get("name")
        template = fields.get("chat_template")
        return MergeConfig(
            name=None if name is None else name.text(),
            method=self.method,
            base_model=None if base is None else read_reference(base),
            slices=self._content(),
            module_parameters=self.module_parameters,
            parameters=self._parameters(fields.get("parameters"), "merge"),
            dtype=_dtype(fields.get("dtype")),
            out_dtype=_dtype(fields.get("out_dtype")),
            tokenizer=read_tokenizer(fields.get("tokenizer_source"), fields.get("tokenizer")),
            chat_template=None if template is None else template.text(),
            random_seed=self._random_seed(),
            notes=tuple(dict.fromkeys(self.notes)),
            node=self.node,
        )

    def _random_seed(self) -> int | None:
        node = self.fields.get("random_seed")
        if node is None:
            return None
        self.notes.append(f"{node.where} is the seed here; mergekit takes its own from the command line only")
        return node.integer()

    def _content(self) -> tuple[SliceSpec, ...]:
        given = [key for key in ("models", "slices", "modules") if key in self.fields]
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            raise self.node.error(
                f"exactly one of models, slices and modules says what is merged, found {found}", "keep one"
            )
        node = self.fields[given[0]]
        return self._module(node) if given[0] == "modules" else self._slices(given[0], node)

    def _module(self, node: Node) -> tuple[SliceSpec, ...]:
        modules = node.entries()
        if len(modules) != 1:
            raise node.error(
                f"found {len(modules)} modules ({', '.join(modules)}), only models with one module can be merged",
                "merge the language model alone, as 'models:' or 'slices:'",
            )
        fields = next(iter(modules.values())).fields(("models", "slices", "parameters"))
        given = [key for key in ("models", "slices") if key in fields]
        if len(given) != 1:
            raise node.error("a module has either models or slices", "keep one of them")
        self.module_parameters = self._parameters(fields.get("parameters"), "module")
        return self._slices(given[0], fields[given[0]])

    def _slices(self, key: str, node: Node) -> tuple[SliceSpec, ...]:
        if key == "models":
            return (SliceSpec(self._each(node.items(), self._model), None, {}, node),)
        return self._each(node.items(), self._slice)

    def _each(self, nodes: Sequence[Node], read: Callable[[Node], Part]) -> tuple[Part, ...]:
        return tuple(read(node) for node in nodes)

    def _model(self, node: Node) -> SourceSpec:
        fields = _fields(node, ("model", "parameters"), ("model",))
        return SourceSpec(
            read_reference(fields["model"]), None, self._parameters(fields.get("parameters"), "model"), node
        )

    def _slice(self, node: Node) -> SliceSpec:
        fields = _fields(node, ("sources", "base_model", "parameters", "residual_weight"), ("sources",))
        if "residual_weight" in fields:
            self.notes.append(f"{fields['residual_weight'].where} has no effect, in mergekit neither")
        base = fields.get("base_model")
        return SliceSpec(
            self._each(fields["sources"].items(), self._source),
            None if base is None else read_reference(base),
            self._parameters(fields.get("parameters"), "slice"),
            node,
        )

    def _source(self, node: Node) -> SourceSpec:
        fields = _fields(node, ("model", "layer_range", "parameters"), ("model", "layer_range"))
        ends = [end.integer() for end in fields["layer_range"].items()]
        if len(ends) != 2 or not 0 <= ends[0] < ends[1]:
            raise fields["layer_range"].error(
                f"found {ends}, expected [first, last + 1]", "write two ascending block numbers, the second exclusive"
            )
        parameters = self._parameters(fields.get("parameters"), "model")
        return SourceSpec(read_reference(fields["model"]), (ends[0], ends[1]), parameters, node)

    def _parameters(self, node: Node | None, level: str) -> Settings:
        settings = read_settings(node)
        for name, setting in settings.items():
            if name == "int8_mask":
                self._int8_mask(setting.node)
        self.notes += check_names(self.method, settings, per_model=level == "model")
        return settings

    def _int8_mask(self, node: Node) -> None:
        self.notes.append(f"{node.where} only saves memory in mergekit; it has no effect here")


def _fields(node: Node, known: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Node]:
    """Read a mapping; parameters in the wrong place, which mergekit passes over, are refused by name."""
    for key, entry in node.entries().items():
        if key in PARAMETERS and key not in known:
            raise entry.error("is a parameter, and mergekit ignores it here", f"move it under 'parameters:' as {key}")
    return node.fields(known, required)


def _dtype(node: Node | None) -> str | None:
    if node is None:
        return None
    name = node.text().removeprefix("torch.")
    if name not in DTYPES:
        raise node.error(f"found {node.value!r}", f"use one of {', '.join(DTYPES)}")
    return name
