"""Sign election and disjoint merge, the second half of TIES (2306.01708), on sparsified task vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from merging.loops import Flat
from merging.operators.base import Kernel, Option, Options, TensorInputs
from merging.operators.fills import Fill, Uniform
from merging.operators.kernels import ElectionKernel, LoopKernel, spliced

_TINY = torch.finfo(torch.float32).tiny


ELECTION_OPTIONS = (
    Option(
        "elect_on",
        "raw",
        ("raw", "weighted"),
        "Elect each sign on the plain task vectors (the paper) or on the weighted ones.",
    ),
    Option(
        "consensus",
        "sum",
        ("sum", "count"),
        "Elect the sign of the sum (the paper), or the sign that most experts have.",
    ),
    Option(
        "on_draw",
        "base",
        ("base", "positive"),
        "Where the election is a draw: keep the base value (sign 0 agrees with nobody), or elect plus.",
    ),
    Option(
        "normalize",
        True,
        (True, False),
        "Divide by the weights of the experts that agree (a mean), or only sum.",
    ),
    Option(
        "divisor",
        "absolute",
        ("absolute", "signed"),
        "Divide by the sum of absolute weights, or of signed ones (1 where that is zero), which negative weights "
        "can bring close to zero.",
    ),
)
ELECTION_OF_MERGEKIT: Options = {
    "elect_on": "weighted",
    "consensus": "sum",
    "on_draw": "positive",
    "divisor": "signed",
}


@dataclass(frozen=True)
class Elector:
    """One expert in an election.

    Args:
        fill: writes its sparsified task vector, without ``factor``.
        weight: not zero.
        factor: rescales the task vector; positive.
    """

    fill: Fill
    weight: float
    factor: float = 1.0


@dataclass(frozen=True)
class Election:
    """The rules, see ``ELECTION_OPTIONS``; ``least`` is the smallest divisor of a mean."""

    weighted: bool = False
    count: bool = False
    draw_is_plus: bool = False
    mean: bool = True
    signed: bool = False
    least: float = _TINY

    @classmethod
    def of(cls, options: Options) -> Election:
        """Read the rules from an operator's options."""
        return cls(
            weighted=options["elect_on"] == "weighted",
            count=options["consensus"] == "count",
            draw_is_plus=options["on_draw"] == "positive",
            mean=bool(options["normalize"]),
            signed=options["divisor"] == "signed",
        )


def consensus_kernel(
    inputs: TensorInputs, electors: Sequence[Elector], scale: float, election: Election
) -> Kernel | None:
    """Return the kernel of ``base + scale * disjoint merge``; None where nothing is merged.

    Each element elects a sign; the merge takes the values that agree with it. Experts of weight zero have
    no vote.
    """
    if not electors or scale == 0.0:
        return None
    ballots = _Ballots.of(electors, election)
    scale *= ballots.scale
    fills = [one.fill for one in electors]
    loop = spliced(fills, lambda uniform: _loop(inputs.flat, uniform, ballots, scale))
    if loop is not None:
        return loop
    base = inputs.flat.tensor

    def kernel(span: slice, out: Tensor) -> None:
        # As few buffers as possible, because they have to stay in the cache together.
        buffers = torch.empty(len(electors) + 1, out.numel())
        sign, *vectors = buffers.unbind()
        # All vectors at once where possible: fewer calls for threads to wait for each other's turn.
        stacked = buffers[1:]
        ballots.fill(span, vectors)
        ballots.elect(vectors, sign, scratch=out)
        stacked.mul_(sign).clamp_min_(0.0)
        _combine(vectors, ballots.shares, out)
        out.mul_(sign)
        if election.mean:
            stacked.sign_()
            divisor = ballots.divisor(vectors, scratch=sign)
            torch.addcdiv(sign.copy_(base[span]), out, divisor, value=scale, out=out)
        else:
            torch.add(sign.copy_(base[span]), out, alpha=scale, out=out)

    return kernel


