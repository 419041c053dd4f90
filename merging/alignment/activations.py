"""What the neurons of two models answer to the same text, to compare them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from merging.alignment.matching import Model
from merging.alignment.transport import Features
from merging.calibration.data import Batch
from merging.calibration.model import LiveModel
from merging.calibration.options import Calibration, opened
from merging.layout import layout_of
from merging.operators.base import MergeInputs, Options
from merging.streams import philox


def activations(inputs: MergeInputs, options: Options, model: Model) -> Features:
    """Run both experts on the same examples and return the outputs of every weight at the same positions.

    ``samples`` of the options is the number of examples of each expert and, once more, of the positions that
    are kept of all tokens; memory is 8 bytes times positions times the outputs of every linear layer.

    Raises:
        RecipeError: there is no usable calibration data.
        ModelError: transformers cannot run the base.
    """
    calibration = Calibration.of(options, inputs.seed)
    examples = calibration.examples(inputs.models)
    live = LiveModel(opened(inputs), device=calibration.device)
    batches = calibration.batches([one for expert in inputs.models for one in examples[expert]], live.tokenizer)
    kept = [batch.attention_mask.bool() for batch in batches]
    total = sum(int(mask.sum()) for mask in kept)
    chosen = torch.zeros(total, dtype=torch.bool)
    chosen[torch.from_numpy(philox(inputs.seed, "activations").permutation(total)[: calibration.samples])] = True
    found: list[Mapping[str, Tensor]] = []
    for expert in inputs.models:
        live.write_expert(expert)
        found.append(_outputs(live, batches, kept, chosen, set(model.matrices)))

    def features(name: str, part: int, side: str) -> tuple[Tensor, Tensor]:
        if side == "columns":
            return found[0][name], found[1][name]
        layout = layout_of(name, tuple(inputs.load(name).base.shape), model.config)
        return layout.split(found[0][name])[part], layout.split(found[1][name])[part]

    return features


@torch.no_grad()
def _outputs(
    live: LiveModel, batches: list[Batch], kept: list[Tensor], chosen: Tensor, names: set[str]
) -> dict[str, Tensor]:
    """Return the outputs of the module of every weight at the chosen positions, shape (neurons, positions)."""
    collected: dict[str, list[Tensor]] = {}
    position: list[Tensor] = []

    def hook(name: str) -> Callable[[torch.nn.Module, object, Tensor], None]:
        def keep(module: torch.nn.Module, arguments: object, output: Tensor) -> None:
            collected.setdefault(name, []).append(output[position[0]].T.float().cpu())

        return keep

    modules = {f"{path}.weight": module for path, module in live.model.named_modules()}
    handles = [modules[name].register_forward_hook(hook(name)) for name in sorted(names) if _is_read(modules, name)]
    try:
        start = 0
        for batch, mask in zip(batches, kept, strict=True):
            count = int(mask.sum())
            here = torch.zeros_like(mask)
            here[mask] = chosen[start : start + count]
            start += count
            position[:] = [here]
            live.hidden(batch)
    finally:
        for handle in handles:
            handle.remove()
    return {name: torch.cat(parts, dim=1) for name, parts in collected.items()}


def _is_read(modules: Mapping[str, torch.nn.Module], name: str) -> bool:
    return isinstance(modules.get(name), torch.nn.Linear | torch.nn.Embedding)
