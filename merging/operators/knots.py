"""KnOTS: merging the task vectors of adapters in the singular basis that they share (2410.19735)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from merging.operators.arithmetic import normalized, weighted_sum
from merging.operators.base import (
    LAMBDA,
    WEIGHT_DOC,
    Factors,
    Kernel,
    MergeInputs,
    Operator,
    Option,
    Options,
    Parameter,
    Prepared,
    TensorInputs,
    Values,
)
from merging.operators.dare import DareTies
from merging.operators.ties import Ties
from merging.threads import Threads

_RULES: dict[str, Operator] = {"ties": Ties(), "dare_ties": DareTies()}


@dataclass(frozen=True)
class Shared:
    """Task vectors of one (out, in) weight in the basis of their common column space: ``delta_i = basis @ parts_i``.

    Args:
        basis: fp64, (out, k).
        parts: one per expert, fp64, (k, in); None where the expert does not change the weight.
    """

    basis: Tensor
    parts: tuple[Tensor | None, ...]


@dataclass(frozen=True)
class _Represented:
    """A tensor in shared bases: one basis per weight in it, and all parts of an expert on top of one another."""

    bases: tuple[Tensor, ...]
    inner: Prepared


@dataclass(frozen=True)
class _Decomposed:
    """fp32 bases of a tensor's weights, and the parts on top of one another as a tensor of their own."""

    bases: tuple[Tensor, ...]
    parts: TensorInputs


@dataclass(frozen=True)
class _Survey:
    """The inner rule's survey, and the decompositions that are small."""

    inner: Any
    held: Mapping[str, _Decomposed]


class Knots(Operator):
    """Concatenate the task vectors along their inputs, decompose, and merge the parts that each expert owns.

    The singular value decomposition of ``[delta_1 ... delta_N]`` gives all experts one left basis ``U``; what
    differs is ``S V_i^T``, which is merged by another rule. The pruning and the signs of that rule then act on
    directions that mean the same in every expert. A linear rule commutes with the basis, so ``mean`` is the
    plain weighted mean. The inner TIES and DARE-TIES see the parts of all layers as one model, tied to
    ``weight``, ``density`` and ``lambda`` as usual.

    Works from the factors of LoRA experts where all experts of a tensor have them, on any other linear weight
    with a dense decomposition. Everything else (norm gains, biases, embeddings) takes the weighted mean or,
    with ``rest`` set to ``base``, stays the base's.
    """

    name = "knots"
    summary = "Aligns the experts' changes in one singular basis and merges them there."
    paper = "2410.19735"
    needs_factors = True
    linear_flag = "NL"
    cost = "spectral"
    seeded = True
    parameters = (
        Parameter("weight", "model", True, 1.0, 0.0, 1.0, WEIGHT_DOC),
        Parameter(
            "density", "model", True, 0.2, 0.05, 1.0,
            "Fraction of an expert's part that the inner rule keeps; the mean keeps all.", domain="positive_unit",
            coding="logit",
        ),
        LAMBDA,
    )  # fmt: skip
    options = (
        Option("rule", "ties", ("mean", "ties", "dare_ties"), "How the aligned parts are merged."),
        Option(
            "space",
            "v",
            ("v", "sv"),
            "Merge the right singular vectors (the paper) or those times the singular values (its code).",
        ),
        Option(
            "relative_cut",
            1e-6,
            None,
            "Singular values up to this share of the largest are left out.",
        ),
        Option(
            "threshold_scope",
            "global",
            ("global", "tensor"),
            "Trim over the parts of all layers together or of each tensor by itself.",
        ),
        Option("rest", "mean", ("mean", "base"), "What becomes of tensors that are no linear weights."),
    )

    def survey(self, inputs: MergeInputs, options: Options) -> Any:
        """Decompose the layers of adapters, and run the inner rule's survey over the parts of all layers."""
        rule = _RULES.get(str(options["rule"]))
        if rule is None:
            return None

        def small(name: str) -> tuple[str, _Decomposed | None]:
            tensor = inputs.load(name)
            return name, _decomposed(tensor, options) if _has_factors(tensor) else None

        # Parts of adapters are as small as the adapters; those of checkpoints would fill the memory. And LAPACK on
        # several threads is many times slower than on one for matrices as narrow as an adapter's.
        held = {name: found for name, found in Threads().map(small, inputs.names) if found is not None}

        def load(name: str) -> TensorInputs:
            return held[name].parts if name in held else _decomposed(inputs.load(name), options).parts

        return _Survey(rule.survey(replace(inputs, load=load), _inner_options(rule, options)), held)

    def prepare(self, tensor: TensorInputs, options: Options, survey: Any) -> Any:
        """Decompose one tensor and prepare the inner rule on its parts; None where the rule does not apply."""
        rule = _RULES.get(str(options["rule"]))
        if rule is None:
            return None
        found = survey.held.get(tensor.name) or _decomposed(tensor, options)
        if not found.bases:
            return None
        inner_options = _inner_options(rule, options)
        data = rule.prepare(found.parts, inner_options, survey.inner)
        return _Represented(found.bases, Prepared(found.parts, inner_options, data))

    def binds_late(self, options: Options) -> bool:
        """Say yes: the change is a product of the basis."""
        return True

    def kernel(self, prepared: Prepared, values: Values) -> Kernel | None:
        """Merge the parts and go back through the basis; see :meth:`Operator.kernel`."""
        tensor, options = prepared.inputs, prepared.options
        if prepared.data is None:
            if options["rest"] == "base" and not _decomposes(tensor):
                return None
            scale = values.merge["lambda"]
            return weighted_sum(tensor, 1.0, [scale * weight for weight in normalized(values.model["weight"])])
        parts = _RULES[str(options["rule"])].apply(prepared.data.inner, values)
        if not torch.count_nonzero(parts):
            return None
        bases = prepared.data.bases
        pieces = torch.split(parts, [basis.shape[1] for basis in bases])
        delta = tensor.layout.fuse([basis @ piece for basis, piece in zip(bases, pieces, strict=True)])
        return weighted_sum(tensor, 1.0, (1.0,), (delta.contiguous(),))


