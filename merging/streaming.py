"""One merge, planned tensor by tensor and carried out once: read, merge, hand on, forget."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.loops import Flat
from merging.operators import Operator
from merging.operators.base import MergeInputs, Options, Prepared, TensorInputs, Values
from merging.parts import Part
from merging.sources import TensorRef
from merging.states import wants_all_cores
from merging.task_vectors import check_finite, stored_deltas
from merging.threads import AHEAD_BYTES, Threads

# Results that may wait for the writer, in sizes of the largest.
_BEHIND = 4


@dataclass(frozen=True)
class TensorJob:
    """One output tensor and everything that it is made from.

    Args:
        name: in the output.
        base: what task vectors are measured from, and what is copied where nothing is merged.
        experts: in the operator's order.
        models: names of the experts, unique.
        options: of the operator.
        values: coefficients, per model in the order of the experts.
        dtype: of the output.
        merged: whether the operator acts on it; integers and rotary buffers are copied.
    """

    name: str
    base: TensorRef
    experts: tuple[TensorRef, ...]
    models: tuple[str, ...]
    options: Options
    values: Values
    dtype: torch.dtype
    merged: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self.base.info.shape

    @property
    def nbytes(self) -> int:
        """Size of the output in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def group(self) -> _Group:
        """What a survey covers: tensors of the same experts under the same options."""
        return self.models, tuple(sorted(self.options.items()))


_Group = tuple[tuple[str, ...], tuple[tuple[str, bool | str | int | float], ...]]


@dataclass(frozen=True)
class Plan:
    """A whole merge.

    Args:
        operator: the merge method.
        jobs: one per output tensor, by name.
        num_blocks: decoder blocks of the output.
        config: ``config.json`` of the output.
        seed: of random streams.
    """

    operator: Operator
    jobs: tuple[TensorJob, ...]
    num_blocks: int
    config: Mapping[str, Any]
    seed: int = 0

    def tensors(self, only: Sequence[str] | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield output tensors in order, computed in fp32 and rounded once.

        As many tensors as torch has threads are in work at once; the peak of memory is the largest of them
        in fp32 times the number of models and threads, and results that wait, at most 4 of the largest and 256 MiB.
        Statistics of the whole model are taken first.

        Args:
            only: names of the tensors wanted; None means all.

        Raises:
            Infeasible: a merged value is not finite in its dtype, or the operator refuses the coefficients.
        """
        jobs = [job for job in self.jobs if only is None or job.name in only]
        wanted = {job.group for job in jobs if job.merged}
        surveys = {group: self.operator.survey(self._inputs(group), dict(group[1])) for group in wanted}

        def prepared(job: TensorJob) -> Prepared | None:
            if not job.merged:
                return None
            inputs = self.inputs(job)
            return Prepared(inputs, job.options, self.operator.prepare(inputs, job.options, surveys[job.group]))

        def run(item: tuple[TensorJob, Prepared | None]) -> tuple[str, Tensor]:
            job, ready = item
            return job.name, job.base.load() if ready is None else self._merged(job, ready)

        threads = Threads()
        if wants_all_cores(self.operator):
            yield from threads.map(run, ((job, prepared(job)) for job in jobs))
        else:
            # What waits behind an embedding takes little beside what merging one does.
            ahead = min(AHEAD_BYTES, _BEHIND * max((job.nbytes for job in jobs), default=0))
            yield from threads.map(lambda job: run((job, prepared(job))), jobs, lambda job: job.nbytes, ahead)

    def inputs(self, job: TensorJob) -> TensorInputs:
        """Read what one tensor is merged from."""
        base = job.base.load()
        return TensorInputs(
            job.name,
            base,
            job.models,
            self._task_vectors(job, base),
            self.seed,
            tuple(expert.factors(job.base) for expert in job.experts) if self.operator.needs_factors else (),
            job.values,
            self.config,
        )

    def _task_vectors(self, job: TensorJob, base: Tensor) -> Sequence[Tensor | None]:
        if self.operator.by_span:
            stored = stored_deltas(base, [expert.load() for expert in job.experts], job.models, job.name)
            if stored is not None:
                return stored
        deltas = tuple(expert.delta(base, job.base) for expert in job.experts)
        for delta, model in zip(deltas, job.models, strict=True):
            if delta is not None:
                check_finite(delta.reshape(-1), model, job.name)
        return deltas

    def _inputs(self, group: _Group) -> MergeInputs:
        jobs = {job.name: job for job in self.jobs if job.merged and job.group == group}
        return MergeInputs(
            tuple(sorted(jobs)),
            group[0],
            self.num_blocks,
            lambda name: self.inputs(jobs[name]),
            self.seed,
            once=True,
            sizes={name: math.prod(job.shape) for name, job in jobs.items()},
        )

    def _merged(self, job: TensorJob, prepared: Prepared) -> Tensor:
        base = prepared.inputs.base
        try:
            kernel = self.operator.kernel(prepared, job.values)
            if kernel is None and base.dtype == job.dtype:
                return base
            merged = torch.empty(base.shape, dtype=job.dtype)
            for work in Part(slice(0, base.numel()), kernel, prepared.inputs.flat).bind(Flat(merged.view(-1))):
                work()
        except Infeasible as error:
            raise Infeasible(f"{job.name} ({self.operator.name}): {error}") from error
        return merged
