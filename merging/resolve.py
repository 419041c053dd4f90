"""Where a model named in a spec is: a local directory, or a snapshot from the Hugging Face hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from evomerge.errors import ModelError

# What a merge reads or copies; pickle weights and code files are never downloaded.
ALLOW_PATTERNS = (
    "*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json",
    "adapter_config.json", "delta_pack.json",
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ResolvedModel:
    """A model directory on this machine, and the commit it is a snapshot of where that is known."""

    path: str
    revision: str | None


def resolve_model(model: str, revision: str | None, root: Path) -> ResolvedModel:
    """Find a model: a directory (absolute, or relative to ``root``) first, else a Hugging Face repository.

    A repository is taken from the local cache or downloaded, safetensors, configuration and tokenizer files
    only.

    Raises:
        ModelError: there is no such directory or repository, the hub cannot be reached, or a revision is
            given for a local directory.
    """
    directory = (root / Path(model).expanduser()).resolve()
    if directory.is_dir():
        return _local(model, revision, directory)
    if not _REPOSITORY.fullmatch(model):
        raise ModelError(
            f"model {model}",
            f"{directory} is no directory, and {model!r} is no Hugging Face repository name",
            "give the path of a model directory, or a name such as 'organization/model'",
        )
    return _snapshot(model, revision)


def _local(model: str, revision: str | None, directory: Path) -> ResolvedModel:
    if revision is not None:
        raise ModelError(
            f"model {model}",
            f"it is the local directory {directory}, which has no revision {revision!r}",
            "remove the revision",
        )
    return ResolvedModel(str(directory), _commit(directory))


def _snapshot(model: str, revision: str | None) -> ResolvedModel:
    # Imported here because it brings an HTTP stack that local models never need.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    label = f"model {model}"
    try:
        path = Path(snapshot_download(model, revision=revision, allow_patterns=list(ALLOW_PATTERNS)))
    except GatedRepoError as error:
        fix = "accept its terms on the hub and log in with 'hf auth login'"
        raise ModelError(label, "access to this repository is restricted", fix) from error
    except RevisionNotFoundError as error:
        fix = "use a branch, tag or commit of the repository"
        raise ModelError(label, f"it has no revision {revision!r}", fix) from error
    except RepositoryNotFoundError as error:
        problem = "it is no local directory, and the hub has no such repository or it is private"
        raise ModelError(label, problem, "check the name, or log in with 'hf auth login'") from error
    except HFValidationError as error:
        raise ModelError(label, f"it is no repository name ({error})", "write 'organization/model'") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise ModelError(
            label,
            "it is no local directory, is not in the local cache, and the Hugging Face hub cannot be reached",
            "download it first, give the path of a local directory, or unset HF_HUB_OFFLINE",
        ) from error
    return ResolvedModel(str(path), _commit(path))


def _commit(directory: Path) -> str | None:
    """Read the commit off a directory of the Hugging Face cache (``.../snapshots/<commit>``)."""
    in_cache = directory.parent.name == "snapshots" and _COMMIT.fullmatch(directory.name)
    return directory.name if in_cache else None
