"""Surveys of operators that learn coefficients, on tiny models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.func import functional_call

from merging.calibration.coefficients import Learned
from merging.calibration.data import Batch
from merging.calibration.model import LiveModel
from merging.coefficients import filled_options
from merging.models import ModelRef, ModelSet
from merging.operators import get_operator
from merging.operators.base import MergeInputs, TensorInputs


def inputs_of(models: ModelSet, experts: tuple[str, ...], seed: int = 0) -> MergeInputs:
    """Return a merge's inputs, every tensor read when it is asked for."""

    def load(name: str) -> TensorInputs:
        deltas = tuple(models.delta(name, expert) for expert in experts)
        return TensorInputs(name, models.base_tensor(name), experts, deltas, seed, config=models.config)

    names = tuple(name for name in models.tensor_names() if models.is_merged(name))
    return MergeInputs(names, experts, models.num_blocks, load, seed, models)


def survey_of(method: str, models: ModelSet, experts: tuple[str, ...], data: Path, **options: Any) -> Learned:
    """Learn coefficients."""
    operator = get_operator(method)
    filled = filled_options(operator, {"calibration": str(data), **options})
    found = operator.survey(inputs_of(models, experts), filled)
    assert isinstance(found, Learned)
    return found


def with_experts(models: ModelSet, directory: Path, deltas: Mapping[str, Mapping[str, Tensor]]) -> ModelSet:
    """Write whole experts that are the base plus task vectors, in fp32, and open them with the same base."""
    base = Path(models.base.path)
    refs = []
    for name, changes in deltas.items():
        target = directory / name
        target.mkdir(parents=True)
        weights = {k: t.float() for k, t in load_file(base / "model.safetensors").items()}
        save_file(
            {k: (t + changes[k] if k in changes else t).contiguous() for k, t in weights.items()},
            target / "model.safetensors",
            {"format": "pt"},
        )
        (target / "config.json").write_bytes((base / "config.json").read_bytes())
        refs.append(ModelRef(name, str(target)))
    return ModelSet.open(models.base, refs)


def gradients(models: ModelSet, batch: Batch) -> dict[str, Tensor]:
    """Return the base's gradient of the mean loss on a batch."""
    live = LiveModel(models)
    live.require_gradients(live.names)
    loss, count = live.loss(batch)
    return {name: gradient.detach().clone() for name, gradient in live.gradients(loss / count).items()}


def along(vector: Tensor, base: Tensor, size: float) -> Tensor:
    """Return a change in the direction of a vector whose norm is a share of the base's."""
    norm = vector.norm()
    return vector * (size * base.float().norm() / norm) if norm > 0 else torch.zeros_like(vector)


class Reference:
    """A mixture in float64 whose weights are part of the graph, as the papers write it."""

    def __init__(self, models: ModelSet, experts: tuple[str, ...], names: Callable[[str], bool] = bool) -> None:
        """Hold every weight of every model; only named tensors are mixed."""
        self.live = LiveModel(models)
        self.model = self.live.model.double()
        self.tensors = [t for t in inputs_of(models, experts) if names(t.name)]
        self.paths = {id(parameter): path for path, parameter in self.model.named_parameters()}

    def __call__(self, coefficients: Tensor, batch: Batch, hidden: bool = False) -> Any:
        """Run with a matrix of coefficients, one row for each tensor."""
        weights = {}
        for tensor, row in zip(self.tensors, coefficients, strict=True):
            mixed = tensor.base.double()
            for delta, weight in zip(tensor.deltas, row, strict=True):
                if delta is not None:
                    mixed = mixed + weight * delta.double()
            weights[self.paths[id(self.live.parameter(tensor.name))]] = mixed
        return functional_call(
            self.model,
            weights,
            (batch.input_ids,),
            {"attention_mask": batch.attention_mask, "output_hidden_states": hidden},
        )

    def of_expert(self, models: ModelSet, expert: str, batch: Batch, hidden: bool = False) -> Any:
        """Run one expert."""
        weights = {}
        for tensor in inputs_of(models, (expert,)):
            (delta,) = tensor.deltas
            whole = tensor.base.double() if delta is None else tensor.base.double() + delta.double()
            weights[self.paths[id(self.live.parameter(tensor.name))]] = whole
        with torch.no_grad():
            return functional_call(
                self.model,
                weights,
                (batch.input_ids,),
                {"attention_mask": batch.attention_mask, "output_hidden_states": hidden},
            )

    def matrix(self, learned: Learned) -> Tensor:
        """Return learned coefficients in the order of the rows."""
        return torch.tensor([learned.tensors[t.name][0][1] for t in self.tensors], dtype=torch.float64)
