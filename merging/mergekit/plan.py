"""From a mergekit configuration to a plan: which output tensor is made of which tensors, and how."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from evomerge.errors import RecipeError
from merging.depth import with_block
from merging.mergekit.config import MergeConfig, SliceSpec, SourceSpec
from merging.mergekit.references import Reference
from merging.mergekit.stack import stacked_config
from merging.mergekit.values import Compat, Input, Setup, settle
from merging.names import block_index, is_before_blocks, is_buffer, is_tower, is_vocabulary
from merging.operators import get_operator
from merging.sources import RemappedTensor, Source, StoredTensor, TensorRef
from merging.streaming import Plan, TensorJob
from merging.vocabulary.files import output_config
from merging.vocabulary.rows import OutputVocabulary

_DTYPES = {
    "bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32, "float64": torch.float64,
}  # fmt: skip


def plan_merge(
    config: MergeConfig,
    sources: Mapping[Reference, Source],
    *,
    vocabulary: OutputVocabulary | None = None,
    compat: Compat = "mergekit",
    seed: int = 0,
) -> Plan:
    """Plan a merge; no weights are read.

    Args:
        config: what to merge.
        sources: every model that the configuration names, opened.
        vocabulary: of the merge; None where all models have one.
        compat: whose defaults hold where the file says nothing: the tool's or the papers'.
        seed: of random draws.

    Raises:
        RecipeError: the configuration does not fit its method or these models.
    """
    check_one_architecture(config, sources)
    return _Planner(config, sources, vocabulary, compat).plan(seed)


@dataclass(frozen=True)
class _Slice:
    """One slice with what its models are: positions of the base and of the experts among the sources."""

    spec: SliceSpec
    sources: tuple[SourceSpec, ...]
    layers: tuple[tuple[int, int], ...]
    reference: int
    experts: tuple[int, ...]
    has_base: bool

    def __len__(self) -> int:
        return self.layers[0][1] - self.layers[0][0]


class _Planner:
    """Plans one merge."""

    def __init__(
        self,
        config: MergeConfig,
        sources: Mapping[Reference, Source],
        vocabulary: OutputVocabulary | None,
        compat: Compat,
    ) -> None:
        self.config = config
        self.sources = sources
        self.by_label = {source.label: source for source in sources.values()}
        self.vocabulary = vocabulary
        self.compat = compat
        self.operator = get_operator(config.method.operator)
        self.slices = [self._slice(spec) for spec in config.slices]
        self.donor = sources[config.references()[0]]

    def plan(self, seed: int) -> Plan:
        blocks = sum(map(len, self.slices))
        jobs = sorted(self._jobs(), key=lambda job: job.name)
        parts = [
            (self.sources[one.sources[one.reference].model].models.config, range(*one.layers[one.reference]))
            for one in self.slices
        ]
        config = stacked_config(self.donor.models.config, parts, self.config.node)
        if self.vocabulary is not None:
            config = output_config(config, self.vocabulary)
        sizes: Counter[torch.dtype] = Counter()
        for job in jobs:
            sizes[job.dtype] += math.prod(job.shape)
        dtype = str(sizes.most_common(1)[0][0]).removeprefix("torch.")
        config["torch_dtype" if "torch_dtype" in config else "dtype"] = dtype
        config.pop("_name_or_path", None)
        return Plan(self.operator, tuple(jobs), blocks, config, seed)

    def _slice(self, spec: SliceSpec) -> _Slice:
        """Apply the method's rules on inputs."""
        method, sources = self.config.method, spec.sources
        base = spec.base_model or self.config.base_model
        whole = sources[0].layers is None
        if whole and base is not None and base not in [source.model for source in sources]:
            sources = (*sources, SourceSpec(base, None, {}, spec.node))
        names = [source.model for source in sources]
        for position, source in enumerate(sources):
            if source.model in names[:position]:
                raise source.node.error(f"{source.model} is listed already", "list each model once per slice")
        at = names.index(base) if base in names else None
        if method.base == "required" and at is None:
            problem = "needs a base_model" if base is None else f"measures from {base}, which this slice lacks"
            raise spec.node.error(f"{method.name} {problem}", "set base_model to a model that takes part")
        if at is not None and method.base != "ignored" and not method.base_first:
            experts = tuple(i for i in range(len(names)) if i != at)
        elif at is not None and method.base_first:
            experts = (at, *(i for i in range(len(names)) if i != at))
        else:
            experts = tuple(range(len(names)))
        self._check_count(spec, len(experts))
        layers = tuple(self._layers(source) for source in sources)
        if len({stop - start for start, stop in layers}) > 1:
            raise spec.node.error(f"its models give {list(layers)}, runs of different lengths", "use equal lengths")
        return _Slice(spec, sources, layers, at or 0, experts, at is not None)

    def _check_count(self, spec: SliceSpec, count: int) -> None:
        method = self.config.method
        if count < method.least or (method.most is not None and count > method.most):
            beside = "" if method.base == "ignored" or method.base_first else " besides the base"
            wanted = f"{method.least} or more" if method.most is None else f"{method.least} to {method.most}"
            if method.most == method.least:
                wanted = f"exactly {method.least}"
            raise spec.node.error(
                f"{method.name} merges {wanted} models{beside}, found {count}", "change the models or the method"
            )

    def _layers(self, source: SourceSpec) -> tuple[int, int]:
        count = self.sources[source.model].models.num_blocks
        start, stop = source.layers or (0, count)
        if stop > count:
            raise source.node.error(
                f"layer_range ends at {stop}, {source.model} has {count} blocks", f"use at most {count}"
            )
        return start, stop

    def _jobs(self) -> Iterator[TensorJob]:
        for name in self.donor.models.tensor_names():
            if block_index(name) is None:
                one = self.slices[0 if is_before_blocks(name) else -1]
                yield self._job(one, name, [name] * len(one.sources), 0.0)
        out = 0
        for one in self.slices:
            start, stop = one.layers[one.reference]
            reference = self.sources[one.sources[one.reference].model]
            names: dict[int, list[str]] = {}
            for name in reference.models.tensor_names():
                block = block_index(name)
                if block is not None:
                    names.setdefault(block, []).append(name)
            for offset in range(stop - start):
                depth = offset / (len(one) - 1) if len(one) > 1 else 1.0
                for name in names[start + offset]:
                    stored = [with_block(name, layers[0] + offset) for layers in one.layers]
                    yield self._job(one, with_block(name, out), stored, depth)
                out += 1

    def _job(self, one: _Slice, name: str, names: Sequence[str], depth: float) -> TensorJob:
        refs = [self._ref(one, source, stored) for source, stored in zip(one.sources, names, strict=True)]
        base = refs[one.reference]
        merged = base.info.is_float and not is_buffer(name) and not is_tower(name)
        if merged:
            self._check_shapes(one, name, refs)
        scopes = (one.spec.parameters, self.config.module_parameters, self.config.parameters)
        inputs = [Input(refs[i].source.label, (one.sources[i].parameters, *scopes), names[i]) for i in one.experts]
        setup = Setup(self.config.method, self.operator, self.compat, one.has_base, one.spec.node)
        options, values = settle(setup, scopes, inputs, name, depth)
        asked = self.config.out_dtype or self.config.dtype
        dtype = _DTYPES[asked] if asked else _common([ref.info.dtype for ref in refs])
        return TensorJob(
            name,
            base,
            tuple(refs[i] for i in one.experts),
            tuple(refs[i].source.label for i in one.experts),
            options,
            values,
            dtype if merged else base.info.dtype,
            merged,
        )

    def _ref(self, one: _Slice, spec: SourceSpec, name: str) -> TensorRef:
        source = self.sources[spec.model]
        stored = source.stored(name)
        if stored is None:
            raise spec.node.error(f"{spec.model} has no tensor {name}", "merge models of one architecture only")
        if self.vocabulary is not None and self.vocabulary.remaps and is_vocabulary(name):
            return RemappedTensor(source, name, self.vocabulary, self.by_label)
        return StoredTensor(source, stored)

    def _check_shapes(self, one: _Slice, name: str, refs: Sequence[TensorRef]) -> None:
        wanted = refs[one.reference].info.shape
        for ref, spec in zip(refs, one.sources, strict=True):
            if ref.info.shape != wanted:
                vocabulary = is_before_blocks(name) or block_index(name) is None
                raise spec.node.error(
                    f"{ref.name} has shape {ref.info.shape} in {spec.model}, the others have {wanted}",
                    "set tokenizer_source to base or union"
                    if vocabulary
                    else "merge models of one architecture and size only",
                )


def _common(dtypes: Sequence[torch.dtype]) -> torch.dtype:
    common = dtypes[0]
    for dtype in dtypes[1:]:
        common = torch.promote_types(common, dtype)
    return common


def check_one_architecture(config: MergeConfig, sources: Mapping[Reference, Source]) -> None:
    """Check that all models are of one kind.

    Raises:
        RecipeError: their configurations differ in what weights mean.
    """
    references = config.references()
    first = sources[references[0]].models.config
    for reference in references[1:]:
        other = sources[reference].models.config
        for key in ("model_type", "architectures", "hidden_size", "num_attention_heads", "num_key_value_heads"):
            if first.get(key) != other.get(key):
                raise RecipeError(
                    config.node.file,
                    f"{reference} has {key} {other.get(key)!r}, {references[0]} has {first.get(key)!r}",
                    "merge models of one architecture and size only",
                )
