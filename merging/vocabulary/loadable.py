"""A directory from which an engine can load a model of the output's shape and with the output's tokenizer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from merging.checkpoints import INDEX
from merging.staging import write_json
from merging.vocabulary.files import write_tokenizer
from merging.weights import TensorSpec, write_weights

if TYPE_CHECKING:
    from merging.models import ModelSet

SHARD_BYTES = 5 * 10**9


@dataclass(frozen=True)
class LoadableBase:
    """A directory with weights, configuration and tokenizer; ``temporary`` says that it is no model of the user's."""

    path: Path
    temporary: bool

    def forget_weights(self) -> None:
        """Free the disk space of temporary weights once they are loaded; the other files stay."""
        if self.temporary:
            for file in self.path.glob("*.safetensors"):
                file.unlink()


@contextmanager
def loadable_base(models: ModelSet) -> Iterator[LoadableBase]:
    """Give the base as merges see it: its own directory, or a temporary one that exists until the block ends.

    The temporary one holds tokenizer and configuration of the output. Where rows or the number of blocks differ it
    also holds the weights, as large as the base itself; otherwise it links to the base's files.
    """
    if models.vocabulary is None and models.depth == models.num_blocks:
        yield LoadableBase(Path(models.base.path), temporary=False)
        return
    with tempfile.TemporaryDirectory(prefix="evomerge-base-") as name:
        directory = Path(name)
        write_json(directory / "config.json", models.config)
        write_tokenizer(models, directory)
        if models.depth != models.num_blocks or (models.vocabulary is not None and models.vocabulary.remaps):
            _write_weights(models, directory)
        else:
            _link_weights(models, directory)
        yield LoadableBase(directory, temporary=True)


def _write_weights(models: ModelSet, directory: Path) -> None:
    infos = {name: models.tensor_info(name) for name in models.tensor_names()}
    specs = {name: TensorSpec(info.shape, info.dtype) for name, info in infos.items()}
    write_weights(directory, specs, ((name, models.base_tensor(name)) for name in specs), SHARD_BYTES)


def _link_weights(models: ModelSet, directory: Path) -> None:
    files = models.weight_files()[models.base.name]
    for file in (*files, Path(models.base.path) / INDEX):
        if file.is_file():
            (directory / file.name).symlink_to(file.resolve())
