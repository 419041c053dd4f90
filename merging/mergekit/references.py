"""How a mergekit configuration names a model."""

from __future__ import annotations

from dataclasses import dataclass

from merging.documents import Node


@dataclass(frozen=True)
class Reference:
    """A model as a configuration names it: ``path[@revision][+adapter[@revision]]``."""

    path: str
    revision: str | None = None
    adapter: str | None = None
    adapter_revision: str | None = None

    def __str__(self) -> str:
        """Return the text form."""
        model = self.path if self.revision is None else f"{self.path}@{self.revision}"
        if self.adapter is None:
            return model
        revision = "" if self.adapter_revision is None else f"@{self.adapter_revision}"
        return f"{model}+{self.adapter}{revision}"


def read_reference(node: Node) -> Reference:
    """Read a model reference: its text form or mergekit's long form as a mapping.

    Raises:
        RecipeError: neither, or more than one adapter or revision.
    """
    if isinstance(node.value, dict):
        return _long_reference(node)
    parts = node.text().split("+")
    if len(parts) > 2 or not all(parts):
        raise node.error(f"found {node.value!r}", "write 'model' or 'model+adapter'")
    model, revision = _path(node, parts[0])
    adapter, adapter_revision = _path(node, parts[1]) if len(parts) == 2 else (None, None)
    return Reference(model, revision, adapter, adapter_revision)


def _long_reference(node: Node) -> Reference:
    fields = node.fields(("model", "lora", "override_architecture"), required=("model",))
    if "override_architecture" in fields:
        raise fields["override_architecture"].error(
            "the architecture is read from the model", "remove it, and correct config.json of the model"
        )
    model, revision = _long_path(fields["model"])
    adapter, adapter_revision = _long_path(fields["lora"]) if "lora" in fields else (None, None)
    return Reference(model, revision, adapter, adapter_revision)


def _long_path(node: Node) -> tuple[str, str | None]:
    if not isinstance(node.value, dict):
        return _path(node, node.text())
    fields = node.fields(("path", "revision"), required=("path",))
    return fields["path"].text(), fields["revision"].text() if "revision" in fields else None


def _path(node: Node, text: str) -> tuple[str, str | None]:
    parts = text.split("@")
    if len(parts) > 2 or not all(parts):
        raise node.error(f"found {text!r}", "write 'path' or 'path@revision'")
    return parts[0], parts[1] if len(parts) == 2 else None