def _loop(base: Flat, fills: Uniform, ballots: _Ballots, scale: float) -> LoopKernel:
    rules, signed = ballots.election, min(ballots.parts) < 0.0
    factors = [(first, second) for first, second, *_ in ((*one, 1.0, 1.0) for one in ballots.scalings)]
    least = (1.0 if signed else rules.least) / ballots.unit
    return ElectionKernel(
        base, fills, factors, ballots.votes, ballots.shares, ballots.parts, scale, least,
        rules.count, rules.draw_is_plus, rules.mean, signed,
    )  # fmt: skip


@dataclass(frozen=True)
class _Ballots:
    """The numbers of one election, relative to the largest: equal ones become 1 and cost no multiplication.

    Args:
        electors: who takes part.
        election: the rules.
        scalings: what each elector's vector is multiplied by before all else, one by one.
        votes: factors of the vectors in the election.
        shares: factors of what agrees in the merge.
        parts: what an elector that agrees adds to the divisor.
        unit: the largest weight, which ``parts`` are relative to.
        scale: what the merge has to be multiplied by for all that.
    """

    electors: Sequence[Elector]
    election: Election
    scalings: Sequence[Sequence[float]]
    votes: Sequence[float]
    shares: Sequence[float]
    parts: Sequence[float]
    unit: float
    scale: float

    @classmethod
    def of(cls, electors: Sequence[Elector], election: Election) -> _Ballots:
        unit = max(abs(one.weight) for one in electors)
        parts = [(one.weight if election.signed else abs(one.weight)) / unit for one in electors]
        if election.weighted:
            # Two products, each rounded, as mergekit's: whether weighted values cancel depends on their last bits.
            scalings = [[factor for factor in (one.factor, one.weight) if factor != 1.0] for one in electors]
            ones = [1.0] * len(electors)
            return cls(electors, election, scalings, ones, ones, parts, unit, 1.0 / unit if election.mean else 1.0)
        factor = max(one.factor for one in electors)
        votes = [one.factor / factor for one in electors]
        shares = [vote * one.weight / unit for vote, one in zip(votes, electors, strict=True)]
        scale = factor if election.mean else factor * unit
        return cls(electors, election, [()] * len(electors), votes, shares, parts, unit, scale)

    def fill(self, span: slice, vectors: Sequence[Tensor]) -> None:
        """Write the vectors that vote."""
        for elector, scaling, vector in zip(self.electors, self.scalings, vectors, strict=True):
            elector.fill(span, vector)
            for factor in scaling:
                vector.mul_(factor)

    def elect(self, vectors: Sequence[Tensor], out: Tensor, scratch: Tensor) -> None:
        """Write the elected signs."""
        if self.election.count:
            out.zero_()
            for vector in vectors:
                out.add_(torch.sign(vector, out=scratch))
        else:
            _combine(vectors, self.votes, out)
        if self.election.draw_is_plus:
            out.ge_(0.0).mul_(2.0).sub_(1.0)
        else:
            out.sign_()

    def divisor(self, agreeing: Sequence[Tensor], scratch: Tensor) -> Tensor:
        """Return the divisors, in place of the first vector; ``agreeing`` are 1 where an elector agrees, else 0."""
        out = agreeing[0]
        _combine(agreeing, self.parts, out)
        if min(self.parts) < 0.0:
            return out.add_(scratch.copy_(out).eq_(0.0), alpha=1.0 / self.unit)
        # Where nobody agrees the numerator is zero too; any divisor leaves it zero.
        return out.clamp_min_(self.election.least / self.unit)


def _combine(vectors: Sequence[Tensor], factors: Sequence[float], out: Tensor) -> None:
    """Write the linear combination of some vectors; ``out`` may be the first of them."""
    rest = list(zip(vectors, factors, strict=True))
    first, factor = rest.pop(0)
    if factor == 1.0 and rest:
        second, alpha = rest.pop(0)
        torch.add(first, second, alpha=alpha, out=out)
    else:
        torch.mul(first, factor, out=out)
    for vector, alpha in rest:
        out.add_(vector, alpha=alpha)