def shared(changes: Sequence[Tensor | Factors | None], space: str, relative_cut: float) -> Shared:
    """Decompose the task vectors of one weight in fp64.

    Args:
        changes: one per expert, dense (out, in) or factors, at least one that is not None; all of one kind.
        space: ``sv`` puts the singular values into the parts, ``v`` into the basis.
        relative_cut: singular values up to this share of the largest are left out.
    """
    present = [index for index, change in enumerate(changes) if change is not None]
    left, cores = _aligned([change for change in changes if change is not None])
    u, s, vh = torch.linalg.svd(torch.cat(cores, dim=1), full_matrices=False)
    kept = max(1, int((s > relative_cut * s[0]).sum()))
    u, s, vh = u[:, :kept], s[:kept], vh[:kept]
    if left is not None:
        u = left @ u
    if space == "sv":
        vh = s.unsqueeze(1) * vh
    else:
        u = u * s
    found = dict(zip(present, torch.split(vh, [core.shape[1] for core in cores], dim=1), strict=True))
    return Shared(u, tuple(found.get(index) for index in range(len(changes))))


def _aligned(changes: Sequence[Tensor | Factors]) -> tuple[Tensor | None, list[Tensor]]:
    """Return an orthonormal basis of the columns (None: the identity) and every change in it."""
    factors = [change for change in changes if isinstance(change, Factors)]
    if not factors:
        return None, [change.double() for change in changes if isinstance(change, Tensor)]
    left, right = torch.linalg.qr(torch.cat([one.b.double() for one in factors], dim=1))
    pieces = torch.split(right, [one.b.shape[1] for one in factors], dim=1)
    return left, [piece @ one.a.double() for piece, one in zip(pieces, factors, strict=True)]


def _decomposed(tensor: TensorInputs, options: Options) -> _Decomposed:
    """Decompose every weight in a tensor; no bases and no elements where there is nothing to decompose."""
    found = []
    if _decomposes(tensor):
        cut = float(options["relative_cut"])
        found = [shared(changes, str(options["space"]), cut) for changes in _weights(tensor)]
    parts: list[Tensor | None] = []
    for index in range(len(tensor.models)):
        pieces = [part for one in found if (part := one.parts[index]) is not None]
        parts.append(torch.cat(pieces).float() if pieces else None)
    shape = next((part.shape for part in parts if part is not None), torch.Size((0, 0)))
    bases = tuple(one.basis.float() for one in found)
    return _Decomposed(bases, replace(tensor, base=torch.zeros(shape), deltas=tuple(parts), factors=()))


def _decomposes(tensor: TensorInputs) -> bool:
    changed = any(delta is not None for delta in tensor.deltas)
    return changed and (tensor.layout.role == "matrix" or _has_factors(tensor))


def _has_factors(tensor: TensorInputs) -> bool:
    """Return whether every change of the tensor is known as factors."""
    return bool(tensor.factors) and all(
        delta is None or factors is not None for delta, factors in zip(tensor.deltas, tensor.factors, strict=True)
    )


def _weights(tensor: TensorInputs) -> list[list[Tensor | Factors | None]]:
    """Return the changes of all experts, weight by weight of a fused tensor."""
    first = next(delta for delta in tensor.deltas if delta is not None)
    if _has_factors(tensor) and tensor.layout.split(first)[0] is first:
        return [list(tensor.factors)]
    split = [None if delta is None else tensor.layout.split(delta) for delta in tensor.deltas]
    return [[None if one is None else one[index] for one in split] for index in range(len(tensor.layout.labels))]


def _inner_options(rule: Operator, options: Options) -> Options:
    """Return the inner rule's options: its defaults, and what it shares with this operator."""
    return {option.name: options.get(option.name, option.default) for option in rule.options}
