"""The base in transformers, its weights replaced in place by an expert's or a mixture's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from evomerge.errors import ModelError, RecipeError
from merging.calibration.data import IGNORED, Batch
from merging.names import block_index
from merging.vocabulary.loadable import loadable_base

if TYPE_CHECKING:
    from merging.models import ModelSet


class LiveModel:
    """A causal language model in fp32 that runs; its parameters are known by their checkpoint names.

    It starts as the base, in evaluation mode and without gradients. A head that is tied to the embedding is
    the same parameter: it has no name of its own, is written with the embedding, and its gradient is the sum
    over both uses.

    Args:
        models: whose base directory is loaded, safetensors only and without its own code.
        device: ``cpu`` or ``cuda``.

    Raises:
        ModelError: transformers cannot load the base, or its parameters are not the checkpoint's tensors.
        RecipeError: there is no such device.
    """

    def __init__(self, models: ModelSet, *, device: str = "cpu") -> None:
        """Load the base and match its parameters with the checkpoint."""
        if device == "cuda" and not torch.cuda.is_available():
            raise RecipeError("recipe.options.device", "this machine has no CUDA device", "use 'cpu'")
        self.models = models
        self.device = torch.device(device)
        self.model, self.tokenizer = _load(models)
        self.model.requires_grad_(False).eval().to(self.device)
        self._tensors = _matched(models, self.model)

    @property
    def names(self) -> tuple[str, ...]:
        """Checkpoint names of the tensors that can be set: all that operators merge, sorted."""
        return tuple(self._tensors)

    def parameter(self, name: str) -> Tensor:
        """Return the live fp32 tensor of a checkpoint name; writing to it changes the model."""
        return self._tensors[name]

    def write(self, name: str, tensor: Tensor) -> None:
        """Copy a value of any float type into a tensor."""
        with torch.no_grad():
            self._tensors[name].copy_(tensor)

    def write_base(self) -> None:
        """Make every tensor the base's."""
        for name in self._tensors:
            self.write(name, self.models.base_tensor(name))

    def write_expert(self, expert: str, names: Iterable[str] | None = None) -> None:
        """Make tensors (None: all) an expert's: base plus task vector in fp32."""
        for name in self._tensors if names is None else names:
            delta = self.models.delta(name, expert)
            base = self.models.base_tensor(name)
            self.write(name, base if delta is None else base.float() + delta)

    def require_gradients(self, names: Iterable[str]) -> None:
        """Track gradients of exactly these tensors; a buffer among them has none and stays as it is."""
        wanted = {id(self._tensors[name]) for name in names}
        for parameter in self.model.parameters():
            parameter.requires_grad_(id(parameter) in wanted)

    def logits(self, batch: Batch) -> Tensor:
        """Return fp32 next-token logits, shape (sequences, tokens, vocabulary), on the model's device."""
        batch = batch.to(self.device)
        output = self.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        logits: Tensor = output.logits
        return logits.float()

    def hidden(self, batch: Batch) -> Tensor:
        """Return the last hidden states, shape (sequences, tokens, width), without the work of the head."""
        batch = batch.to(self.device)
        output = self.model.base_model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        states: Tensor = output[0]
        return states

    def loss(self, batch: Batch) -> tuple[Tensor, int]:
        """Return the summed negative log-likelihood of the batch's labels and how many there are."""
        targets = batch.labels[:, 1:].to(self.device)
        logits = self.logits(batch)[:, :-1]
        total = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
        return total, int((targets != IGNORED).sum())

    def gradients(self, loss: Tensor) -> dict[str, Tensor]:
        """Return the gradient of a scalar by checkpoint name, of the tensors that track gradients and affect it."""
        tracked = {name: tensor for name, tensor in self._tensors.items() if tensor.requires_grad}
        found = torch.autograd.grad(loss, list(tracked.values()), allow_unused=True)
        return {name: gradient for name, gradient in zip(tracked, found, strict=True) if gradient is not None}

    def blocks(self) -> tuple[torch.nn.Module, ...]:
        """Return the decoder blocks in order.

        Raises:
            ModelError: the module tree does not show them.
        """
        found: dict[int, torch.nn.Module] = {}
        for path, module in self.model.named_modules():
            # The name of a block itself: it has an index only once something is appended to it.
            index = block_index(f"{path}.") if path.rpartition(".")[2].isdigit() else None
            if index is not None and index not in found:
                found[index] = module
        if sorted(found) != list(range(self.models.num_blocks)):
            raise ModelError(
                f"model {self.models.base.name}",
                f"transformers shows {len(found)} decoder blocks, the checkpoint has {self.models.num_blocks}",
                "use an operator or option that does not go block by block",
            )
        return tuple(found[index] for index in range(len(found)))


def _load(models: ModelSet) -> tuple[Any, Any]:
    import transformers

    safe = {"trust_remote_code": False, "local_files_only": True}
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        with loadable_base(models) as base:
            tokenizer = transformers.AutoTokenizer.from_pretrained(base.path, **safe)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                base.path, dtype=torch.float32, use_safetensors=True, **safe
            )
    except Exception as error:
        raise ModelError(
            f"model {models.base.name}",
            f"transformers cannot load {models.base.path} ({type(error).__name__}: {error})",
            "use an operator that needs no data, or a base that transformers supports, with its tokenizer",
        ) from error
    finally:
        if bars:
            transformers.utils.logging.enable_progress_bar()
    return model, tokenizer


def _matched(models: ModelSet, model: Any) -> dict[str, Tensor]:
    """Return the live tensor of every merged checkpoint name.

    Raises:
        ModelError: a name or shape has no partner on the other side.
    """
    live: Mapping[str, Tensor] = dict(model.named_parameters()) | dict(model.named_buffers())
    tensors: dict[str, Tensor] = {}
    for name in filter(models.is_merged, models.tensor_names()):
        # Some checkpoints were saved from the model without its head.
        tensor = live.get(name, live.get(f"{model.base_model_prefix}.{name}"))
        if tensor is None or tuple(tensor.shape) != models.tensor_info(name).shape:
            shape = models.tensor_info(name).shape
            found = "no such parameter" if tensor is None else f"shape {tuple(tensor.shape)}, not {shape},"
            raise _mismatch(models, f"the checkpoint's tensor {name} has {found} in transformers")
        tensors[name] = tensor
    covered = {id(tensor) for tensor in tensors.values()}
    if left := [name for name, parameter in model.named_parameters() if id(parameter) not in covered]:
        raise _mismatch(models, f"the checkpoint has no tensor {left[0]} ({len(left)} in all)")
    return tensors


def _mismatch(models: ModelSet, problem: str) -> ModelError:
    return ModelError(
        f"model {models.base.name}",
        f"{problem}, so calibration cannot set its weights",
        "use an operator that needs no data with this architecture",
    )
